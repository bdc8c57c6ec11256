{{/*
The pods of `helm test`, as a YAML list: { namespace, name, as, account, secret, tokens: [{ name, key, delivery, url }] }.
For each token Secret there are two: one with the ServiceAccount of a client, and one with `default`, which is no client.
*/}}
{{- define "token-acquirer.testPods" -}}
{{- $groups := list -}}
{{- $places := dict -}}
{{- $callers := list -}}
{{- range .Values.config.tokens -}}
{{- range concat (.clients | default list) ((.evidence | default dict).reporters | default list) -}}
{{- $callers = append $callers (toString .namespace) -}}
{{- end -}}
{{- end -}}
{{- if .Values.test.image.repository -}}
{{- range .Values.config.tokens -}}
{{- $token := . -}}
{{- $accounts := list -}}
{{- range $token.clients -}}
{{- /* A pod can only mount Secrets of its own namespace. */ -}}
{{- if and .serviceAccount (eq (toString .namespace) $token.secret.namespace) -}}
{{- $accounts = append $accounts .serviceAccount -}}
{{- end -}}
{{- end -}}
{{- $delivery := $token.delivery | default "secret" -}}
{{- $own := get ($.Values.test.tokens | default dict) (printf "%s/%s/%s" $token.secret.namespace $token.secret.name $token.name) -}}
{{- $tried := dict "name" $token.name "key" ($token.key | default $token.name) "delivery" $delivery "url" (($own | default dict).serviceUrl | default "") -}}
{{- $wanted := list -}}
{{- if $accounts -}}
{{- $wanted = append $wanted (dict "as" "client" "account" (first $accounts) "delivery" $delivery) -}}
{{- end -}}
{{- /* The chart's network policy admits no connection from elsewhere, so the endpoint rejects nobody there. */ -}}
{{- $reached := or (not $.Values.networkPolicy.enabled) (has $token.secret.namespace $callers) -}}
{{- if and $reached (not (has "default" $accounts)) -}}
{{- $wanted = append $wanted (dict "as" "stranger" "account" "default" "delivery" "") -}}
{{- end -}}
{{- range $wanted -}}
{{- $group := merge (dict "namespace" $token.secret.namespace "secret" $token.secret.name) . -}}
{{- $id := toJson $group -}}
{{- if not (hasKey $places $id) -}}
{{- $_ := set $places $id (set $group "tokens" list) -}}
{{- $groups = append $groups $group -}}
{{- end -}}
{{- $group = get $places $id -}}
{{- $_ := set $group "tokens" (append $group.tokens $tried) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $names := dict -}}
{{- range $groups -}}
{{- $name := printf "%s-test-%s-%s" (include "token-acquirer.fullname" $) .as .secret -}}
{{- if or (gt (len $name) 62) (hasKey $names (printf "%s/%s" .namespace $name)) -}}
{{- $of := printf "%s %s %s" $name .account .delivery | sha256sum | trunc 8 -}}
{{- $name = printf "%s-%s" ($name | trunc 53 | trimSuffix "-") $of -}}
{{- end -}}
{{- $_ := set $names (printf "%s/%s" .namespace $name) true -}}
{{- $_ := set . "name" $name -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}

{{/* Not empty if all pods of `helm test` are one hook, which is the case for several token Secrets. Takes `context` and `pods`. */}}
{{- define "token-acquirer.testsTogether" -}}
{{- $secrets := dict -}}
{{- range .pods -}}
{{- $_ := set $secrets (printf "%s/%s" .namespace .secret) true -}}
{{- end -}}
{{- if and .context.Values.test.together (gt (len $secrets) 1) }}true{{ end -}}
{{- end -}}

{{/* The label app.kubernetes.io/name of the pods of `helm test`. */}}
{{- define "token-acquirer.testName" -}}
{{- printf "%s-test" (include "token-acquirer.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
