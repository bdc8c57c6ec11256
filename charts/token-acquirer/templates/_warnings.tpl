{{/* Sentences for NOTES.txt, as a YAML list: values that work, but are insecure, deprecated, or cause trouble later. */}}
{{- define "token-acquirer.warnings" -}}
{{- $warnings := list -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- if eq $token.grant "password" -}}
{{- $warnings = append $warnings (printf "%s.grant: password is forbidden for new applications by RFC 9700 section 2.4. Use client_credentials if the authorization server supports it." (index $.Prepared.places $index)) -}}
{{- end -}}
{{- if and (eq $token.grant "refresh_token") (not $.Values.secret.keep) -}}
{{- $warnings = append $warnings (printf "%s.grant: uninstalling the release deletes the rotated refresh token. Set secret.keep to keep it." (index $.Prepared.places $index)) -}}
{{- end -}}
{{- end -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- range $at, $client := $token.clients -}}
{{- if eq (toString $client.serviceAccount) "default" -}}
{{- $warnings = append $warnings (printf "%s.clients[%d]: default is the ServiceAccount of every pod in the namespace %s that names none, and all of these pods may request this token. Give the client app its own ServiceAccount." (index $.Prepared.places $index) $at $client.namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $server := .Values.config.authorizationServers -}}
{{- if eq (toString $server.refreshTokenReuse) "true" -}}
{{- $warnings = append $warnings (printf "config.authorizationServers.%s.refreshTokenReuse: true sends a used refresh token again at any time, which the server may treat as theft. Set the time for which the server allows it, such as 30s." $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $server := .Prepared.config.authorizationServers -}}
{{- if regexMatch "^[^/]*//[^/]*@" ($server.proxy | default "") -}}
{{- $warnings = append $warnings (printf "config.authorizationServers.%s.proxy, or proxy.url: anyone who may read ConfigMaps can read a password in it. Use a proxy that admits the pod without a password." $name) -}}
{{- end -}}
{{- end -}}
{{- range $index, $variable := .Values.extraEnv -}}
{{- if and (hasKey $variable "value") (regexMatch "(?i)(secret|password|credential|token|private_?key)" $variable.name) -}}
{{- $warnings = append $warnings (printf "extraEnv[%d]: anyone who may read pods can read a value in the environment. Credentials belong in their Secrets." $index) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.image.digest) (eq (toString .Values.image.tag) "latest") -}}
{{- $warnings = append $warnings "image.tag: the image behind latest changes without an upgrade. Name a version, or a digest." -}}
{{- end -}}
{{- if or (ne (toString .Values.podSecurityContext.runAsNonRoot) "true") .Values.securityContext.privileged .Values.securityContext.allowPrivilegeEscalation (not .Values.securityContext.readOnlyRootFilesystem) -}}
{{- $warnings = append $warnings "podSecurityContext, securityContext: they allow more than the token-acquirer needs." -}}
{{- end -}}
{{- if ne .Values.service.type "ClusterIP" -}}
{{- $warnings = append $warnings (printf "service.type: %s opens the reissue endpoint to callers outside of the cluster." .Values.service.type) -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (has (toString .Values.podDisruptionBudget.maxUnavailable) (list "0" "0%")) -}}
{{- $warnings = append $warnings "podDisruptionBudget.maxUnavailable is 0, so nodes with a pod of the token-acquirer cannot be drained." -}}
{{- end -}}
{{- if eq (int .Values.replicas) 1 -}}
{{- $warnings = append $warnings "replicas is 1, so nobody answers calls while its pod is replaced, and nobody renews tokens if its node fails." -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.metricsFrom) (include "token-acquirer.renders" (dict "context" . "wanted" .Values.metrics.serviceMonitor)) -}}
{{- $warnings = append $warnings "networkPolicy.metricsFrom is empty, so Prometheus cannot read the metrics. Name its namespace there." -}}
{{- end -}}
{{- if and .Values.metrics.prometheusRule.enabled (not .Values.metrics.serviceMonitor.enabled) -}}
{{- $warnings = append $warnings (printf "metrics.prometheusRule: its alerts look for the job %s, which metrics.serviceMonitor makes. Without, TokenAcquirerDown fires all the time, and no other ever does." (include "token-acquirer.fullname" .)) -}}
{{- end -}}
{{- if and .Values.rbac.create (eq (include "token-acquirer.serviceAccountName" .) "default") -}}
{{- $warnings = append $warnings (printf "serviceAccount.name: default is the ServiceAccount of every pod in the namespace %s that names none, and all of these pods may now read the tokens. Name a ServiceAccount that only the token-acquirer uses." .Release.Namespace) -}}
{{- end -}}
{{- if not .Values.rbac.create -}}
{{- $warnings = append $warnings "rbac.create is false: create the RBAC yourself, or no token is stored." -}}
{{- end -}}
{{- $unnudged := include "token-acquirer.unnudgedTokens" . | fromYaml -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- $lifetime := (get $.Values.config.authorizationServers $token.authorizationServer | default dict).defaultLifetime -}}
{{- if and $lifetime (hasKey $unnudged (toString $index)) -}}
{{- $seconds := include "token-acquirer.seconds" $lifetime | float64 -}}
{{- $renewal := $token.renewal | default dict -}}
{{- $wanted := divf (mulf $seconds (trimSuffix "%" ($renewal.at | default "67%"))) 100 -}}
{{- if $renewal.interval -}}
{{- $wanted = minf (include "token-acquirer.seconds" $renewal.interval) (mulf $seconds 0.9) -}}
{{- end -}}
{{- if lt (round (subf $seconds $wanted) 3) 90.0 -}}
{{- $warnings = append $warnings (printf "%s: with the defaultLifetime of %s, %s, the token is renewed less than 90 s before it expires. A program that only reads the token file may get the new one too late. Set config.propagation.nudge, or secret.readers to library if every client asks for a reissue." (index $.Prepared.places $index) $token.authorizationServer $lifetime) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $warnings -}}
{{- end -}}

{{/* Indices of the tokens that programs may read from mounted volumes without a nudge, as keys of a YAML mapping. */}}
{{- define "token-acquirer.unnudgedTokens" -}}
{{- $tokens := dict -}}
{{- if not (.Values.config.propagation | default dict).nudge -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- if and (ne (toString $token.delivery) "endpoint") (ne (toString $token.secret.readers) "library") -}}
{{- $_ := set $tokens (toString $index) true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $tokens -}}
{{- end -}}

{{/* A duration such as 1h30m in seconds. */}}
{{- define "token-acquirer.seconds" -}}
{{- $units := dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- $seconds := 0.0 -}}
{{- range regexFindAll "[0-9]+([.][0-9]+)?(ms|s|m|h|d)" . -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $seconds = addf $seconds (mulf (trimSuffix $unit .) (get $units $unit)) -}}
{{- end -}}
{{- printf "%f" $seconds -}}
{{- end -}}
