{{/*
The configuration of Envoy. Takes (dict "client" CHECKED "sidecar" CHECKED "directory" FOLDER), where FOLDER holds the secrets of SDS.
Kubernetes replaces $(POD_IP) and $(REISSUE_NAMESPACE).
*/}}
{{- define "token-acquirer-client.sidecar.configuration" -}}
{{- $client := .client -}}
{{- $sidecar := .sidecar -}}
{{- $directory := .directory -}}
{{- $shared := list -}}
{{- $listeners := list -}}
{{- range $sidecar.routes -}}
{{- if .port -}}
{{- $listeners = append $listeners (dict "name" (printf "route-%s" .name) "port" (.port | int) "routes" (list .)) -}}
{{- else -}}
{{- $shared = append $shared . -}}
{{- end -}}
{{- end -}}
{{- if $shared -}}
{{- $listeners = prepend $listeners (dict "name" "routes" "port" ($sidecar.port | int) "routes" $shared "prefixed" true) -}}
{{- end -}}
node: { id: token-acquirer-sidecar, cluster: token-acquirer-sidecar }
# Nobody could read them: there is no administration port.
stats_config: { stats_matcher: { reject_all: true } }
layered_runtime:
  layers:
    # An application that opens too many connections does not use up this limit.
    - { name: limits, static_layer: { envoy.resource_limits.listener.probe.connection_limit: 1000 } }
