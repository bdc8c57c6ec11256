{{/* Name of the Deployment of a shard, of its Lease and of its PodDisruptionBudget. Shard 0 has the names of a release without shards. Takes `context`, `shard`. */}}
{{- define "token-acquirer.shardName" -}}
{{- include "token-acquirer.fullname" .context -}}
{{- if .shard -}}
{{- printf "-shard-%d" (int .shard) -}}
{{- end -}}
{{- end -}}

{{/*
Labels that select the pods of one shard. Those of shard 0 select it in a release without shards, too, because the selector of a
Deployment cannot change. No selector of a shard matches the pods of another one. Takes `context`, `shard`.
*/}}
{{- define "token-acquirer.shardSelector" -}}
app.kubernetes.io/name: {{ include "token-acquirer.name" .context | quote }}
app.kubernetes.io/instance: {{ ternary (printf "%s-shard-%d" .context.Release.Name (int .shard)) .context.Release.Name (gt (int .shard) 0) | quote }}
{{- end -}}

{{/* Labels that select the pods of all shards. Without shards, they also select the pods of versions that had none. */}}
{{- define "token-acquirer.podSelector" -}}
{{- if gt (int .Values.shards) 1 -}}
app.kubernetes.io/name: {{ include "token-acquirer.name" . | quote }}
token-acquirer.dev/release: {{ .Release.Name | quote }}
{{- else -}}
{{- include "token-acquirer.selectorLabels" . -}}
{{- end -}}
{{- end -}}

{{/* Labels of the pods of a shard. None changes with the version of the chart, or every upgrade would restart them. Takes `context`, `shard`. */}}
{{- define "token-acquirer.podLabels" -}}
{{- $own := include "token-acquirer.shardSelector" . | fromYaml -}}
{{- $own = merge $own (dict "app.kubernetes.io/part-of" "token-acquirer" "token-acquirer.dev/release" .context.Release.Name) -}}
{{- $own = merge $own (dict "token-acquirer.dev/shard" (toString .shard)) -}}
{{- toYaml (merge $own (deepCopy .context.Values.podLabels) .context.Values.commonLabels) -}}
{{- end -}}

{{/*
Counts the tokens and the client apps of each shard, which its memory follows from, into `.Prepared.shardLoads`. The owner of a
token is the same as in src/core/shards.ts.
*/}}
{{- define "token-acquirer.countShards" -}}
{{- $shards := int .Values.shards -}}
{{- $loads := list -}}
{{- range until $shards -}}
{{- $loads = append $loads (dict "tokens" 0 "apps" dict) -}}
{{- end -}}
{{- $owners := dict -}}
{{- range .Values.config.tokens -}}
{{- if not (kindIs "invalid" .shard) -}}
{{- $_ := set $owners (printf "%s/%s" .secret.namespace .secret.name) (int .shard) -}}
{{- end -}}
{{- end -}}
{{- range .Values.config.tokens -}}
{{- $secret := printf "%s/%s" .secret.namespace .secret.name -}}
{{- if not (hasKey $owners $secret) -}}
{{- $_ := set $owners $secret (ternary 0 (mod (int64 (printf "0x%s" (sha256sum $secret | trunc 8))) $shards) (eq $shards 1)) -}}
{{- end -}}
{{- $owner := get $owners $secret | int -}}
{{- if lt $owner $shards -}}
{{- $load := index $loads $owner -}}
{{- $_ := set $load "tokens" (add1 $load.tokens) -}}
{{- $app := .clientApp | default dict -}}
{{- if $app.selector -}}
{{- $_ := set $load.apps (printf "%s %s" $app.namespace $app.selector) true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set .Prepared "shardLoads" $loads -}}
{{- end -}}

{{/* Errors in shards, as a YAML list. The token-acquirer checks the same in its configuration at the start. */}}
{{- define "token-acquirer.faults.shards" -}}
{{- $faults := list -}}
{{- $shards := int .Values.shards -}}
{{- if hasKey .Values.config "shards" -}}
{{- $faults = append $faults "config.shards is set by the chart, so that each shard has a Deployment: set shards instead, next to config." -}}
{{- end -}}
{{- $named := dict -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- if not (kindIs "invalid" $token.shard) -}}
{{- $path := index $.Prepared.places $index -}}
{{- $secret := printf "%s/%s" $token.secret.namespace $token.secret.name -}}
{{- $other := get $named $secret | default dict -}}
{{- if ge (int $token.shard) $shards -}}
{{- $faults = append $faults (printf "%s.shard is %d, but shards is %d and the first shard is 0: use a smaller number, or raise shards." $path (int $token.shard) $shards) -}}
{{- else if and $other (ne (int $other.shard) (int $token.shard)) -}}
{{- $faults = append $faults (printf "%s.shard differs from that of %s in the same Secret, %s: all tokens of a Secret are in one shard, so use one number for both." $path $other.path $secret) -}}
{{- end -}}
{{- if not $other -}}
{{- $_ := set $named $secret (dict "shard" $token.shard "path" $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}
