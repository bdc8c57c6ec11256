{{/* Sentences, as a YAML list: what is wrong, where, and what to do. Each part below adds its sentences. */}}
{{- define "token-acquirer.faults" -}}
{{- $faults := list -}}
{{- /* An unknown token is an error, and leads to errors in everything that refers to it. */ -}}
{{- $parts := ternary list (list "tokens" "shards" "credentials" "secrets" "certificates" "pod" "cluster" "removals") (not (not .Prepared.faults)) -}}
{{- range $part := concat (list "image" "name" "renamed") $parts -}}
{{- $faults = concat $faults (include (printf "token-acquirer.faults.%s" $part) $ | fromYamlArray) -}}
{{- end -}}
{{- $faults = concat $faults .Prepared.faults -}}
{{- toYaml (uniq $faults) -}}
{{- end -}}

{{- define "token-acquirer.faults.image" -}}
{{- $faults := list -}}
{{- $image := .Values.image -}}
{{- $tag := $image.tag | default .Chart.AppVersion -}}
{{- if not $image.repository -}}
{{- $registry := .Values.global.imageRegistry | default $image.registry | default "registry.example.com" | trimSuffix "/" -}}
{{- $name := printf "%s/token-acquirer:%s" $registry $tag -}}
{{- $lines := list "image.repository is empty: there is no public image. Build it in the project's folder, push it to your registry, and name it:" -}}
{{- $lines = append $lines (printf "  docker build -f Dockerfile.token-acquirer -t %s ." $name) -}}
{{- $lines = append $lines (printf "  docker push %s" $name) -}}
{{- $lines = append $lines (printf "  and in the values: image: { registry: %s, repository: token-acquirer }" $registry) -}}
{{- $faults = append $faults (join "\n" $lines) -}}
{{- end -}}
{{- $form := "^v?(0|[1-9][0-9]*)[.](0|[1-9][0-9]*)([.-].*)?$" -}}
{{- if and (not $image.digest) (regexMatch $form (toString $tag)) -}}
{{- $of := list (regexReplaceAll $form (toString $tag) "${1}") (regexReplaceAll $form (toString $tag) "${2}") -}}
{{- $for := list (regexReplaceAll $form .Chart.AppVersion "${1}") (regexReplaceAll $form .Chart.AppVersion "${2}") -}}
{{- $older := or (lt (first $of | int) (first $for | int)) (and (eq (first $of) (first $for)) (lt (last $of | int) (last $for | int))) -}}
{{- if $older -}}
{{- $faults = append $faults (printf "image.tag: the image %s is older than this chart, which is made for %s: take an image of that version, or the chart of the image's version." $tag (join "." $for)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{- define "token-acquirer.faults.name" -}}
{{- $faults := list -}}
{{- $fullname := include "token-acquirer.fullname" . -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $fullname) -}}
{{- $faults = append $faults (printf "The name %s is not a valid DNS label: set fullnameOverride to lower-case letters, digits and hyphens." $fullname) -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $fullname -}}
{{- $faults = append $faults (printf "The name %s begins with a digit, which not every version of Kubernetes accepts for a Service: set fullnameOverride to a name that begins with a letter." $fullname) -}}
{{- end -}}
{{- if gt (len $fullname) 52 -}}
{{- $faults = append $faults (printf "The name %s has %d characters, but only 52 are possible, because other names are derived from it: use a shorter release name, or set fullnameOverride." $fullname (len $fullname)) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (eq (int .Values.service.port) 9090) -}}
{{- $faults = append $faults "service.port: 9090 is the metrics port, which metrics.serviceMonitor adds to the Service: use another port." -}}
{{- end -}}
{{- if and .Values.nameOverride (not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .Values.nameOverride)) -}}
{{- $faults = append $faults "nameOverride is not a valid DNS label: use lower-case letters, digits and hyphens, at most 63." -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{- define "token-acquirer.faults.renamed" -}}
{{- $faults := list -}}
{{- range $old, $new := .Files.Get "renamed.yaml" | fromYaml -}}
{{- if hasKey $.Values $old -}}
{{- $faults = append $faults (printf "%s is called %s here: move it there." $old $new) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* The token-acquirer checks the same in its configuration at the start. */}}
{{- define "token-acquirer.faults.tokens" -}}
{{- $faults := list -}}
{{- $servers := keys .Values.config.authorizationServers | sortAlpha | join ", " | default "none" -}}
{{- $names := dict -}}
{{- $keys := dict -}}
{{- $own := .Prepared.ownSecrets -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- $path := index $.Prepared.places $index -}}
{{- if not (hasKey $.Values.config.authorizationServers $token.authorizationServer) -}}
{{- $faults = append $faults (printf "%s.authorizationServer names no entry of config.authorizationServers (existing entries: %s): correct it, or add the entry." $path $servers) -}}
{{- else -}}
{{- $protocol := (get $.Values.config.authorizationServers $token.authorizationServer | default dict).protocol | default "oauth" -}}
{{- if and (eq (toString $protocol) "oauth") (not $token.grant) -}}
{{- $faults = append $faults (printf "%s.grant is missing, and the authorization server %s has protocol: oauth: add the grant, such as client_credentials." $path $token.authorizationServer) -}}
{{- else if and (ne (toString $protocol) "oauth") $token.grant -}}
{{- $faults = append $faults (printf "%s.grant works only with protocol: oauth, and the authorization server %s has protocol: %s: remove it." $path $token.authorizationServer (toString $protocol)) -}}
{{- end -}}
{{- end -}}
{{- $secret := printf "%s/%s" $token.secret.namespace $token.secret.name -}}
{{- $key := $token.key | default $token.name -}}
{{- $name := printf "%s/%s" $secret $token.name -}}
{{- $other := get $keys (printf "%s/%s" $secret $key) | default (get $keys (printf "%s/%s.json" $secret $key)) -}}
{{- if hasKey $names $name -}}
{{- $faults = append $faults (printf "%s.name is also the name of %s in the same Secret, %s: use another name, or another Secret." $path (get $names $name) $secret) -}}
{{- else if $other -}}
{{- $faults = append $faults (printf "%s.key is also the key of %s in the same Secret, %s: use another key, or another Secret." $path $other $secret) -}}
{{- end -}}
{{- if eq $key "ca.crt" -}}
{{- $faults = append $faults (printf "%s.key is ca.crt, which is reserved for the CA certificate: use another key." $path) -}}
{{- end -}}
{{- $_ := set $names $name $path -}}
{{- range list $key (printf "%s.json" $key) -}}
{{- $_ := set $keys (printf "%s/%s" $secret .) $path -}}
{{- end -}}
{{- if and $token.copies (eq ($token.delivery | default "secret") "endpoint") -}}
{{- $faults = append $faults (printf "%s.copies needs delivery: secret, because this token is stored nowhere: remove one of them." $path) -}}
{{- end -}}
{{- range $position, $copy := $token.copies -}}
{{- $key := printf "%s/%s" $secret $copy.key -}}
{{- $owner := get $keys $key -}}
{{- if eq $owner $path -}}
{{- $faults = append $faults (printf "%s.copies[%d].key, %s, is a key of this token already: use another key." $path $position $copy.key) -}}
{{- else if $owner -}}
{{- $faults = append $faults (printf "%s.copies[%d].key, %s, is also a key of %s in the same Secret, %s: use another key. Where a program expects this one, give each token its own Secret." $path $position $copy.key $owner $secret) -}}
{{- else -}}
{{- $_ := set $keys $key $path -}}
{{- end -}}
{{- end -}}
{{- if and (eq $token.secret.namespace $.Release.Namespace) (hasKey $own $token.secret.name) -}}
{{- $faults = append $faults (printf "%s.secret: %s is %s: use another Secret for the token." $path $secret (get $own $token.secret.name)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Secrets in the release's namespace that may not hold a token, with what each one holds, as YAML. */}}
{{- define "token-acquirer.ownSecrets" -}}
{{- $config := .Prepared.config -}}
{{- $own := dict $config.state.secret "the Secret of the refresh tokens" -}}
{{- with ($config.endpoint | default dict).authoritySecret -}}
{{- $_ := set $own . "the Secret of the token-acquirer's CA" -}}
{{- end -}}
{{- with include "token-acquirer.tlsSecret" . -}}
{{- $_ := set $own . "the Secret of the reissue endpoint's certificate" -}}
{{- end -}}
{{- with .Values.credentialsSecret -}}
{{- $_ := set $own . "a Secret of credentials" -}}
{{- $_ := set $own (printf "%s-intervals" .) "a Secret of intervals" -}}
{{- end -}}
{{- range .Prepared.ownCredentials -}}
{{- $given := get $.Values.credentials . | default dict -}}
{{- $_ := set $own ($given.existingSecret | default (printf "%s-credentials" .)) (printf "the Secret of the credential %s" .) -}}
{{- $_ := set $own (printf "%s-interval" .) (printf "the Secret of the interval of %s" .) -}}
{{- end -}}
{{- toYaml $own -}}
{{- end -}}

{{- define "token-acquirer.faults.credentials" -}}
{{- $faults := list -}}
{{- $known := .Prepared.credentials -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$" $token.credential) -}}
{{- $faults = append $faults (printf "%s.credential is not a valid DNS label of at most 52 characters, but a volume and Secrets have its name: use lower-case letters, digits and hyphens." (index $.Prepared.places $index)) -}}
{{- end -}}
{{- end -}}
{{- /* The token-acquirer may read and write these through the API, but not its credentials. */ -}}
{{- $config := .Prepared.config -}}
{{- $kept := dict "config.state.secret" $config.state.secret "config.endpoint.authoritySecret" ($config.endpoint | default dict).authoritySecret -}}
{{- if eq $config.state.secret (get $kept "config.endpoint.authoritySecret") -}}
{{- $faults = append $faults (printf "config.state.secret and config.endpoint.authoritySecret are both %s: give one of them another name." $config.state.secret) -}}
{{- end -}}
{{- range $path := keys $kept | sortAlpha -}}
{{- if and $.Values.credentialsSecret (has (get $kept $path) (list $.Values.credentialsSecret (printf "%s-intervals" $.Values.credentialsSecret))) -}}
{{- $faults = append $faults (printf "%s: %s is the credentialsSecret, which the token-acquirer may not read through the API: name another Secret." $path (get $kept $path)) -}}
{{- end -}}
{{- range $.Prepared.ownCredentials -}}
{{- $secrets := list ((get $.Values.credentials . | default dict).existingSecret | default (printf "%s-credentials" .)) (printf "%s-interval" .) -}}
{{- if has (get $kept $path) $secrets -}}
{{- $faults = append $faults (printf "%s: %s is the Secret of the credential %s, which the token-acquirer may not read through the API: name another Secret." $path (get $kept $path) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $credential := .Values.credentials -}}
{{- if not (has $name $known) -}}
{{- $faults = append $faults (printf "credentials.%s is the credential of no token (existing entries: %s): correct the name, or remove it." $name (join ", " $known | default "none")) -}}
{{- end -}}
{{- if hasKey (($credential | default dict).keys | default dict) "interval" -}}
{{- $faults = append $faults (printf "credentials.%s.keys.interval: the interval has its own Secret, %s-interval: put it there, and remove this key." $name $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* The names of the Secrets in fields of a pod, at any depth, as a YAML list. */}}
{{- define "token-acquirer.secretNames" -}}
{{- $names := list -}}
{{- if kindIs "slice" . -}}
{{- range . -}}
{{- $names = concat $names (include "token-acquirer.secretNames" . | fromYamlArray) -}}
{{- end -}}
{{- else if kindIs "map" . -}}
{{- range $key, $value := . -}}
{{- if and (eq $key "secretName") (kindIs "string" $value) -}}
{{- $names = append $names $value -}}
{{- else if and (regexMatch "(?i)secret" $key) (kindIs "map" $value) -}}
{{- $names = concat $names (compact (list (toString ($value.name | default "")))) -}}
{{- end -}}
{{- $names = concat $names (include "token-acquirer.secretNames" $value | fromYamlArray) -}}
{{- end -}}
{{- end -}}
{{- toYaml $names -}}
{{- end -}}

{{/* Permissions come with config.state.secret and config.endpoint.authoritySecret: no other Secret may be one of them. */}}
{{- define "token-acquirer.faults.secrets" -}}
{{- $faults := list -}}
{{- $config := .Prepared.config -}}
{{- $kept := dict "config.state.secret" $config.state.secret "config.endpoint.authoritySecret" ($config.endpoint | default dict).authoritySecret -}}
{{- $named := dict "tls" (list (include "token-acquirer.tlsSecret" .)) -}}
{{- $pulling := list -}}
{{- range (include "token-acquirer.pullSecrets" . | fromYaml).imagePullSecrets -}}
{{- $pulling = append $pulling .name -}}
{{- end -}}
{{- $_ := set $named "image.pullSecrets, or global.imagePullSecrets" $pulling -}}
{{- range $field := list "envFrom" "extraEnv" "extraVolumes" "extraContainers" "extraInitContainers" -}}
{{- $_ := set $named $field (include "token-acquirer.secretNames" (get $.Values $field) | fromYamlArray) -}}
{{- end -}}
{{- range $name, $authority := .Values.certificateAuthorities -}}
{{- $_ := set $named (printf "certificateAuthorities.%s.secret" $name) (list ($authority.secret | default "")) -}}
{{- end -}}
{{- /* The pods of `helm test` are in the namespaces of the token Secrets. */ -}}
{{- if hasKey .Prepared.clientNamespaces .Release.Namespace -}}
{{- $_ := set $named "test.certificateAuthority.secret" (list ((.Values.test.certificateAuthority | default dict).secret | default "")) -}}
{{- end -}}
{{- range $path := keys $kept | sortAlpha -}}
{{- $secret := get $kept $path -}}
{{- range $place := keys $named | sortAlpha -}}
{{- if and $secret (has $secret (get $named $place)) -}}
{{- $faults = append $faults (printf "%s: %s is also the Secret of %s, and the token-acquirer may read and change it through the API: name another Secret." $path $secret $place) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{- define "token-acquirer.faults.certificates" -}}
{{- $faults := list -}}
{{- $manager := .Values.tls.certManager -}}
{{- if and .Values.tls.existingSecret $manager.enabled -}}
{{- $faults = append $faults "tls.existingSecret and tls.certManager.enabled exclude each other: remove one of them." -}}
{{- end -}}
{{- if and $manager.enabled (not $manager.issuerRef.name) -}}
{{- $faults = append $faults "tls.certManager.issuerRef.name is empty: name the issuer, as in { name: internal-ca, kind: ClusterIssuer }." -}}
{{- end -}}
{{- if include "token-acquirer.tlsSecret" . -}}
{{- range $key := keys (.Values.config.endpoint | default dict) | sortAlpha -}}
{{- $faults = append $faults (printf "config.endpoint.%s and tls both name the certificate of the endpoint: remove one of them." $key) -}}
{{- end -}}
{{- end -}}
{{- $servers := .Values.config.authorizationServers -}}
{{- range $name, $authority := .Values.certificateAuthorities -}}
{{- $path := printf "certificateAuthorities.%s" $name -}}
{{- if not (hasKey $servers $name) -}}
{{- $faults = append $faults (printf "%s is no entry of config.authorizationServers (existing entries: %s): correct the name, or remove it." $path (keys $servers | sortAlpha | join ", " | default "none")) -}}
{{- else if (get $servers $name).caFile -}}
{{- $faults = append $faults (printf "%s and config.authorizationServers.%s.caFile both name a CA: remove one of them." $path $name) -}}
{{- end -}}
{{- if eq (not $authority.configMap) (not $authority.secret) -}}
{{- $faults = append $faults (printf "%s needs either configMap or secret, and not both." $path) -}}
{{- end -}}
{{- if gt (len $name) 53 -}}
{{- $faults = append $faults (printf "%s has more than 53 characters, but a volume has its name: rename the authorization server." $path) -}}
{{- end -}}
{{- end -}}
{{- $identities := .Prepared.identities -}}
{{- range $name := keys .Values.workloadIdentity | sortAlpha -}}
{{- if not (hasKey $identities $name) -}}
{{- $faults = append $faults (printf "workloadIdentity.%s names no authorization server that is sent such a token: correct the name, or remove it. It is for clientAuthentication: workload_identity without assertionFile, the grant token_exchange without subjectTokenFile, and the file /var/run/secrets/workload-identity/%s/token." $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $identities | sortAlpha -}}
{{- if not (get $identities $name).audience -}}
{{- $faults = append $faults (printf "workloadIdentity.%s.audience is empty: name the audience that the authorization server wants in ServiceAccount tokens." $name) -}}
{{- end -}}
{{- if gt (len $name) 53 -}}
{{- $faults = append $faults (printf "config.authorizationServers.%s has more than 53 characters, but a volume has its name: rename it." $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Two entries with the same name in a pod: Helm 4 rejects them, Helm 3 uses the last one. */}}
{{- define "token-acquirer.faults.pod" -}}
{{- $faults := list -}}
{{- $replicas := int .Values.replicas -}}
{{- if or (lt $replicas 1) (gt $replicas 2) -}}
{{- $faults = append $faults (printf "replicas is %d: use 2, or 1. One replica renews the tokens, and the other one takes over if it ends. A third one would renew nothing." $replicas) -}}
{{- end -}}
{{- $taken := dict "FILE_ORIGINS" "the chart" "POD_NAME" "the chart" "POD_IP" "the chart" -}}
{{- if .Values.proxy.noProxy -}}
{{- $_ := set $taken "NO_PROXY" "proxy.noProxy" -}}
{{- end -}}
{{- range $index, $variable := .Values.extraEnv -}}
{{- $path := printf "extraEnv[%d]" $index -}}
{{- with get $taken $variable.name -}}
{{- $faults = append $faults (printf "%s.name: %s is already set by %s: remove one of them." $path $variable.name .) -}}
{{- end -}}
{{- $_ := set $taken $variable.name $path -}}
{{- end -}}
{{- range $index, $volume := .Values.extraVolumes -}}
{{- if regexMatch "^(config|credentials|tls|no-credentials|api-access|(credential|authority|identity)-.*)$" $volume.name -}}
{{- $faults = append $faults (printf "extraVolumes[%d].name: the chart itself may have a volume %s: use another name." $index $volume.name) -}}
{{- end -}}
{{- end -}}
{{- range $field := list "extraContainers" "extraInitContainers" -}}
{{- range $index, $container := get $.Values $field -}}
{{- if eq $container.name "token-acquirer" -}}
{{- $faults = append $faults (printf "%s[%d].name: the chart's own container has the name token-acquirer: use another name." $field $index) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Requirements on the cluster. Namespaces are only looked up if there is a cluster: without one, `lookup` finds nothing. */}}
{{- define "token-acquirer.faults.cluster" -}}
{{- $faults := list -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if and (.Values.config.propagation | default dict).nudge (semverCompare "<1.30.0-0" $version) -}}
{{- $faults = append $faults (printf "config.propagation.nudge needs Kubernetes 1.30 or later for its admission policy, and this cluster has %s: remove it, or upgrade the cluster." $version) -}}
{{- end -}}
{{- range $kind := list "serviceMonitor" "prometheusRule" -}}
{{- $wanted := get $.Values.metrics $kind -}}
{{- if and $wanted.enabled (eq $wanted.renderMode "failIfMissing") (not ($.Capabilities.APIVersions.Has "monitoring.coreos.com/v1")) -}}
{{- $faults = append $faults (printf "metrics.%s.renderMode is failIfMissing, and the cluster has no monitoring.coreos.com/v1: install the Prometheus operator, or set skipIfMissing." $kind) -}}
{{- end -}}
{{- end -}}
{{- if .Values.checks.namespaces -}}
{{- $faults = concat $faults (include "set checks.namespaces to false, if you may not read namespaces" . | fromYamlArray) -}}
{{- end -}}
{{- if and .Values.checks.namespaces .Prepared.serviceNamespaces -}}
{{- $faults = concat $faults (include "set checks.namespaces to false, if you may not list ClusterRoles and ValidatingAdmissionPolicyBindings" . | fromYamlArray) -}}
{{- end -}}
{{- if and .Values.crds.enabled .Prepared.serviceNamespaces -}}
{{- $faults = concat $faults (include "set crds.enabled to false, if you may not install CustomResourceDefinitions" . | fromYamlArray) -}}
{{- end -}}
{{- if .Values.checks.secrets -}}
{{- $faults = concat $faults (include "set checks.secrets to false, if you may not read Secrets" . | fromYamlArray) -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* If a lookup is forbidden, helm shows only the name of this template, so the name contains the advice. */}}
{{- define "set checks.namespaces to false, if you may not read namespaces" -}}
{{- $faults := list -}}
{{- if lookup "v1" "Namespace" "" "kube-system" -}}
{{- range $namespace := concat (keys .Prepared.clientNamespaces) (keys .Prepared.serviceNamespaces) | uniq | sortAlpha -}}
{{- $found := lookup "v1" "Namespace" "" $namespace -}}
{{- $part := ternary "tokens" "services" (hasKey $.Prepared.clientNamespaces $namespace) -}}
{{- if ($found.metadata | default dict).deletionTimestamp -}}
{{- $faults = append $faults (printf "config.%s: the namespace %s is being deleted, and nothing was changed. Remove it from the values, or wait and create it again." $part $namespace) -}}
{{- /* Helm creates the release's own namespace only after this. */ -}}
{{- else if and (ne $namespace $.Release.Namespace) (not $found) -}}
{{- $faults = append $faults (printf "config.%s: the namespace %s does not exist, and nothing was changed. Create it first: kubectl create namespace %s" $part $namespace $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Helm would say that it cannot import it, and not what to do. */}}
{{- define "set crds.enabled to false, if you may not install CustomResourceDefinitions" -}}
{{- $faults := list -}}
{{- $name := "accesstokens.token-acquirer.dev" -}}
{{- with lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" $name -}}
{{- $owner := .metadata.annotations | default dict -}}
{{- $release := list (index $owner "meta.helm.sh/release-namespace") (index $owner "meta.helm.sh/release-name") -}}
{{- if ne (join "/" $release) (printf "%s/%s" $.Release.Namespace $.Release.Name) -}}
{{- $faults = append $faults (printf "crds.enabled: the CustomResourceDefinition %s exists and is not of this release, and nothing was changed. It serves this release, too: set crds.enabled to false." $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/*
Two releases would both answer an AccessToken of a namespace that both serve, or one would reject those of the other. A release is found by
its ClusterRole for people, or by its binding: it has no ClusterRole with `rbac.create: false`, and a binding only with its policy.
*/}}
{{- define "set checks.namespaces to false, if you may not list ClusterRoles and ValidatingAdmissionPolicyBindings" -}}
{{- $faults := list -}}
{{- $own := include "token-acquirer.globalName" . -}}
{{- $namespaces := keys .Prepared.serviceNamespaces | sortAlpha -}}
{{- $policy := .Values.accessTokens.policy -}}
{{- $rejects := and $policy.enabled (include "token-acquirer.hasPolicies" .) (include "token-acquirer.rejectsElsewhere" .) -}}
{{- $bindings := list -}}
{{- if include "token-acquirer.hasPolicies" . -}}
{{- $bindings = (lookup "admissionregistration.k8s.io/v1" "ValidatingAdmissionPolicyBinding" "" "").items | default list -}}
{{- end -}}
{{- $releases := dict -}}
{{- range concat ((lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "").items | default list) $bindings -}}
{{- $served := index (.metadata.annotations | default dict) "token-acquirer.dev/serves-namespaces" -}}
{{- $release := regexReplaceAll "[.-]access-token(s-view|-services)$" .metadata.name "" -}}
{{- if and $served (ne $release $own) -}}
{{- $rejected := list -}}
{{- if hasKey . "spec" -}}
{{- $selector := dig "matchResources" "namespaceSelector" "matchExpressions" list .spec | first | default (dict "operator" "NotIn" "values" list) -}}
{{- range $namespace := $namespaces -}}
{{- if and (eq $selector.operator "NotIn") (not (has $namespace $selector.values)) -}}
{{- $rejected = append $rejected $namespace -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $releases $release (dict "served" (splitList " " $served) "rejected" $rejected) -}}
{{- end -}}
{{- end -}}
{{- range $release, $found := $releases -}}
{{- range $namespace := $found.served -}}
{{- if has $namespace $namespaces -}}
{{- $faults = append $faults (printf "config.services: the release %s has services for the namespace %s, too, and both would answer the AccessTokens there. Name the namespace in one release only." $release $namespace) -}}
{{- else if and $rejects (not (has $namespace $policy.namespacesOfOtherReleases)) -}}
{{- $faults = append $faults (printf "accessTokens.policy: this release would reject the AccessTokens of the namespace %s, which the release %s serves. Add it to accessTokens.policy.namespacesOfOtherReleases." $namespace $release) -}}
{{- end -}}
{{- end -}}
{{- range $namespace := $found.rejected -}}
{{- if not (has $namespace $found.served) -}}
{{- $faults = append $faults (printf "config.services: the release %s rejects the AccessTokens of the namespace %s. Add it to accessTokens.policy.namespacesOfOtherReleases of that release first." $release $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}
