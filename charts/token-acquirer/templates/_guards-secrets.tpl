{{/*
Existing Secrets of the release with properties that helm cannot change. With --take-ownership helm would only fail halfway.
If a lookup is forbidden, helm shows only the name of this template, so the name contains the advice.
*/}}
{{- define "set checks.secrets to false, if you may not read Secrets" -}}
{{- $faults := list -}}
{{- $config := .Prepared.config -}}
{{- $secrets := list -}}
{{- range compact (list $config.state.secret ($config.endpoint | default dict).authoritySecret) -}}
{{- $secrets = append $secrets (list $.Release.Namespace .) -}}
{{- end -}}
{{- if .Values.secret.create -}}
{{- range $namespace, $client := .Prepared.clientNamespaces -}}
{{- range $client.secrets -}}
{{- $secrets = append $secrets (list $namespace .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $secrets -}}
{{- $namespace := first . -}}
{{- $name := last . -}}
{{- $found := lookup "v1" "Secret" $namespace $name -}}
{{- $remedy := printf "Delete it if nothing else needs it (kubectl -n %s delete secret %s), or name another Secret." $namespace $name -}}
{{- if $found -}}
{{- if ne ($found.type | default "Opaque") "Opaque" -}}
{{- $faults = append $faults (printf "The Secret %s/%s exists and has the type %s, and nothing was changed. Its type must be Opaque, and nobody can change the type of a Secret, so --take-ownership does not help. %s" $namespace $name $found.type $remedy) -}}
{{- else if $found.immutable -}}
{{- $faults = append $faults (printf "The Secret %s/%s exists and is immutable, so no token can be stored in it, and nothing was changed. %s" $namespace $name $remedy) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}
