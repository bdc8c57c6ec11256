{{/*
Checks the values of the three templates below, and adds defaults. The result is YAML, because a named template can only return
text. Takes (dict "values" VALUES "template" "env").
*/}}
{{- define "token-acquirer-client.checked" -}}
{{- $at := printf "token-acquirer-client.%s" .template -}}
{{- $given := .values -}}
{{- if not (kindIs "map" $given) -}}
{{- fail (printf "\n%s: it takes a mapping such as { secret: billing-tokens, tokens: [dynamics] }, and got %s: pass it the values, as in include %q .Values.tokenAcquirer." $at (ternary "nothing" (kindOf $given) (kindIs "invalid" $given)) $at) -}}
{{- end -}}
{{- $known := list "secret" "tokens" "namespace" "endpoint" "audience" "expirationSeconds" "certificateAuthority" "reissue" "tokenDirectory" "callerTokenDirectory" "volumePrefix" "sidecar" -}}
{{- range $key := keys $given | sortAlpha -}}
{{- if not (has $key $known) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys: %s." $at $key (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- $label := "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" -}}
{{- $secret := default "" $given.secret | toString -}}
{{- if not $secret -}}
{{- fail (printf "\n%s: secret is missing: name the Secret that the token-acquirer writes (tokens[].secret.name in its configuration)." $at) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" $secret) -}}
{{- fail (printf "\n%s: secret %q is not a valid name of a Secret: use lower-case letters, digits, hyphens and dots." $at $secret) -}}
{{- end -}}
{{- if not (kindIs "slice" $given.tokens) -}}
{{- fail (printf "\n%s: tokens is missing, or is not a list: list the names of the tokens to mount, such as [dynamics] (tokens[].name in the token-acquirer's configuration)." $at) -}}
{{- end -}}
{{- if not $given.tokens -}}
{{- fail (printf "\n%s: tokens is empty: list the names of the tokens to mount, such as [dynamics]." $at) -}}
{{- end -}}
{{- $tokens := list -}}
{{- $names := list -}}
{{- range $index, $token := $given.tokens -}}
{{- if kindIs "map" $token -}}
{{- range $key := keys $token | sortAlpha -}}
{{- if not (has $key (list "name" "key")) -}}
{{- fail (printf "\n%s: tokens[%d]: unknown key %q. Valid keys of a token: name, key." $at $index $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $name := ternary $token (get (ternary $token dict (kindIs "map" $token)) "name") (kindIs "string" $token) | default "" | toString -}}
{{- if not (and (regexMatch $label $name) (le (len $name) 63)) -}}
{{- fail (printf "\n%s: tokens[%d] has no name, or one that is not a valid DNS label: write the name of the token, or { name: dynamics, key: crm-token } if its key in the Secret differs." $at $index) -}}
{{- end -}}
{{- if has $name $names -}}
{{- fail (printf "\n%s: tokens[%d]: %s is listed twice: remove one of them." $at $index $name) -}}
{{- end -}}
{{- $names = append $names $name -}}
{{- $tokens = append $tokens (dict "name" $name "key" (default $name (get (ternary $token dict (kindIs "map" $token)) "key"))) -}}
{{- end -}}
{{- $endpoint := default dict $given.endpoint -}}
{{- if not (kindIs "map" $endpoint) -}}
{{- fail (printf "\n%s: endpoint takes { service, namespace, port } of the token-acquirer, not %s." $at (kindOf $endpoint)) -}}
{{- end -}}
{{- range $key := keys $endpoint | sortAlpha -}}
{{- if not (has $key (list "service" "namespace" "port")) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys of endpoint: service, namespace, port." $at $key) -}}
{{- end -}}
{{- end -}}
{{- $authority := default dict $given.certificateAuthority -}}
{{- if not (kindIs "map" $authority) -}}
{{- fail (printf "\n%s: certificateAuthority takes { configMap: NAME }, { secret: NAME } or { public: true }, not %s." $at (kindOf $authority)) -}}
{{- end -}}
{{- range $key := keys $authority | sortAlpha -}}
{{- if not (has $key (list "configMap" "secret" "key" "public")) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys of certificateAuthority: configMap, secret, key, public." $at $key) -}}
{{- end -}}
{{- end -}}
{{- if and $authority (ne 1 (len (compact (list $authority.configMap $authority.secret (ternary "public" "" (eq true $authority.public)))))) -}}
{{- fail (printf "\n%s: certificateAuthority needs either configMap or secret, with the CA of the token-acquirer's certificate, or public: true." $at) -}}
{{- end -}}
{{- if and (hasKey $given "reissue") (not (kindIs "bool" $given.reissue)) -}}
{{- fail (printf "\n%s: reissue is either true or false, without quotes." $at) -}}
{{- end -}}
{{- $checked := dict
  "secret" $secret
  "tokens" $tokens
  "namespace" (default "" $given.namespace)
  "url" (printf "https://%s.%s.svc:%v" (default "token-acquirer" $endpoint.service) (default "token-acquirer" $endpoint.namespace) (default 8443 $endpoint.port | int))
  "audience" (default (printf "%s.%s" (default "token-acquirer" $endpoint.service) (default "token-acquirer" $endpoint.namespace)) $given.audience)
  "expirationSeconds" (default 3600 $given.expirationSeconds | int)
  "certificateAuthority" $authority
  "reissue" (ternary $given.reissue true (hasKey $given "reissue"))
  "tokenDirectory" (default "/var/run/tokens" $given.tokenDirectory)
  "callerTokenDirectory" (default "/var/run/secrets/token-acquirer" $given.callerTokenDirectory)
  "volumePrefix" (default "" $given.volumePrefix)
-}}
{{- if hasKey $given "sidecar" -}}
{{- $_ := set $checked "sidecar" (include "token-acquirer-client.sidecar.checked" (dict "at" $at "client" $checked "sidecar" $given.sidecar) | fromYaml) -}}
{{- end -}}
{{- toYaml $checked -}}
{{- end -}}

{{/*
Environment variables of a container: where its tokens are, and the address of the reissue endpoint. Entries of a list.
*/}}
{{- define "token-acquirer-client.env" -}}
{{- $client := include "token-acquirer-client.checked" (dict "values" . "template" "env") | fromYaml -}}
- name: TOKEN_DIRECTORY
  value: {{ $client.tokenDirectory | quote }}
{{- if $client.reissue }}
- name: REISSUE_URL
  value: {{ $client.url | quote }}
- name: REISSUE_NAMESPACE
  {{- if $client.namespace }}
  value: {{ $client.namespace | quote }}
  {{- else }}
  # A pod can only mount Secrets of its own namespace.
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.namespace
  {{- end }}
- name: REISSUE_SECRET
  value: {{ $client.secret | quote }}
- name: CALLER_TOKEN_FILE
  value: {{ printf "%s/token" $client.callerTokenDirectory | quote }}
{{- if not $client.certificateAuthority.public }}
- name: CA_FILE
  value: {{ printf "%s/ca.crt" (ternary $client.callerTokenDirectory $client.tokenDirectory (not (empty $client.certificateAuthority))) | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Volume mounts of a container. They mount whole folders: a file that is mounted with `subPath` never changes. Entries of a list.
*/}}
{{- define "token-acquirer-client.volumeMounts" -}}
{{- include "token-acquirer-client.checked" (dict "values" . "template" "volumeMounts") | fromYaml | include "token-acquirer-client.mounts" -}}
{{- end -}}

{{/* The same of the checked values. */}}
{{- define "token-acquirer-client.mounts" -}}
{{- $client := . -}}
- name: {{ $client.volumePrefix }}tokens
  mountPath: {{ $client.tokenDirectory | quote }}
  readOnly: true
{{- if $client.reissue }}
- name: {{ $client.volumePrefix }}caller-token
  mountPath: {{ $client.callerTokenDirectory | quote }}
  readOnly: true
{{- end }}
{{- end -}}

{{/*
Volumes of a pod. With `items` the pod waits for its first token, instead of starting with an empty volume. Entries of a list.
*/}}
{{- define "token-acquirer-client.volumes" -}}
{{- $client := include "token-acquirer-client.checked" (dict "values" . "template" "volumes") | fromYaml -}}
{{- $authority := $client.certificateAuthority -}}
- name: {{ $client.volumePrefix }}tokens
  secret:
    secretName: {{ $client.secret | quote }}
    # 0440: readable by the group of the pod's fsGroup.
    defaultMode: 288
    items:
      {{- range $client.tokens }}
      - key: {{ .key | quote }}
        path: {{ .name | quote }}
      - key: {{ printf "%s.json" .key | quote }}
        path: {{ printf "%s.json" .name | quote }}
      {{- end }}
      {{- if and $client.reissue (not $authority) }}
      - key: ca.crt
        path: ca.crt
      {{- end }}
{{- if $client.reissue }}
- name: {{ $client.volumePrefix }}caller-token
  projected:
    defaultMode: 288
    sources:
      - serviceAccountToken:
          audience: {{ $client.audience | quote }}
          expirationSeconds: {{ $client.expirationSeconds }}
          path: token
      {{- if or $authority.configMap $authority.secret }}
      {{- with $authority }}
      - {{ ternary "configMap" "secret" (not (empty .configMap)) }}:
          name: {{ default .secret .configMap | quote }}
          items:
            - key: {{ default "ca.crt" .key | quote }}
              path: ca.crt
      {{- end }}
      {{- end }}
{{- end }}
{{- if $client.sidecar }}
{{ include "token-acquirer-client.sidecar.volume" $client }}
{{- end }}
{{- end -}}