overload_manager:
  {{- $heap := include "token-acquirer-client.sidecar.heap" $sidecar }}
  {{- if $heap }}
  # Before the kernel ends the sidecar with all its requests, it rejects new ones, and then ends those that hold most.
  # A flood needs less than the default of 1 s.
  refresh_interval: 0.1s
  buffer_factory_config: { minimum_account_to_track_power_of_two: 15 }
  actions:
    - name: envoy.overload_actions.stop_accepting_requests
      triggers: [{ name: envoy.resource_monitors.fixed_heap, threshold: { value: 0.85 } }]
    - name: envoy.overload_actions.reset_high_memory_stream
      triggers: [{ name: envoy.resource_monitors.fixed_heap, scaled: { scaling_threshold: 0.9, saturation_threshold: 1 } }]
  {{- end }}
  resource_monitors:
    {{- if $heap }}
    - name: envoy.resource_monitors.fixed_heap
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig
        max_heap_size_bytes: {{ $heap }}
    {{- end }}
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: 1000
static_resources:
  listeners:
    {{- range $listeners }}
    {{- include "token-acquirer-client.sidecar.listener" . | nindent 4 }}
    {{- end }}
    # For the probes of the kubelet, which come from the node. It has no route to a service.
    - name: probe
      address: { socket_address: { address: "$(POD_IP)", port_value: {{ $sidecar.probePort }} } }
      # An application that opens too many connections does not get the sidecar restarted.
      ignore_global_conn_limit: true
      bypass_overload_manager: true
      # Other pods can reach this port. So a connection costs little, and none lasts.
      per_connection_buffer_limit_bytes: 4096
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: probe
                codec_type: HTTP1
                max_request_headers_kb: 1
                common_http_protocol_options: { idle_timeout: 1s, max_requests_per_connection: 1 }
                request_headers_timeout: 1s
                request_timeout: 1s
                route_config:
                  virtual_hosts:
                    - name: probe
                      domains: ["*"]
                      routes:
                        - { match: { path: /ready }, direct_response: { status: 200 } }
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
    {{- range $sidecar.routes }}
    {{- include "token-acquirer-client.sidecar.cluster" (dict "client" $client "route" . "directory" $directory "traces" $sidecar.traces) | nindent 4 }}
    {{- end }}
    {{- if $client.reissue }}
    {{- include "token-acquirer-client.sidecar.reissuer" (dict "client" $client "directory" $directory) | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* A listener on loopback. Takes (dict "name" "port" "routes" "prefixed"). */}}
{{- define "token-acquirer-client.sidecar.listener" -}}
{{- $prefixed := .prefixed -}}
{{- $places := list -}}
{{- range .routes -}}
{{- $places = append $places (printf "/%s/" .name) -}}
{{- end -}}
- name: {{ .name | quote }}
  address: { socket_address: { address: 127.0.0.1, port_value: {{ .port }} } }
  # Bounds what a connection buffers.
  per_connection_buffer_limit_bytes: 262144
  filter_chains:
    - filters:
        - name: envoy.filters.network.http_connection_manager
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
            stat_prefix: {{ .name | quote }}
            codec_type: AUTO
            normalize_path: true
            http_protocol_options: { allow_absolute_url: false }
            http2_protocol_options: { initial_stream_window_size: 262144, initial_connection_window_size: 1048576 }
            common_http_protocol_options:
              # Some servers read authorization_ as Authorization.
              headers_with_underscores_action: REJECT_REQUEST
            request_headers_timeout: 30s
            # Streams may be silent for any time.
            stream_idle_timeout: 0s
            upgrade_configs: [{ upgrade_type: websocket }]
            # The service sees the application's request, and the application the service's answer.
            use_remote_address: true
            skip_xff_append: true
            # No caller may set Envoy's own headers, such as x-envoy-retry-on: only a caller of this address could.
            internal_address_config: { cidr_ranges: [{ address_prefix: 255.255.255.255, prefix_len: 32 }] }
            generate_request_id: false
            server_header_transformation: PASS_THROUGH
            route_config:
              virtual_hosts:
                - name: loopback
                  domains: ["127.0.0.1:{{ .port }}", "localhost:{{ .port }}"]
                  # Larger bodies are sent once. Their 401 reaches the application.
                  request_body_buffer_limit: 65536
                  request_headers_to_remove: [proxy-authorization, x-forwarded-proto, x-envoy-external-address]
                  # Those of the Lua.
                  response_headers_to_remove: [x-token-acquirer-retry, x-token-acquirer-token, x-token-acquirer-sha256, x-token-acquirer-challenge]
                  routes:
                    {{- range .routes }}
                    {{- if $prefixed }}
                    - name: {{ .name | quote }}
                      match: { prefix: /{{ .name }}/ }
                      route: { {{ include "token-acquirer-client.sidecar.action" . }}, prefix_rewrite: {{ printf "%s/" .path | quote }} }
                    - name: {{ .name | quote }}
                      match: { path: /{{ .name }} }
                      route: { {{ include "token-acquirer-client.sidecar.action" . }}, prefix_rewrite: {{ default "/" .path | quote }} }
                    {{- else }}
                    - name: {{ .name | quote }}
                      match: { prefix: / }
                      route: { {{ include "token-acquirer-client.sidecar.action" . }}{{ if .path }}, prefix_rewrite: {{ printf "%s/" .path | quote }}{{ end }} }
                    {{- end }}
                    {{- end }}
                    {{- if $prefixed }}
                    - match: { prefix: / }
                      direct_response: { status: 404, body: { inline_string: {{ printf "No route of the token-acquirer sidecar has this path. Its routes: %s\n" (join ", " $places) | toJson }} } }
                    {{- end }}
                  retry_policy:
                    # The Lua of the upstream decides, and sets this header.
                    retry_on: retriable-headers
                    retriable_headers: [{ name: x-token-acquirer-retry, present_match: true }]
                    num_retries: {{ include "token-acquirer-client.sidecar.retries" . }}
                    retry_back_off: { base_interval: 0.02s, max_interval: 1s }
                - name: elsewhere
                  domains: ["*"]
                  routes:
                    - match: { prefix: / }
                      direct_response: { status: 421, body: { inline_string: {{ printf "The sidecar of token-acquirer serves the Host 127.0.0.1:%d or localhost:%d only.\n" .port .port | toJson }} } }
            # One line for each request that could not reach its service, with the reason.
            access_log:
              - name: envoy.access_loggers.stdout
                filter: { response_flag_filter: { flags: [UF, UH, UC] } }
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                  log_format:
                    json_format:
                      time: "%START_TIME%"
                      event: service_unreachable
                      route: "%ROUTE_NAME%"
                      status: "%RESPONSE_CODE%"
                      reason: "%UPSTREAM_TRANSPORT_FAILURE_REASON%"
                      duration_ms: "%DURATION%"
                      flags: "%RESPONSE_FLAGS%"
            http_filters:
              - name: envoy.filters.http.router
                typed_config:
                  "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                  suppress_envoy_headers: true
                  # One line for each rejected attempt. It never holds a token.
                  upstream_log:
                    - name: envoy.access_loggers.stdout
                      filter:
                        status_code_filter: { comparison: { op: EQ, value: { default_value: 401, runtime_key: sidecar.rejected_status } } }
                      typed_config:
                        "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                        log_format:
                          json_format:
                            time: "%START_TIME%"
                            event: token_rejected
                            route: "%ROUTE_NAME%"
                            status: "%RESPONSE_CODE%"
                            www_authenticate: "%RESP(X-TOKEN-ACQUIRER-CHALLENGE)%"
                            token: "%RESP(X-TOKEN-ACQUIRER-TOKEN)%"
                            sha256: "%RESP(X-TOKEN-ACQUIRER-SHA256)%"
                            duration_ms: "%DURATION%"
                            flags: "%RESPONSE_FLAGS%"
{{- end -}}

