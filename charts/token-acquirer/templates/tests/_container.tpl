{{/* A container of a pod of `helm test`. Takes `context`, `pod` (see _pods.tpl), and its own `name`, `as` and `patience`. */}}
{{- define "token-acquirer.testContainer" -}}
{{- $ := .context -}}
{{- $pod := .pod -}}
{{- $client := eq $pod.as "client" -}}
{{- $own := $.Prepared.ownSecrets | keys | sortAlpha -}}
name: {{ .name }}
image: {{ include "token-acquirer.image" (dict "context" $ "image" $.Values.test.image) | quote }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
args:
  - check
  - --as={{ .as }}
  {{- range $pod.tokens }}
  - {{ ternary (printf "%s=%s" .name .url) .name (and $client (not (not .url))) | quote }}
  {{- end }}
env:
  - name: PATIENCE
    value: {{ .patience }}
  - name: REISSUE_URL
    value: {{ printf "https://%s.%s.svc:%v" (include "token-acquirer.fullname" $) $.Release.Namespace $.Values.service.port | quote }}
  - name: REISSUE_NAMESPACE
    value: {{ $pod.namespace | quote }}
  - name: REISSUE_SECRET
    value: {{ $pod.secret | quote }}
  - name: CALLER_TOKEN_FILE
    value: /var/run/secrets/token-acquirer/token
  - name: CA_FILE
    value: /var/run/tokens/ca.crt
  {{- if $client }}
  {{- if ne $pod.delivery "endpoint" }}
  - name: TOKEN_DIRECTORY
    value: /var/run/tokens
  {{- end }}
  {{- with $.Values.test.serviceUrl }}
  - name: SERVICE_URL
    value: {{ . | quote }}
  {{- end }}
  {{- if $.Values.test.allowPlainHttp }}
  - name: ALLOW_PLAIN_HTTP
    value: "true"
  {{- end }}
  {{- if $.Values.test.certificateAuthority }}
  - name: SERVICE_CA_FILE
    value: /etc/gateway-authority/ca.crt
  {{- end }}
  - name: FORBIDDEN_FILES
    value: /etc/token-acquirer,/var/run/secrets/kubernetes.io/serviceaccount/token,client_secret,password,private_key,refresh_token
  - name: API_SERVER
    value: https://kubernetes.default.svc
  - name: API_CA_FILE
    value: /var/run/secrets/token-acquirer/api-server.crt
  - name: ACQUIRER_SECRETS
    value: {{ range $index, $name := $own }}{{ if $index }},{{ end }}{{ $.Release.Namespace }}/{{ $name }}{{ end }}
  {{- end }}
# The pod's status shows it, so one command lists the failures in all namespaces.
terminationMessagePolicy: FallbackToLogsOnError
{{- with $.Values.test.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "token-acquirer.securityContext" (dict "context" $ "securityContext" $.Values.securityContext) | nindent 2 }}
volumeMounts:
  - name: tokens
    mountPath: /var/run/tokens
    readOnly: true
  - name: caller-token
    mountPath: /var/run/secrets/token-acquirer
    readOnly: true
  {{- if and $client $.Values.test.certificateAuthority }}
  - name: gateway-authority
    mountPath: /etc/gateway-authority
    readOnly: true
  {{- end }}
{{- end -}}
