{{/*
Computes what many templates need, once, into `.Prepared`. `include` returns text only, and with thousands of tokens most of the
time went into parsing that text as YAML again. Each rendered file begins with this template.
*/}}
{{- define "token-acquirer.prepare" -}}
{{- if not (hasKey . "Prepared") -}}
{{- $_ := set . "Prepared" (dict "places" list "faults" list) -}}
{{- include "token-acquirer.dropNulls" . -}}
{{- include "token-acquirer.listTokens" . -}}
{{- include "token-acquirer.countShards" . -}}
{{- $_ := set .Prepared "credentials" (include "token-acquirer.credentials" . | fromYamlArray) -}}
{{- $_ := set .Prepared "ownCredentials" (include "token-acquirer.ownCredentials" . | fromYamlArray) -}}
{{- $_ := set .Prepared "configText" (include "token-acquirer.config" .) -}}
{{- $_ := set .Prepared "config" (fromYaml .Prepared.configText) -}}
{{- range list "identities" "clientNamespaces" "serviceNamespaces" "ownSecrets" "labels" -}}
{{- $_ := set $.Prepared . (include (printf "token-acquirer.%s" .) $ | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A null deletes what an earlier values file has under that key. Helm deletes only keys of the chart's own values. */}}
{{- define "token-acquirer.dropNulls" -}}
{{- $config := .Values.config -}}
{{- $own := list .Values.credentials .Values.certificateAuthorities .Values.workloadIdentity .Values.test.tokens .Values.extraObjects -}}
{{- range $entries := concat $own (list $config.authorizationServers $config.tokens $config.services) -}}
{{- if kindIs "map" $entries -}}
{{- range $key, $entry := $entries -}}
{{- if kindIs "invalid" $entry -}}
{{- $_ := unset $entries $key -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Makes a list of `config.tokens`, whatever its form. `.Prepared.places` has where each of them is, for messages. */}}
{{- define "token-acquirer.listTokens" -}}
{{- $label := "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?" -}}
{{- $form := printf "^(%s/%s/%s|[A-Za-z0-9]([-._A-Za-z0-9]{0,200}[A-Za-z0-9])?)$" $label $label $label -}}
{{- $given := .Values.config.tokens | default list -}}
{{- $tokens := list -}}
{{- $places := list -}}
{{- range $key, $token := $given -}}
{{- if kindIs "map" $given -}}
{{- $place := printf (regexMatch "^[-\\w]+$" $key | ternary "config.tokens.%s" "config.tokens[%q]") $key -}}
{{- $parts := splitList "/" $key -}}
{{- $identity := dict -}}
{{- if not (regexMatch $form $key) -}}
{{- $fault := printf "%s must be namespace/secret/name, or a name of letters, digits, hyphens, dots and underscores: correct the key." $place -}}
{{- $_ := set $identity "faults" (list $fault) -}}
{{- else if and (eq (len $parts) 3) (not $token.name) (not $token.secret) -}}
{{- /* Nearly all keys are like this, and this path is several times faster. */ -}}
{{- $identity = dict "name" (last $parts) "secret" (dict "namespace" (first $parts) "name" (index $parts 1)) -}}
{{- else -}}
{{- $identity = include "token-acquirer.identity" (dict "key" $key "token" $token "place" $place) | fromYaml -}}
{{- end -}}
{{- $_ := set $.Prepared "faults" (concat $.Prepared.faults ($identity.faults | default list)) -}}
{{- if and $identity.name ($identity.secret | default dict).namespace $identity.secret.name -}}
{{- $tokens = append $tokens (merge (dict "name" $identity.name "secret" $identity.secret) $token) -}}
{{- $places = append $places $place -}}
{{- end -}}
{{- else -}}
{{- $tokens = append $tokens $token -}}
{{- $places = append $places (printf "config.tokens[%d]" $key) -}}
{{- end -}}
{{- end -}}
{{- $_ := set .Values.config "tokens" $tokens -}}
{{- $_ := set .Prepared "places" $places -}}
{{- end -}}

{{/* Identity of a token in a mapping, as YAML: its name, its Secret, and errors in them. Takes `key`, `token`, `place`. */}}
{{- define "token-acquirer.identity" -}}
{{- $faults := list -}}
{{- $name := .token.name -}}
{{- $secret := .token.secret | default dict -}}
{{- $parts := splitList "/" .key -}}
{{- if eq (len $parts) 3 -}}
{{- $own := dict "namespace" (index $parts 0) "name" (index $parts 1) -}}
{{- if and $name (ne $name (index $parts 2)) -}}
{{- $faults = append $faults (printf "%s.name differs from the key of the token: remove it, or correct the key." .place) -}}
{{- end -}}
{{- range $field, $value := $own -}}
{{- if and (get $secret $field) (ne (get $secret $field) $value) -}}
{{- $faults = append $faults (printf "%s.secret.%s differs from the key of the token: remove it, or correct the key." $.place $field) -}}
{{- end -}}
{{- end -}}
{{- $name = index $parts 2 -}}
{{- $secret = merge $own $secret -}}
{{- else -}}
{{- if not $name -}}
{{- if regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .key -}}
{{- $name = .key -}}
{{- else -}}
{{- $faults = append $faults (printf "%s needs a name, because its key is neither namespace/secret/name nor a DNS label: add it, or correct the key." .place) -}}
{{- end -}}
{{- end -}}
{{- if not (and $secret.namespace $secret.name) -}}
{{- $faults = append $faults (printf "%s needs a secret with namespace and name, because its key is not of the form namespace/secret/name: add it, or correct the key." .place) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "name" $name "secret" $secret "faults" $faults) -}}
{{- end -}}