{{/*
The bytes that Envoy's heap may have: half of the limit of memory. The rest is for what the heap does not count: the data of the program,
and what the allocator keeps. Empty without a limit. Takes the checked sidecar.
*/}}
{{- define "token-acquirer-client.sidecar.heap" -}}
{{- $memory := dig "limits" "memory" "" .resources | toString -}}
{{- $unit := regexFind "[A-Za-z]*$" $memory -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- if and (regexMatch "^[0-9]+[A-Za-z]*$" $memory) (hasKey $units $unit) -}}
{{- div (mul (trimSuffix $unit $memory | int64) (get $units $unit | int64)) 2 -}}
{{- end -}}
{{- end -}}

{{/* How many retries a request has at most. */}}
{{- define "token-acquirer-client.sidecar.retries" -}}12{{- end -}}

{{/* What all routes to one upstream have in common. */}}
{{- define "token-acquirer-client.sidecar.action" -}}
cluster: {{ printf "route-%s" .name | quote }}, host_rewrite_literal: {{ .authority | quote }}, timeout: 0s
{{- end -}}

{{/* The address of a cluster. Takes (dict "host" "port" "isAddress"). */}}
{{- define "token-acquirer-client.sidecar.endpoint" -}}
type: {{ ternary "STATIC" "LOGICAL_DNS" .isAddress }}
{{- if not .isAddress }}
dns_lookup_family: ALL
{{- end }}
connect_timeout: 10s
load_assignment:
  cluster_name: {{ .name | quote }}
  endpoints:
    - lb_endpoints:
        - endpoint: { address: { socket_address: { address: {{ .host | quote }}, port_value: {{ .port | int }} } } }
{{- end -}}

{{/* TLS to a host. Takes (dict "host" "isAddress" "secret" "file"), with the name and the file of a secret of SDS, or none for public CAs. */}}
{{- define "token-acquirer-client.sidecar.tls" -}}
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    {{- if not .isAddress }}
    sni: {{ .host | quote }}
    {{- end }}
    common_tls_context:
      tls_params: { tls_minimum_protocol_version: TLSv1_2 }
      {{- if .file }}
      combined_validation_context:
        default_validation_context:
          match_typed_subject_alt_names: [{ san_type: {{ ternary "IP_ADDRESS" "DNS" .isAddress }}, matcher: { exact: {{ .host | quote }} } }]
        validation_context_sds_secret_config:
          name: {{ .secret }}
          sds_config: { path_config_source: { path: {{ .file | quote }} } }
      {{- else }}
      validation_context:
        trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
        match_typed_subject_alt_names: [{ san_type: {{ ternary "IP_ADDRESS" "DNS" .isAddress }}, matcher: { exact: {{ .host | quote }} } }]
      {{- end }}
{{- end -}}

