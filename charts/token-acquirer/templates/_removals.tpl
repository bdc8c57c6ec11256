{{/*
What this upgrade would remove, by Secret, as YAML: { secret, holds, deleted }. The previous configuration is in the ConfigMap of the
cluster. Without a cluster, as in `helm template`, `lookup` finds nothing.
*/}}
{{- define "token-acquirer.removals" -}}
{{- $removals := list -}}
{{- if and .Release.IsUpgrade .Values.checks.secrets -}}
{{- $live := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-config" (include "token-acquirer.fullname" .)) | default dict -}}
{{- $before := dig "data" "config.yaml" "" $live | fromYaml -}}
{{- $kept := include "token-acquirer.keptKeys" . | fromYaml -}}
{{- $missing := dict -}}
{{- range $before.tokens -}}
{{- if ne (.delivery | default "secret") "endpoint" -}}
{{- $secret := printf "%s/%s" .secret.namespace .secret.name -}}
{{- range include "token-acquirer.tokenKeys" . | fromYamlArray -}}
{{- if not (hasKey $kept (printf "%s/%s" $secret .)) -}}
{{- $_ := set $missing $secret (append (get $missing $secret | default list) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $state := printf "%s/%s" .Release.Namespace (($before.state | default dict).secret | default .Prepared.config.state.secret) -}}
{{- if not (hasKey $kept $state) -}}
{{- $_ := set $missing $state list -}}
{{- end -}}
{{- range $secret, $keys := $missing -}}
{{- $found := lookup "v1" "Secret" (splitList "/" $secret | first) (splitList "/" $secret | last) | default dict -}}
{{- $data := $found.data | default dict -}}
{{- $held := list -}}
{{- range $keys -}}
{{- if hasKey $data . -}}
{{- $held = append $held . -}}
{{- end -}}
{{- end -}}
{{- $holds := printf "%s %s" (eq (len $held) 1 | ternary "the token" "the tokens") (sortAlpha $held | join ", ") -}}
{{- if eq $secret $state -}}
{{- $holds = "rotated refresh tokens, which cannot be obtained again" -}}
{{- end -}}
{{- $deleted := not (hasKey $kept $secret) -}}
{{- $own := eq (include "token-acquirer.goesWithRelease" (dict "context" $ "object" $found)) "true" -}}
{{- if and (or $held (and $data (eq $secret $state))) (or $own (not $deleted)) -}}
{{- $removals = append $removals (dict "secret" $secret "holds" $holds "deleted" $deleted) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $removals -}}
{{- end -}}

{{/* `namespace/secret` of the Secrets that this release has from now on, and `namespace/secret/key` of the tokens in them, as YAML. */}}
{{- define "token-acquirer.keptKeys" -}}
{{- $kept := dict (printf "%s/%s" .Release.Namespace .Prepared.config.state.secret) true -}}
{{- if .Values.secret.create -}}
{{- range .Values.config.tokens -}}
{{- if ne (.delivery | default "secret") "endpoint" -}}
{{- $secret := printf "%s/%s" .secret.namespace .secret.name -}}
{{- $_ := set $kept $secret true -}}
{{- range include "token-acquirer.tokenKeys" . | fromYamlArray -}}
{{- $_ := set $kept (printf "%s/%s" $secret .) true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $kept -}}
{{- end -}}

{{/* The keys of a token that others read: its own, and its copies, as a YAML list. */}}
{{- define "token-acquirer.tokenKeys" -}}
{{- $keys := list (.key | default .name) -}}
{{- range .copies -}}
{{- $keys = append $keys .key -}}
{{- end -}}
{{- toYaml $keys -}}
{{- end -}}

{{/* "true" for an object that helm created with this release and deletes when the release no longer has it. Takes `context` and `object`. */}}
{{- define "token-acquirer.goesWithRelease" -}}
{{- $annotations := (.object.metadata | default dict).annotations | default dict -}}
{{- $release := .context.Release -}}
{{- $own := and (eq (get $annotations "meta.helm.sh/release-name") $release.Name) (eq (get $annotations "meta.helm.sh/release-namespace") $release.Namespace) -}}
{{- and $own (ne (get $annotations "helm.sh/resource-policy") "keep") -}}
{{- end -}}

{{/*
AccessTokens that this upgrade would leave without their service, as a YAML list of { service, namespace, names }. Their status could not be
written either, so it would stay `Ready`.
*/}}
{{- define "token-acquirer.orphans" -}}
{{- $orphans := list -}}
{{- if and .Release.IsUpgrade .Values.checks.secrets (.Capabilities.APIVersions.Has "token-acquirer.dev/v1alpha1/AccessToken") -}}
{{- $live := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-config" (include "token-acquirer.fullname" .)) | default dict -}}
{{- $before := dig "data" "config.yaml" "" $live | fromYaml -}}
{{- range $service, $offer := $before.services -}}
{{- $open := dig $service "namespaces" list ($.Values.config.services | default dict) -}}
{{- range $namespace := $offer.namespaces -}}
{{- if not (has $namespace $open) -}}
{{- $names := list -}}
{{- range (lookup "token-acquirer.dev/v1alpha1" "AccessToken" $namespace "").items -}}
{{- if eq .spec.service $service -}}
{{- $names = append $names .metadata.name -}}
{{- end -}}
{{- end -}}
{{- if $names -}}
{{- $orphans = append $orphans (dict "service" $service "namespace" $namespace "names" (sortAlpha $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $orphans -}}
{{- end -}}

{{/*
AccessTokens whose finalizer token-acquirer could no longer remove after this upgrade, because the chart takes the permission for it from
their namespace, as a YAML list of { namespace, names }.
*/}}
{{- define "token-acquirer.heldAccessTokens" -}}
{{- $held := list -}}
{{- if and .Release.IsUpgrade .Values.checks.secrets .Values.rbac.create (.Capabilities.APIVersions.Has "token-acquirer.dev/v1alpha1/AccessToken") -}}
{{- $live := lookup "v1" "ConfigMap" .Release.Namespace (printf "%s-config" (include "token-acquirer.fullname" .)) | default dict -}}
{{- $before := dig "data" "config.yaml" "" $live | fromYaml -}}
{{- $revoked := list -}}
{{- range $before.services -}}
{{- if .allowRevokeOnDelete -}}
{{- $revoked = concat $revoked .namespaces -}}
{{- end -}}
{{- end -}}
{{- $revoking := fromYaml (include "token-acquirer.revokingNamespaces" .) -}}
{{- range $namespace := $revoked | uniq | sortAlpha -}}
{{- if not (hasKey $revoking $namespace) -}}
{{- $names := list -}}
{{- range (lookup "token-acquirer.dev/v1alpha1" "AccessToken" $namespace "").items -}}
{{- if has "token-acquirer.dev/revoke-token" (.metadata.finalizers | default list) -}}
{{- $names = append $names .metadata.name -}}
{{- end -}}
{{- end -}}
{{- if $names -}}
{{- $held = append $held (dict "namespace" $namespace "names" (sortAlpha $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $held -}}
{{- end -}}

{{/* Names of AccessTokens for a message. Takes an item of `orphans` or `heldAccessTokens`. */}}
{{- define "token-acquirer.orphanNames" -}}
{{- $some := .names | first | list -}}
{{- if le (len .names) 5 -}}
{{- $some = .names -}}
{{- end -}}
{{- $more := sub (len .names) (len $some) -}}
{{- printf "%s %s%s of the namespace %s" (eq (len .names) 1 | ternary "the AccessToken" "the AccessTokens") (join ", " $some) (gt $more 0 | ternary (printf " and %d others" $more) "") .namespace -}}
{{- end -}}

{{/* Most likely a team's values file was left out, and its application would stop. So the user must ask for it. */}}
{{- define "token-acquirer.faults.removals" -}}
{{- $faults := list -}}
{{- if not .Values.secret.allowRemoval -}}
{{- range include "token-acquirer.removals" . | fromYamlArray -}}
{{- $what := printf (ternary "delete the Secret %s with %s" "remove from the Secret %s %s" .deleted) .secret .holds -}}
{{- $faults = append $faults (printf "config: this upgrade would %s, because the values no longer name it. Nothing was changed. Look for a values file that was left out (-f), for two files with a list of tokens, and for two tokens with the same key. To delete it, add --set secret.allowRemoval=true" $what) -}}
{{- end -}}
{{- range include "token-acquirer.orphans" . | fromYamlArray -}}
{{- $whose := include "token-acquirer.orphanNames" . -}}
{{- $faults = append $faults (printf "config.services: this upgrade would leave %s without the service %s, because the values no longer open it to this namespace. Nothing was changed. Look for a values file that was left out (-f), or delete these AccessTokens first. To upgrade anyway, add --set secret.allowRemoval=true" $whose .service) -}}
{{- end -}}
{{- range include "token-acquirer.heldAccessTokens" . | fromYamlArray -}}
{{- $whose := include "token-acquirer.orphanNames" . -}}
{{- $faults = append $faults (printf "config.services: after this upgrade token-acquirer could not remove the finalizer token-acquirer.dev/revoke-token of %s, because the values no longer set allowRevokeOnDelete there. Nothing was changed. Look for a values file that was left out (-f), or set revokeOnDelete: false first: kubectl -n %s patch accesstoken %s --type=merge -p '{\"spec\":{\"revokeOnDelete\":false}}'. To upgrade anyway, add --set secret.allowRemoval=true" $whose .namespace (first .names)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Sentences for NOTES.txt, as a YAML list. */}}
{{- define "token-acquirer.removalWarnings" -}}
{{- $warnings := list -}}
{{- if .Values.secret.allowRemoval -}}
{{- range include "token-acquirer.removals" . | fromYamlArray -}}
{{- $warnings = append $warnings (printf (ternary "This upgrade deletes the Secret %s with %s. Pods that run keep their files; new pods wait." "This upgrade removes from the Secret %s %s." .deleted) .secret .holds) -}}
{{- end -}}
{{- range include "token-acquirer.orphans" . | fromYamlArray -}}
{{- $warnings = append $warnings (printf "This upgrade leaves %s without the service %s. The Secrets keep their tokens until these expire, and the status may stay as it is: delete the AccessTokens." (include "token-acquirer.orphanNames" .) .service) -}}
{{- end -}}
{{- range include "token-acquirer.heldAccessTokens" . | fromYamlArray -}}
{{- $warnings = append $warnings (printf "token-acquirer can no longer remove the finalizer token-acquirer.dev/revoke-token of %s. It keeps each AccessToken from being deleted. Remove it: kubectl -n %s patch accesstoken %s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'" (include "token-acquirer.orphanNames" .) .namespace (first .names)) -}}
{{- end -}}
{{- $warnings = append $warnings "secret.allowRemoval is true, so no upgrade is rejected that deletes tokens of a team. Set it for a single upgrade." -}}
{{- end -}}
{{- toYaml $warnings -}}
{{- end -}}
