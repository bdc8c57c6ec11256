{{/* Sentences, as a YAML list: what is wrong, where, what to do. Each part below adds its own. */}}
{{- define "token-acquirer.faults" -}}
{{- $faults := list -}}
{{- /* A token that is not known is a fault of its own, and makes faults of what refers to it. */ -}}
{{- $parts := ternary list (list "tokens" "credentials" "secrets" "certificates" "pod" "cluster" "removals") (not (not .Prepared.faults)) -}}
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
{{- $lines := list "image.repository is empty: there is no public image. Build it in the project's folder, push it to a registry of yours, and name it:" -}}
{{- $lines = append $lines (printf "  docker build -f Dockerfile.token-acquirer -t %s ." $name) -}}
{{- $lines = append $lines (printf "  docker push %s" $name) -}}
{{- $lines = append $lines (printf "  and among the values: image: { registry: %s, repository: token-acquirer }" $registry) -}}
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
{{- $faults = append $faults (printf "The name %s is no DNS label: set fullnameOverride to lower-case letters, digits and hyphens." $fullname) -}}
{{- end -}}
{{- if regexMatch "^[0-9]" $fullname -}}
{{- $faults = append $faults (printf "The name %s begins with a digit, which not every Kubernetes takes for a Service: set fullnameOverride to one that begins with a letter." $fullname) -}}
{{- end -}}
{{- if gt (len $fullname) 52 -}}
{{- $faults = append $faults (printf "The name %s has %d characters, and the names made from it leave room for 52: take a shorter release name, or set fullnameOverride." $fullname (len $fullname)) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (eq (int .Values.service.port) 9090) -}}
{{- $faults = append $faults "service.port: 9090 is the port of metrics, which metrics.serviceMonitor adds to the Service: take another." -}}
{{- end -}}
{{- if and .Values.nameOverride (not (regexMatch "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$" .Values.nameOverride)) -}}
{{- $faults = append $faults "nameOverride is no DNS label: take lower-case letters, digits and hyphens, at most 63." -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{- define "token-acquirer.faults.renamed" -}}
{{- $faults := list -}}
{{- range $old, $new := .Files.Get "renamed.yaml" | fromYaml -}}
{{- if hasKey $.Values $old -}}
{{- if $new -}}
{{- $faults = append $faults (printf "%s is called %s here: move it there." $old $new) -}}
{{- else -}}
{{- $faults = append $faults (printf "%s cannot be chosen: there is one token-acquirer, because two would request every token twice. Take it out." $old) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* As the token-acquirer itself checks its configuration at the start. */}}
{{- define "token-acquirer.faults.tokens" -}}
{{- $faults := list -}}
{{- $servers := keys .Values.config.authorizationServers | sortAlpha | join ", " | default "none" -}}
{{- $names := dict -}}
{{- $keys := dict -}}
{{- $own := .Prepared.ownSecrets -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- $path := index $.Prepared.places $index -}}
{{- if not (hasKey $.Values.config.authorizationServers $token.authorizationServer) -}}
{{- $faults = append $faults (printf "%s.authorizationServer names no entry of config.authorizationServers (there: %s): correct it, or add the entry." $path $servers) -}}
{{- end -}}
{{- $secret := printf "%s/%s" $token.secret.namespace $token.secret.name -}}
{{- $key := $token.key | default $token.name -}}
{{- $name := printf "%s/%s" $secret $token.name -}}
{{- $other := get $keys (printf "%s/%s" $secret $key) | default (get $keys (printf "%s/%s.json" $secret $key)) -}}
{{- if hasKey $names $name -}}
{{- $faults = append $faults (printf "%s.name is also the name of %s in the same Secret, %s: give it another, or another Secret." $path (get $names $name) $secret) -}}
{{- else if $other -}}
{{- $faults = append $faults (printf "%s.key is the same as that of %s in the same Secret, %s: give it another, or another Secret." $path $other $secret) -}}
{{- end -}}
{{- if eq $key "ca.crt" -}}
{{- $faults = append $faults (printf "%s.key is ca.crt, which is kept for the certificate authority: give it another." $path) -}}
{{- end -}}
{{- $_ := set $names $name $path -}}
{{- range list $key (printf "%s.json" $key) -}}
{{- $_ := set $keys (printf "%s/%s" $secret .) $path -}}
{{- end -}}
{{- if and (eq $token.secret.namespace $.Release.Namespace) (hasKey $own $token.secret.name) -}}
{{- $faults = append $faults (printf "%s.secret: %s is %s: give the token another Secret." $path $secret (get $own $token.secret.name)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* The Secrets in the release's namespace that no token may be in, and what each one is, as YAML. */}}
{{- define "token-acquirer.ownSecrets" -}}
{{- $config := .Prepared.config -}}
{{- $own := dict $config.state.secret "where refresh tokens are kept" -}}
{{- with ($config.endpoint | default dict).authoritySecret -}}
{{- $_ := set $own . "the token-acquirer's certificate authority" -}}
{{- end -}}
{{- with include "token-acquirer.tlsSecret" . -}}
{{- $_ := set $own . "the certificate of the reissue endpoint" -}}
{{- end -}}
{{- with .Values.credentialsSecret -}}
{{- $_ := set $own . "where credentials are" -}}
{{- $_ := set $own (printf "%s-intervals" .) "where intervals are" -}}
{{- end -}}
{{- range .Prepared.ownCredentials -}}
{{- $given := get $.Values.credentials . | default dict -}}
{{- $_ := set $own ($given.existingSecret | default (printf "%s-credentials" .)) (printf "where the credential %s is" .) -}}
{{- $_ := set $own (printf "%s-interval" .) (printf "where the interval of %s is" .) -}}
{{- end -}}
{{- toYaml $own -}}
{{- end -}}

{{- define "token-acquirer.faults.credentials" -}}
{{- $faults := list -}}
{{- $known := .Prepared.credentials -}}
{{- range $index, $token := .Values.config.tokens -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$" $token.credential) -}}
{{- $faults = append $faults (printf "%s.credential is no DNS label of at most 52 characters, and a volume and Secrets are called after it: take lower-case letters, digits and hyphens." (index $.Prepared.places $index)) -}}
{{- end -}}
{{- end -}}
{{- /* Which it may read and write through the API, as it may not its credentials. */ -}}
{{- $config := .Prepared.config -}}
{{- $kept := dict "config.state.secret" $config.state.secret "config.endpoint.authoritySecret" ($config.endpoint | default dict).authoritySecret -}}
{{- if eq $config.state.secret (get $kept "config.endpoint.authoritySecret") -}}
{{- $faults = append $faults (printf "config.state.secret and config.endpoint.authoritySecret are both %s: give one of them another name." $config.state.secret) -}}
{{- end -}}
{{- range $path := keys $kept | sortAlpha -}}
{{- if and $.Values.credentialsSecret (has (get $kept $path) (list $.Values.credentialsSecret (printf "%s-intervals" $.Values.credentialsSecret))) -}}
{{- $faults = append $faults (printf "%s: %s is of credentialsSecret, which the token-acquirer may not read through the API: name another Secret." $path (get $kept $path)) -}}
{{- end -}}
{{- range $.Prepared.ownCredentials -}}
{{- $secrets := list ((get $.Values.credentials . | default dict).existingSecret | default (printf "%s-credentials" .)) (printf "%s-interval" .) -}}
{{- if has (get $kept $path) $secrets -}}
{{- $faults = append $faults (printf "%s: %s is of the credential %s, which the token-acquirer may not read through the API: name another Secret." $path (get $kept $path) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $credential := .Values.credentials -}}
{{- if not (has $name $known) -}}
{{- $faults = append $faults (printf "credentials.%s is the credential of no token (there: %s): correct the name, or take it out." $name (join ", " $known | default "none")) -}}
{{- end -}}
{{- if hasKey (($credential | default dict).keys | default dict) "interval" -}}
{{- $faults = append $faults (printf "credentials.%s.keys.interval: the interval is in a Secret of its own, %s-interval: put it there, and take this key out." $name $name) -}}
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
{{- $faults = append $faults "tls.existingSecret and tls.certManager.enabled exclude each other: take one of them out." -}}
{{- end -}}
{{- if and $manager.enabled (not $manager.issuerRef.name) -}}
{{- $faults = append $faults "tls.certManager.issuerRef.name is empty: name the issuer, as in { name: internal-ca, kind: ClusterIssuer }." -}}
{{- end -}}
{{- if include "token-acquirer.tlsSecret" . -}}
{{- range $key := keys (.Values.config.endpoint | default dict) | sortAlpha -}}
{{- $faults = append $faults (printf "config.endpoint.%s and tls both say which certificate the endpoint has: take one of them out." $key) -}}
{{- end -}}
{{- end -}}
{{- $servers := .Values.config.authorizationServers -}}
{{- range $name, $authority := .Values.certificateAuthorities -}}
{{- $path := printf "certificateAuthorities.%s" $name -}}
{{- if not (hasKey $servers $name) -}}
{{- $faults = append $faults (printf "%s is no entry of config.authorizationServers (there: %s): correct the name, or take it out." $path (keys $servers | sortAlpha | join ", " | default "none")) -}}
{{- else if (get $servers $name).caFile -}}
{{- $faults = append $faults (printf "%s and config.authorizationServers.%s.caFile both name an authority: take one of them out." $path $name) -}}
{{- end -}}
{{- if eq (not $authority.configMap) (not $authority.secret) -}}
{{- $faults = append $faults (printf "%s needs either configMap or secret, and not both." $path) -}}
{{- end -}}
{{- if gt (len $name) 53 -}}
{{- $faults = append $faults (printf "%s has more than 53 characters, and a volume is called after it: rename the authorization server." $path) -}}
{{- end -}}
{{- end -}}
{{- $identities := .Prepared.identities -}}
{{- range $name := keys .Values.workloadIdentity | sortAlpha -}}
{{- if not (hasKey $identities $name) -}}
{{- $faults = append $faults (printf "workloadIdentity.%s is no authorization server with clientAuthentication: workload_identity and without assertionFile: correct the name, or take it out." $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := keys $identities | sortAlpha -}}
{{- if gt (len $name) 53 -}}
{{- $faults = append $faults (printf "config.authorizationServers.%s has more than 53 characters, and a volume is called after it: rename it." $name) -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Two of one name in a pod: Helm 4 refuses them, Helm 3 takes the last. */}}
{{- define "token-acquirer.faults.pod" -}}
{{- $faults := list -}}
{{- $taken := dict "FILE_ORIGINS" "the chart" -}}
{{- if .Values.proxy.noProxy -}}
{{- $_ := set $taken "NO_PROXY" "proxy.noProxy" -}}
{{- end -}}
{{- range $index, $variable := .Values.extraEnv -}}
{{- $path := printf "extraEnv[%d]" $index -}}
{{- with get $taken $variable.name -}}
{{- $faults = append $faults (printf "%s.name: %s is set by %s already: take one of them out." $path $variable.name .) -}}
{{- end -}}
{{- $_ := set $taken $variable.name $path -}}
{{- end -}}
{{- range $index, $volume := .Values.extraVolumes -}}
{{- if regexMatch "^(config|credentials|tls|no-credentials|api-access|(credential|authority|identity)-.*)$" $volume.name -}}
{{- $faults = append $faults (printf "extraVolumes[%d].name: %s may be a volume of the chart's own: give it another." $index $volume.name) -}}
{{- end -}}
{{- end -}}
{{- range $field := list "extraContainers" "extraInitContainers" -}}
{{- range $index, $container := get $.Values $field -}}
{{- if eq $container.name "token-acquirer" -}}
{{- $faults = append $faults (printf "%s[%d].name: token-acquirer is the chart's own container: give it another." $field $index) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* What the cluster has to have. It is asked for namespaces only where there is one: `lookup` finds nothing without. */}}
{{- define "token-acquirer.faults.cluster" -}}
{{- $faults := list -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- if and (.Values.config.propagation | default dict).nudge (semverCompare "<1.30.0-0" $version) -}}
{{- $faults = append $faults (printf "config.propagation.nudge needs Kubernetes 1.30 or later, for the admission policy that bounds it, and this is %s: take it out, or upgrade the cluster." $version) -}}
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
{{- if .Values.checks.secrets -}}
{{- $faults = concat $faults (include "set checks.secrets to false, if you may not read Secrets" . | fromYamlArray) -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}

{{/* Where a lookup is forbidden, helm shows the name of this template and nothing else of ours: so it says what to do. */}}
{{- define "set checks.namespaces to false, if you may not read namespaces" -}}
{{- $faults := list -}}
{{- if lookup "v1" "Namespace" "" "kube-system" -}}
{{- range $namespace := keys .Prepared.clientNamespaces | sortAlpha -}}
{{- /* Helm makes the release's own only after this. */ -}}
{{- if and (ne $namespace $.Release.Namespace) (not (lookup "v1" "Namespace" "" $namespace)) -}}
{{- $faults = append $faults (printf "config.tokens: the namespace %s is not there, and nothing was changed. Make it first: kubectl create namespace %s" $namespace $namespace) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $faults -}}
{{- end -}}
