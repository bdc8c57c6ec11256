{{/* Sentences for NOTES.txt, as a YAML list: what is taken, but is insecure, deprecated, or will hurt later. */}}
{{- define "token-acquirer.warnings" -}}
{{- $warnings := list -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- if eq $token.grant "password" -}}
{{- $warnings = append $warnings (printf "config.tokens[%d].grant: password is forbidden for new applications by RFC 9700 section 2.4. Take client_credentials where the authorization server has it." $index) -}}
{{- end -}}
{{- if and (eq $token.grant "refresh_token") (not $.Values.secret.keep) -}}
{{- $warnings = append $warnings (printf "config.tokens[%d].grant: the rotated refresh token goes with the release when it is uninstalled. Set secret.keep, if it is not to." $index) -}}
{{- end -}}
{{- end -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- range $at, $client := $token.clients -}}
{{- if eq (toString $client.serviceAccount) "default" -}}
{{- $warnings = append $warnings (printf "config.tokens[%d].clients[%d]: default is the ServiceAccount of every pod of the namespace %s that names none, and they all may ask for this token. Give the client app its own ServiceAccount." $index $at $client.namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $server := .Values.config.authorizationServers -}}
{{- if eq (toString $server.refreshTokenReuse) "true" -}}
{{- $warnings = append $warnings (printf "config.authorizationServers.%s.refreshTokenReuse: true sends a used refresh token again at any time, which the server may take for theft. Give the time for which the server allows it, such as 30s." $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $server := (include "token-acquirer.config" . | fromYaml).authorizationServers -}}
{{- if regexMatch "^[^/]*//[^/]*@" ($server.proxy | default "") -}}
{{- $warnings = append $warnings (printf "config.authorizationServers.%s.proxy, or proxy.url: a password in it is read by whoever may read ConfigMaps. Take a proxy that lets the pod in without." $name) -}}
{{- end -}}
{{- end -}}
{{- range $index, $variable := .Values.extraEnv -}}
{{- if and (hasKey $variable "value") (regexMatch "(?i)(secret|password|credential|token|private_?key)" $variable.name) -}}
{{- $warnings = append $warnings (printf "extraEnv[%d]: a value in the environment is read by whoever may read pods. Credentials belong in their Secrets." $index) -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.image.digest) (eq (toString .Values.image.tag) "latest") -}}
{{- $warnings = append $warnings "image.tag: what latest is changes without an upgrade. Name a version, or a digest." -}}
{{- end -}}
{{- if or (ne (toString .Values.podSecurityContext.runAsNonRoot) "true") .Values.securityContext.privileged .Values.securityContext.allowPrivilegeEscalation (not .Values.securityContext.readOnlyRootFilesystem) -}}
{{- $warnings = append $warnings "podSecurityContext, securityContext: they allow more than the token-acquirer needs." -}}
{{- end -}}
{{- if ne .Values.service.type "ClusterIP" -}}
{{- $warnings = append $warnings (printf "service.type: %s opens the reissue endpoint to callers outside of the cluster." .Values.service.type) -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (has (toString .Values.podDisruptionBudget.maxUnavailable) (list "0" "0%")) -}}
{{- $warnings = append $warnings "podDisruptionBudget.maxUnavailable: there is one pod, so with 0 no node that it is on can be drained." -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.metricsFrom) (include "token-acquirer.renders" (dict "context" . "wanted" .Values.metrics.serviceMonitor)) -}}
{{- $warnings = append $warnings "networkPolicy.metricsFrom is empty, so Prometheus is locked out. Name its namespace there." -}}
{{- end -}}
{{- if and .Values.metrics.prometheusRule.enabled (not .Values.metrics.serviceMonitor.enabled) -}}
{{- $warnings = append $warnings (printf "metrics.prometheusRule: its alerts look for the job %s, which metrics.serviceMonitor makes. Without, TokenAcquirerDown fires all the time, and no other ever does." (include "token-acquirer.fullname" .)) -}}
{{- end -}}
{{- if and .Values.rbac.create (eq (include "token-acquirer.serviceAccountName" .) "default") -}}
{{- $warnings = append $warnings (printf "serviceAccount.name: default is the account of every pod of the namespace %s that names none, and they all may now read the tokens. Name one for the token-acquirer alone." .Release.Namespace) -}}
{{- end -}}
{{- if not .Values.rbac.create -}}
{{- $warnings = append $warnings "rbac.create is false: somebody else must give the rights, or no token is stored." -}}
{{- end -}}
{{- toYaml $warnings -}}
{{- end -}}
