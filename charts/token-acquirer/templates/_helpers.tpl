{{- define "token-acquirer.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{/* Never truncated: clients call it by this name, and two long releases must not become one. See _guards.tpl. */}}
{{- define "token-acquirer.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains (include "token-acquirer.name" .) .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "token-acquirer.name" .) -}}
{{- end -}}
{{- end -}}

{{/* Name of an object outside the release's namespace, where another release may have the same name. Neither part has a dot. */}}
{{- define "token-acquirer.globalName" -}}
{{- printf "%s.%s" (include "token-acquirer.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "token-acquirer.selectorLabels" -}}
app.kubernetes.io/name: {{ include "token-acquirer.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The object's own labels take precedence over common ones: selectors need them. */}}
{{- define "token-acquirer.labels" -}}
{{- $own := include "token-acquirer.selectorLabels" . | fromYaml -}}
{{- $own = merge $own (dict "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_" | trunc 63 | trimAll "-_.")) -}}
{{- $own = merge $own (dict "app.kubernetes.io/managed-by" .Release.Service "app.kubernetes.io/part-of" "token-acquirer") -}}
{{- $own = merge $own (dict "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_.")) -}}
{{- toYaml (merge $own (deepCopy .Values.commonLabels)) -}}
{{- end -}}

{{/* Labels and annotations of an object. Takes `context`, and the object's own `labels` and `annotations`. */}}
{{- define "token-acquirer.metadata" -}}
labels:
  {{- $labels := deepCopy .context.Prepared.labels }}
  {{- toYaml (merge $labels (deepCopy (.labels | default dict))) | nindent 2 }}
{{- with merge (deepCopy (.annotations | default dict)) .context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "token-acquirer.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "token-acquirer.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* Takes `context` and `image`. */}}
{{- define "token-acquirer.image" -}}
{{- $registry := .context.Values.global.imageRegistry | default .image.registry -}}
{{- $name := .image.repository -}}
{{- if $registry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" $registry) $name -}}
{{- end -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (.image.tag | default .context.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* `imagePullSecrets` of a pod, or nothing. */}}
{{- define "token-acquirer.pullSecrets" -}}
{{- $names := list -}}
{{- range concat (.Values.global.imagePullSecrets | default list) (.Values.image.pullSecrets | default list) -}}
{{- $names = append $names (ternary . (get (kindIs "map" . | ternary . dict) "name") (kindIs "string" .)) -}}
{{- end -}}
{{- with uniq $names -}}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* "true" if OpenShift assigns the IDs. */}}
{{- define "token-acquirer.onOpenShift" -}}
{{- $wanted := toString .Values.openshift -}}
{{- if or (eq $wanted "true") (and (eq $wanted "auto") (.Capabilities.APIVersions.Has "security.openshift.io/v1")) -}}true{{- end -}}
{{- end -}}

{{/* Takes `context` and `securityContext`; without fixed IDs on OpenShift, which has a separate range for each namespace. */}}
{{- define "token-acquirer.securityContext" -}}
{{- if include "token-acquirer.onOpenShift" .context -}}
{{- toYaml (omit .securityContext "runAsUser" "runAsGroup" "fsGroup" "supplementalGroups") -}}
{{- else -}}
{{- toYaml .securityContext -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the endpoint's certificate; empty if the token-acquirer has its own CA. */}}
{{- define "token-acquirer.tlsSecret" -}}
{{- if .Values.tls.existingSecret -}}
{{- .Values.tls.existingSecret -}}
{{- else if .Values.tls.certManager.enabled -}}
{{- printf "%s-tls" (include "token-acquirer.fullname" .) -}}
{{- end -}}
{{- end -}}

{{/* "true" if an object of the Prometheus operator is wanted, and the cluster has its resource or need not have it. Takes `context`, `wanted`. */}}
{{- define "token-acquirer.renders" -}}
{{- $known := or (eq .wanted.renderMode "alwaysRender") (.context.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}
{{- if and .wanted.enabled $known -}}true{{- end -}}
{{- end -}}

{{/*
Resources of the container of a shard, as YAML. Default amounts of memory grow with the number of its tokens and of their client apps, in
steps of 32Mi. A new amount replaces the pods of the shard, so not every new token may change it. Measured by `npm run bench -- sizing`.
Takes `context`, `shard`.
*/}}
{{- define "token-acquirer.resources" -}}
{{- $resources := .context.Values.resources | default dict | deepCopy -}}
{{- $load := index .context.Prepared.shardLoads .shard -}}
{{- $tokens := $load.tokens -}}
{{- $apps := len $load.apps -}}
{{- $requested := mul 32 (div (add 96 31 (div (add (mul 20 $tokens) (mul 110 $apps)) 1000)) 32) -}}
{{- $limited := max 192 (mul 32 (div (add 160 31 (div (add (mul 60 $tokens) (mul 150 $apps)) 1000)) 32)) -}}
{{- if eq (dig "requests" "memory" "" $resources | toString) "96Mi" -}}
{{- $_ := set $resources.requests "memory" (printf "%dMi" $requested) -}}
{{- end -}}
{{- if eq (dig "limits" "memory" "" $resources | toString) "192Mi" -}}
{{- $_ := set $resources.limits "memory" (printf "%dMi" $limited) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}
