{{/* Content of config.yaml: the user's configuration, with defaults from the chart. */}}
{{- define "token-acquirer.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $fullname := include "token-acquirer.fullname" . -}}
{{- $state := $config.state | default dict -}}
{{- $_ := set $config "state" (merge $state (dict "secret" (printf "%s-state" $fullname))) -}}
{{- $endpoint := $config.endpoint | default dict -}}
{{- if include "token-acquirer.tlsSecret" . -}}
{{- $files := dict "service" $fullname "certificateFile" "/etc/token-acquirer/tls/tls.crt" "privateKeyFile" "/etc/token-acquirer/tls/tls.key" "caFile" "/etc/token-acquirer/tls/ca.crt" -}}
{{- $_ := set $config "endpoint" (merge $endpoint $files) -}}
{{- else if not $endpoint.certificateFile -}}
{{- $own := dict "authoritySecret" (printf "%s-ca" $fullname) "service" $fullname -}}
{{- $_ := set $config "endpoint" (merge $endpoint $own) -}}
{{- else -}}
{{- $_ := set $config "endpoint" (merge $endpoint (dict "service" $fullname)) -}}
{{- end -}}
{{- if gt (int .Values.shards) 1 -}}
{{- $_ := set $config "shards" (int .Values.shards) -}}
{{- end -}}
{{- range $name, $server := $config.authorizationServers -}}
{{- if and (hasKey $.Values.certificateAuthorities $name) (not $server.caFile) -}}
{{- $_ := set $server "caFile" (printf "/etc/token-acquirer/authorities/%s/ca.crt" $name) -}}
{{- end -}}
{{- if and $.Values.proxy.url (not $server.proxy) -}}
{{- $_ := set $server "proxy" $.Values.proxy.url -}}
{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The ConfigMap or Secret that each file is a copy of, for messages: PATH=KIND/NAME/KEY, separated by commas. */}}
{{- define "token-acquirer.fileOrigins" -}}
{{- $origins := list (printf "/etc/token-acquirer/config/config.yaml=ConfigMap/%s-config/config.yaml" (include "token-acquirer.fullname" .)) -}}
{{- range $name, $authority := .Values.certificateAuthorities -}}
{{- $kind := ternary "ConfigMap" "Secret" (not (not $authority.configMap)) -}}
{{- $of := printf "%s/%s/%s" $kind ($authority.configMap | default $authority.secret) ($authority.key | default "ca.crt") -}}
{{- $origins = append $origins (printf "/etc/token-acquirer/authorities/%s/ca.crt=%s" $name $of) -}}
{{- end -}}
{{- $tls := include "token-acquirer.tlsSecret" . -}}
{{- if $tls -}}
{{- range $key := list "tls.crt" "tls.key" "ca.crt" -}}
{{- $origins = append $origins (printf "/etc/token-acquirer/tls/%s=Secret/%s/%s" $key $tls $key) -}}
{{- end -}}
{{- end -}}
{{- join "," $origins -}}
{{- end -}}

{{/* SHA-256 of config.yaml as the pod sees it, which `token-acquirer status` shows. A block of YAML ends with one line break. */}}
{{- define "token-acquirer.configSha256" -}}
{{- printf "%s\n" (.Prepared.configText | trim) | sha256sum -}}
{{- end -}}

{{/* Audience of the callers' ServiceAccount tokens, as the token-acquirer itself computes it. */}}
{{- define "token-acquirer.audience" -}}
{{- $config := .Prepared.config -}}
{{- $config.audience | default (printf "%s.%s" $config.endpoint.service .Release.Namespace) -}}
{{- end -}}

{{/* Names of the credentials, each once, as a YAML list. */}}
{{- define "token-acquirer.credentials" -}}
{{- $names := list -}}
{{- range .Values.config.tokens -}}
{{- $names = append $names .credential -}}
{{- end -}}
{{- range .Values.config.services -}}
{{- $names = append $names .credential -}}
{{- end -}}
{{- toYaml (uniq $names | sortAlpha) -}}
{{- end -}}

{{/* Names of the credentials that have their own Secret, and so their own volume, as a YAML list. */}}
{{- define "token-acquirer.ownCredentials" -}}
{{- $names := list -}}
{{- range .Prepared.credentials -}}
{{- if or (not $.Values.credentialsSecret) (hasKey $.Values.credentials .) -}}
{{- $names = append $names . -}}
{{- end -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{/* ServiceAccount tokens that the token-acquirer sends to an authorization server, by the server's name, as YAML. */}}
{{- define "token-acquirer.identities" -}}
{{- $identities := dict -}}
{{- $exchanged := list -}}
{{- range concat .Values.config.tokens (values (.Values.config.services | default dict)) -}}
{{- if and (eq (toString .grant) "token_exchange") (not (.exchange | default dict).subjectTokenFile) -}}
{{- $exchanged = append $exchanged (toString .authorizationServer) -}}
{{- end -}}
{{- end -}}
{{- $config := toJson (omit .Values.config "endpoint") -}}
{{- range $name, $server := .Values.config.authorizationServers -}}
{{- $given := get $.Values.workloadIdentity $name | default dict | deepCopy -}}
{{- $isNamed := and (hasKey $.Values.workloadIdentity $name) (contains (printf "\"/var/run/secrets/workload-identity/%s/token\"" $name) $config) -}}
{{- if and (eq (toString $server.clientAuthentication) "workload_identity") (not $server.assertionFile) -}}
{{- $_ := set $identities $name (merge $given (dict "audience" "api://AzureADTokenExchange" "expirationSeconds" 3600)) -}}
{{- else if or (has $name $exchanged) $isNamed -}}
{{- $_ := set $identities $name (merge $given (dict "audience" "" "expirationSeconds" 3600)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $identities -}}
{{- end -}}

{{/* By namespace, as YAML: the token Secrets in it, and whether the token-acquirer reads pods and logs and creates events there. */}}
{{- define "token-acquirer.clientNamespaces" -}}
{{- $namespaces := dict -}}
{{- range .Values.config.tokens -}}
{{- $stored := ne (.delivery | default "secret") "endpoint" -}}
{{- $at := get $namespaces .secret.namespace | default (dict "secrets" list "pods" false) -}}
{{- $_ := set $at "events" true -}}
{{- if $stored -}}
{{- $_ := set $at "secrets" (append $at.secrets .secret.name | uniq | sortAlpha) -}}
{{- $_ := set $at "pods" true -}}
{{- end -}}
{{- $_ := set $namespaces .secret.namespace $at -}}
{{- $evidence := .evidence | default dict -}}
{{- with (.clientApp | default dict).namespace -}}
{{- $app := get $namespaces . | default (dict "secrets" list "events" false) -}}
{{- $_ := set $app "pods" true -}}
{{- if kindIs "map" ($evidence.log) -}}
{{- $_ := set $app "logs" true -}}
{{- end -}}
{{- $_ := set $namespaces . $app -}}
{{- end -}}
{{- end -}}
{{- toYaml $namespaces -}}
{{- end -}}

{{/* By namespace, as YAML: that AccessTokens in it may use a service. */}}
{{- define "token-acquirer.serviceNamespaces" -}}
{{- $namespaces := dict -}}
{{- range .Values.config.services -}}
{{- range .namespaces -}}
{{- $_ := set $namespaces . true -}}
{{- end -}}
{{- end -}}
{{- toYaml $namespaces -}}
{{- end -}}

{{/* By namespace, as YAML: that AccessTokens in it may have their token revoked when they are deleted. */}}
{{- define "token-acquirer.revokingNamespaces" -}}
{{- $namespaces := dict -}}
{{- range .Values.config.services -}}
{{- if .allowRevokeOnDelete -}}
{{- range .namespaces -}}
{{- $_ := set $namespaces . true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $namespaces -}}
{{- end -}}

{{/* Settings that are only read at the start: changing one restarts the pod. All others are loaded while it runs. */}}
{{- define "token-acquirer.restartChecksum" -}}
{{- $config := .Prepared.config -}}
{{- $endpoint := $config.endpoint | default dict -}}
{{- $counts := dict "state" $config.state.secret "authority" $endpoint.authoritySecret "service" $endpoint.service -}}
{{- $_ := set $counts "certificate" (not (not $endpoint.certificateFile)) -}}
{{- toJson $counts | sha256sum -}}
{{- end -}}

{{/* "true" if the cluster has admission policies (Kubernetes 1.30). */}}
{{- define "token-acquirer.hasPolicies" -}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version -}}true{{- end -}}
{{- end -}}

{{/* The annotation by which the guard of another release finds the namespaces of this one, as YAML. */}}
{{- define "token-acquirer.served" -}}
{{- toYaml (dict "token-acquirer.dev/serves-namespaces" (keys .Prepared.serviceNamespaces | sortAlpha | join " ")) -}}
{{- end -}}

{{/* "true" if AccessTokens are rejected in namespaces that no service names. */}}
{{- define "token-acquirer.rejectsElsewhere" -}}
{{- $wanted := .Values.accessTokens.policy.otherNamespaces -}}
{{- if or (eq $wanted "reject") (and (eq $wanted "auto") .Values.crds.enabled) -}}true{{- end -}}
{{- end -}}

{{/* Bounds of the services as CEL, in parts: an expression may have 100,000 characters. JSON is CEL, too. All values are lists, as CEL wants. */}}
{{- define "token-acquirer.serviceBounds" -}}
{{- $white := "[\\s\\v\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}]+" -}}
{{- $parts := list -}}
{{- $part := dict -}}
{{- range $name, $service := .Values.config.services -}}
{{- $scopes := concat ($service.scopes | default list) (regexSplit $white (toString ($service.scope | default "")) -1) | compact | uniq -}}
{{- $bounds := dict "namespaces" ($service.namespaces | default list | uniq) "scopes" $scopes -}}
{{- $_ := set $bounds "shortestInterval" (list (toString ($service.shortestInterval | default "1m"))) -}}
{{- if $service.allowRevokeOnDelete -}}
{{- $_ := set $bounds "revokeOnDelete" (list "allowed") -}}
{{- end -}}
{{- if gt (len (toJson $part)) 20000 -}}
{{- $parts = append $parts (toJson $part) -}}
{{- $part = dict -}}
{{- end -}}
{{- $_ := set $part $name $bounds -}}
{{- end -}}
{{- toYaml (append $parts (toJson $part)) -}}
{{- end -}}
