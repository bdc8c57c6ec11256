{{/*
The sidecar: a stock Envoy that adds the tokens to the requests of an application in any language. An entry of `initContainers`:
with `restartPolicy: Always` it starts before the application, and ends after it, so that Jobs complete.
*/}}
{{- define "token-acquirer-client.sidecar" -}}
{{- $client := include "token-acquirer-client.checked" (dict "values" . "template" "sidecar") | fromYaml -}}
{{- $sidecar := $client.sidecar -}}
{{- if not $sidecar -}}
{{- fail "\ntoken-acquirer-client.sidecar: sidecar is missing: name its image and its routes, such as sidecar: { image: …, routes: [{ name: dynamics, upstream: \"https://api.example.com\" }] }." -}}
{{- end -}}
- name: {{ $client.volumePrefix }}token-sidecar
  image: {{ $sidecar.image | quote }}
  restartPolicy: Always
  command: [envoy]
  args:
    - --concurrency
    - "1"
    - --disable-hot-restart
    # Of the log, which token-acquirer may follow. Envoy would wait for 10 s.
    - --file-flush-interval-msec
    - "250"
    - --log-level
    - warning
    - --config-yaml
    - |
      {{- include "token-acquirer-client.sidecar.configuration" (dict "client" $client "sidecar" $sidecar "directory" "/etc/token-acquirer/sidecar") | nindent 6 }}
  env:
    - name: POD_IP
      valueFrom: { fieldRef: { apiVersion: v1, fieldPath: status.podIP } }
    {{- if $client.reissue }}
    - name: REISSUE_NAMESPACE
      {{- if $client.namespace }}
      value: {{ $client.namespace | quote }}
      {{- else }}
      valueFrom: { fieldRef: { apiVersion: v1, fieldPath: metadata.namespace } }
      {{- end }}
    {{- end }}
    - name: SIDECAR_LUA
      value: |
        {{- include "token-acquirer-client.sidecar.lua" . | nindent 8 }}
  # The application starts when the sidecar listens.
  startupProbe:
    httpGet: { path: /ready, port: {{ $sidecar.probePort }} }
    periodSeconds: 1
    failureThreshold: 120
  livenessProbe:
    httpGet: { path: /ready, port: {{ $sidecar.probePort }} }
    periodSeconds: 10
    timeoutSeconds: 5
  resources:
    {{- toYaml $sidecar.resources | nindent 4 }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    {{- with $sidecar.runAsUser }}
    runAsUser: {{ . | int64 }}
    {{- end }}
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    {{- include "token-acquirer-client.mounts" $client | nindent 4 }}
    - name: {{ $client.volumePrefix }}token-sidecar
      mountPath: /etc/token-acquirer/sidecar
      readOnly: true
{{- end -}}

{{/*
Annotations of the pod. Envoy reads each secret from a file that names the file of the token. A volume makes these files from the
annotations, so that the sidecar needs no ConfigMap. They hold no token. Entries of a mapping.
*/}}
{{- define "token-acquirer-client.sidecarAnnotations" -}}
{{- $client := include "token-acquirer-client.checked" (dict "values" . "template" "sidecarAnnotations") | fromYaml -}}
{{- if not $client.sidecar -}}
{{- fail "\ntoken-acquirer-client.sidecarAnnotations: sidecar is missing: name its image and its routes, or remove this line." -}}
{{- end -}}
{{- $lines := list -}}
{{- range $key, $secret := include "token-acquirer-client.sidecar.secrets" $client | fromYaml -}}
{{- $lines = append $lines (printf "sidecar.token-acquirer.dev/%s: '%s'" $key (toJson $secret)) -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{/* The secrets of SDS by the name of their annotation, as YAML. Takes the checked values of the client. */}}
{{- define "token-acquirer-client.sidecar.secrets" -}}
{{- $client := . -}}
{{- $secrets := dict -}}
{{- $type := "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret" -}}
{{- range .sidecar.routes -}}
{{- $secret := dict "@type" $type "name" "token" "generic_secret" (dict "secret" (dict "filename" (printf "%s/%s" $client.tokenDirectory .token))) -}}
{{- $_ := set $secrets (printf "token.%s" .name) (dict "resources" (list $secret)) -}}
{{- if .certificateAuthority -}}
{{- $file := printf "/etc/token-acquirer/sidecar/ca.%s.crt" .name -}}
{{- $_ := set $secrets (printf "ca.%s" .name) (dict "resources" (list (dict "@type" $type "name" "ca" "validation_context" (dict "trusted_ca" (dict "filename" $file))))) -}}
{{- end -}}
{{- end -}}
{{- if and .reissue (ne true .certificateAuthority.public) -}}
{{- $file := printf "%s/ca.crt" (ternary .callerTokenDirectory .tokenDirectory (not (empty .certificateAuthority))) -}}
{{- $_ := set $secrets "ca" (dict "resources" (list (dict "@type" $type "name" "ca" "validation_context" (dict "trusted_ca" (dict "filename" $file))))) -}}
{{- end -}}
{{- toYaml $secrets -}}
{{- end -}}

{{/* The volume of the sidecar. An entry of `volumes`. Takes the checked values of the client. */}}
{{- define "token-acquirer-client.sidecar.volume" -}}
- name: {{ .volumePrefix }}token-sidecar
  projected:
    defaultMode: 292
    sources:
      - downwardAPI:
          items:
            {{- range $key := include "token-acquirer-client.sidecar.secrets" . | fromYaml | keys | sortAlpha }}
            - path: {{ $key }}.yaml
              fieldRef: { apiVersion: v1, fieldPath: "metadata.annotations['sidecar.token-acquirer.dev/{{ $key }}']" }
            {{- end }}
      {{- range .sidecar.routes }}
      {{- $name := .name }}
      {{- with .certificateAuthority }}
      - {{ ternary "configMap" "secret" (not (empty .configMap)) }}:
          name: {{ default .secret .configMap | quote }}
          items:
            - key: {{ default "ca.crt" .key | quote }}
              path: ca.{{ $name }}.crt
      {{- end }}
      {{- end }}
{{- end -}}