{{/* An upstream with the filters that add its token. Takes (dict "client" "route" "directory" "traces"). */}}
{{- define "token-acquirer-client.sidecar.cluster" -}}
{{- $client := .client -}}
{{- $route := .route -}}
# The name of a route is in no name that the rest of this configuration has.
- name: {{ printf "route-%s" $route.name | quote }}
  {{- include "token-acquirer-client.sidecar.endpoint" (dict "name" (printf "route-%s" $route.name) "host" $route.host "port" $route.upstreamPort "isAddress" $route.isAddress) | nindent 2 }}
  per_connection_buffer_limit_bytes: 262144
  circuit_breakers:
    thresholds:
      # The Lua allows a retry only where another token may help. The budget bounds how many wait at a time.
      - retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 64 }
  {{- if $route.tls }}
  {{- $file := ternary (printf "%s/ca.%s.yaml" .directory $route.name) "" (not (empty $route.certificateAuthority)) }}
  {{- include "token-acquirer-client.sidecar.tls" (dict "host" $route.host "isAddress" $route.isAddress "secret" "ca" "file" $file) | nindent 2 }}
  {{- end }}
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      # HTTP/2 for those who call the sidecar with HTTP/2, such as gRPC.
      use_downstream_protocol_config:
        http_protocol_options: {}
        http2_protocol_options: { initial_stream_window_size: 262144, initial_connection_window_size: 1048576 }
      # Shorter than that of common servers: a connection that the server closes would fail the next request.
      common_http_protocol_options: { idle_timeout: 4s }
      http_filters:
        - name: envoy.filters.http.credential_injector
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
            overwrite: true
            credential:
              name: envoy.http.injected_credentials.generic
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
                header: {{ $route.header | quote }}
                header_value_prefix: {{ $route.prefix | quote }}
                credential:
                  name: token
                  sds_config: { path_config_source: { path: {{ printf "%s/token.%s.yaml" .directory $route.name | quote }} } }
        - name: envoy.filters.http.lua
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code:
              inline_string: |
                envoy_on_request, envoy_on_response = assert(loadstring(os.getenv("SIDECAR_LUA")))({
                  token = {{ $route.token | quote }},
                  token_file = {{ printf "%s/%s" $client.tokenDirectory $route.token | quote }},
                  header = {{ $route.header | quote }},
                  prefix = {{ $route.prefix | quote }},
                  {{- if $client.reissue }}
                  caller_token_file = {{ printf "%s/token" $client.callerTokenDirectory | quote }},
                  reissue_authority = {{ trimPrefix "https://" $client.url | quote }},
                  reissue_path = "/v1/namespaces/$(REISSUE_NAMESPACE)/secrets/{{ $client.secret }}/tokens/{{ $route.token }}/reissue",
                  {{- if .traces }}
                  traces = true,
                  {{- end }}
                  {{- end }}
                })
        - name: envoy.filters.http.upstream_codec
          typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec }
{{- end -}}

{{/* The reissue endpoint of token-acquirer. Takes (dict "client" "directory"). */}}
{{- define "token-acquirer-client.sidecar.reissuer" -}}
{{- $address := trimPrefix "https://" .client.url -}}
{{- $host := regexReplaceAll ":[0-9]+$" $address "" -}}
{{- $port := trimPrefix (printf "%s:" $host) $address -}}
- name: token-acquirer
  {{- include "token-acquirer-client.sidecar.endpoint" (dict "name" "token-acquirer" "host" $host "port" $port "isAddress" false) | nindent 2 }}
  {{- $file := ternary "" (printf "%s/ca.yaml" .directory) (eq true .client.certificateAuthority.public) }}
  {{- include "token-acquirer-client.sidecar.tls" (dict "host" $host "isAddress" false "secret" "ca" "file" $file) | nindent 2 }}
  circuit_breakers:
    # Calls about one token wait for each other here. All but the first are answered without a token request.
    thresholds: [{ max_connections: 4 }]
  typed_extension_protocol_options:
    envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
      explicit_http_config: { http_protocol_options: {} }
      common_http_protocol_options: { idle_timeout: 4s }
{{- end -}}
