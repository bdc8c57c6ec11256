{{/*
Checks the values of the sidecar, and adds defaults. The result is YAML. Takes (dict "client" CHECKED "sidecar" VALUES "at" TEMPLATE),
where CHECKED are the checked values of the client.
*/}}
{{- define "token-acquirer-client.sidecar.checked" -}}
{{- $at := .at -}}
{{- $client := .client -}}
{{- $given := .sidecar -}}
{{- if not (kindIs "map" $given) -}}
{{- fail (printf "\n%s: sidecar takes a mapping such as { image: …, routes: [{ name: dynamics, upstream: \"https://api.example.com\" }] }, and got %s." $at (ternary "nothing" (kindOf $given) (kindIs "invalid" $given))) -}}
{{- end -}}
{{- $known := list "image" "routes" "port" "probePort" "runAsUser" "resources" "traces" -}}
{{- range $key := keys $given | sortAlpha -}}
{{- if not (has $key $known) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys of sidecar: %s." $at $key (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- if or (not (kindIs "string" $given.image)) (not $given.image) -}}
{{- fail (printf "\n%s: sidecar.image is missing: name an image of Envoy 1.39 or later, such as registry.example.com/envoyproxy/envoy:distroless-v1.40.0." $at) -}}
{{- end -}}
{{- if or (not (kindIs "slice" $given.routes)) (not $given.routes) -}}
{{- fail (printf "\n%s: sidecar.routes is missing, or is not a list: list the services that the application calls, such as [{ name: dynamics, upstream: \"https://api.example.com\" }]." $at) -}}
{{- end -}}
{{- if and (hasKey $given "traces") (not (kindIs "bool" $given.traces)) -}}
{{- fail (printf "\n%s: sidecar.traces is either true or false, without quotes." $at) -}}
{{- end -}}
{{- if and $client.namespace (not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" ($client.namespace | toString))) -}}
{{- fail (printf "\n%s: namespace %q is not a valid name of a namespace: use lower-case letters, digits and hyphens." $at $client.namespace) -}}
{{- end -}}
{{- range $name := list "tokenDirectory" "callerTokenDirectory" -}}
{{- if not (regexMatch "^(/[A-Za-z0-9._-]+)+$" (get $client $name | toString)) -}}
{{- fail (printf "\n%s: %s %q is not a path that the sidecar can use: write an absolute path such as /var/run/tokens." $at $name (get $client $name)) -}}
{{- end -}}
{{- end -}}
{{- $ports := dict -}}
{{- range $name := list "port" "probePort" -}}
{{- $port := get $given $name | default (ternary 15080 15089 (eq $name "port")) -}}
{{- include "token-acquirer-client.sidecar.port" (dict "at" $at "where" (printf "sidecar.%s" $name) "port" $port "taken" $ports) -}}
{{- end -}}
{{- $tokens := list -}}
{{- range $client.tokens -}}
{{- $tokens = append $tokens .name -}}
{{- end -}}
{{- $routes := list -}}
{{- $names := list -}}
{{- range $index, $route := $given.routes -}}
{{- $where := printf "%s: sidecar.routes[%d]" $at $index -}}
{{- $checked := include "token-acquirer-client.sidecar.route" (dict "where" $where "route" $route "tokens" $tokens) | fromYaml -}}
{{- if has $checked.name $names -}}
{{- fail (printf "\n%s: two routes are named %s: give each route its own name." $where $checked.name) -}}
{{- end -}}
{{- $names = append $names $checked.name -}}
{{- if $checked.port -}}
{{- include "token-acquirer-client.sidecar.port" (dict "at" $at "where" (printf "sidecar.routes[%d].port" $index) "port" $checked.port "taken" $ports) -}}
{{- end -}}
{{- $routes = append $routes $checked -}}
{{- end -}}
{{- $user := 65532 -}}
{{- if hasKey $given "runAsUser" -}}
{{- $user = $given.runAsUser -}}
{{- end -}}
{{- $checked := dict
  "image" $given.image
  "port" (default 15080 $given.port | int)
  "probePort" (default 15089 $given.probePort | int)
  "routes" $routes
  "traces" (default false $given.traces)
  "runAsUser" $user
  "resources" (default (dict "requests" (dict "cpu" "20m" "memory" "48Mi") "limits" (dict "memory" "128Mi")) $given.resources)
-}}
{{- toYaml $checked -}}
{{- end -}}

{{/* Fails for what is not a port, and for one that is taken. Takes (dict "at" "where" "port" "taken"), and adds to "taken". */}}
{{- define "token-acquirer-client.sidecar.port" -}}
{{- $text := .port | toString -}}
{{- if not (and (regexMatch "^[0-9]{1,5}$" $text) (ge ($text | int) 1024) (le ($text | int) 65535)) -}}
{{- fail (printf "\n%s: %s is %q, which is not a port that the sidecar can open: use a number from 1024 to 65535." .at .where $text) -}}
{{- end -}}
{{- if hasKey .taken $text -}}
{{- fail (printf "\n%s: %s is %s, which is also %s: give each its own port." .at .where $text (get .taken $text)) -}}
{{- end -}}
{{- $_ := set .taken $text .where -}}
{{- end -}}

{{/* Checks a route. The result is YAML. Takes (dict "where" PLACE "route" VALUES "tokens" NAMES). */}}
{{- define "token-acquirer-client.sidecar.route" -}}
{{- $where := .where -}}
{{- $route := .route -}}
{{- if not (kindIs "map" $route) -}}
{{- fail (printf "\n%s takes a mapping such as { name: dynamics, upstream: \"https://api.example.com\" }, not %s." $where (kindOf $route)) -}}
{{- end -}}
{{- $known := list "name" "upstream" "token" "port" "header" "certificateAuthority" "allowHttp" -}}
{{- range $key := keys $route | sortAlpha -}}
{{- if not (has $key $known) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys of a route: %s." $where $key (join ", " $known)) -}}
{{- end -}}
{{- end -}}
{{- $name := default "" $route.name | toString -}}
{{- if not (and (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $name) (le (len $name) 40)) -}}
{{- fail (printf "\n%s has no name, or one that is not a DNS label of at most 40 characters: write a name such as dynamics, with which the application's URLs begin." $where) -}}
{{- end -}}
{{- $token := default $name $route.token | toString -}}
{{- if not (has $token .tokens) -}}
{{- fail (printf "\n%s: the token %q of the route %s is not mounted: add it to tokens, or set the route's token to one of: %s." $where $token $name (join ", " .tokens)) -}}
{{- end -}}
{{- $upstream := include "token-acquirer-client.sidecar.upstream" (dict "where" (printf "%s (%s)" $where $name) "url" $route.upstream "allowHttp" $route.allowHttp) | fromYaml -}}
{{- $header := default dict $route.header -}}
{{- if not (kindIs "map" $header) -}}
{{- fail (printf "\n%s: header takes { name: X-Auth-Token, prefix: \"\" }, not %s." $where (kindOf $header)) -}}
{{- end -}}
{{- range $key := keys $header | sortAlpha -}}
{{- if not (has $key (list "name" "prefix")) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys of header: name, prefix." $where $key) -}}
{{- end -}}
{{- end -}}
{{- $headerName := default "Authorization" $header.name | toString -}}
{{- if or (not (regexMatch "^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$" $headerName)) (has (lower $headerName) (list "host" "connection" "content-length" "transfer-encoding" "upgrade" "te" "cookie")) -}}
{{- fail (printf "\n%s: header.name is %q, which cannot carry a token: use letters, digits and hyphens, such as X-Auth-Token." $where $headerName) -}}
{{- end -}}
{{- /* A header of its own takes the bare token in every service that we know, as in the token-acquirer's configuration. */ -}}
{{- $prefix := ternary "Bearer " "" (eq "authorization" (lower $headerName)) -}}
{{- if hasKey $header "prefix" -}}
{{- $prefix = default "" $header.prefix | toString -}}
{{- end -}}
{{- if not (regexMatch "^[A-Za-z0-9 =:_-]{0,40}$" $prefix) -}}
{{- fail (printf "\n%s: header.prefix may have letters, digits, spaces, = : _ and hyphens, at most 40: write \"Bearer \" or \"\"." $where) -}}
{{- end -}}
{{- if regexMatch "[A-Za-z0-9]$" $prefix -}}
{{- fail (printf "\n%s: header.prefix %q would run into the token: end it with a space, such as \"Bearer \"." $where $prefix) -}}
{{- end -}}
{{- $authority := default dict $route.certificateAuthority -}}
{{- if not (kindIs "map" $authority) -}}
{{- fail (printf "\n%s: certificateAuthority takes { configMap: NAME } or { secret: NAME }, not %s." $where (kindOf $authority)) -}}
{{- end -}}
{{- range $key := keys $authority | sortAlpha -}}
{{- if not (has $key (list "configMap" "secret" "key")) -}}
{{- fail (printf "\n%s: unknown key %q. Valid keys of certificateAuthority: configMap, secret, key." $where $key) -}}
{{- end -}}
{{- end -}}
{{- if and $authority (ne 1 (len (compact (list $authority.configMap $authority.secret)))) -}}
{{- fail (printf "\n%s: certificateAuthority needs either configMap or secret, with the CA of the upstream's certificate." $where) -}}
{{- end -}}
{{- if and $authority (not $upstream.tls) -}}
{{- fail (printf "\n%s: certificateAuthority has no effect on an http upstream: write https, or remove it." $where) -}}
{{- end -}}
{{- $checked := dict
  "name" $name
  "token" $token
  "port" (default 0 $route.port)
  "header" (lower $headerName)
  "prefix" $prefix
  "certificateAuthority" $authority
-}}
{{- toYaml (merge $checked $upstream) -}}
{{- end -}}

{{/* Checks and takes apart the URL of an upstream. The result is YAML. Takes (dict "where" PLACE "url" URL "allowHttp" BOOLEAN). */}}
{{- define "token-acquirer-client.sidecar.upstream" -}}
{{- $where := .where -}}
{{- $url := default "" .url | toString -}}
{{- $example := "write it as https://api.example.com, with a port and a path if it has them" -}}
{{- if not $url -}}
{{- fail (printf "\n%s: upstream is missing: %s." $where $example) -}}
{{- end -}}
{{- if not (regexMatch "^[Hh][Tt][Tt][Pp][Ss]?://" $url) -}}
{{- fail (printf "\n%s: upstream %q does not begin with https:// or http://: %s." $where $url $example) -}}
{{- end -}}
{{- $rest := regexReplaceAll "^[A-Za-z]+://" $url "" -}}
{{- if contains "@" $rest -}}
{{- /* Without the URL, which may hold a password. */ -}}
{{- fail (printf "\n%s: upstream has user information or an @: %s. A token is the only credential that the sidecar adds." $where $example) -}}
{{- end -}}
{{- if regexMatch "[?#]" $rest -}}
{{- fail (printf "\n%s: upstream %q has a query or a fragment, which belong to requests: %s." $where $url $example) -}}
{{- end -}}
{{- $address := regexReplaceAll "/.*$" $rest "" | lower -}}
{{- $path := regexReplaceAll "/+$" (regexReplaceAll "^[^/]*" $rest "") "" -}}
{{- $host := regexReplaceAll ":[0-9]*$" $address "" -}}
{{- $port := trimPrefix $host $address | trimPrefix ":" -}}
{{- if not (or (regexMatch "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" $host) (regexMatch "^\\[[0-9a-f:.]+\\]$" $host)) -}}
{{- fail (printf "\n%s: upstream %q has no valid host: %s." $where $url $example) -}}
{{- end -}}
{{- if or (hasSuffix ":" $address) (and $port (not (and (ge ($port | int) 1) (le ($port | int) 65535) (le (len $port) 5)))) -}}
{{- fail (printf "\n%s: upstream %q has a port that is not a number from 1 to 65535: %s." $where $url $example) -}}
{{- end -}}
{{- if or (not (regexMatch "^(/[A-Za-z0-9._~!&'()*+,;=:%-]+)*$" $path)) (regexMatch "/\\.{1,2}(/|$)" $path) -}}
{{- fail (printf "\n%s: upstream %q has a path with an empty, relative or unusual segment: %s." $where $url $example) -}}
{{- end -}}
{{- $tls := regexMatch "^[Hh][Tt][Tt][Pp][Ss]://" $url -}}
{{- if and (not (kindIs "invalid" .allowHttp)) (not (kindIs "bool" .allowHttp)) -}}
{{- fail (printf "\n%s: allowHttp is either true or false, without quotes." $where) -}}
{{- end -}}
{{- if not (or $tls .allowHttp (has $host (list "localhost" "127.0.0.1" "[::1]"))) -}}
{{- fail (printf "\n%s: upstream %q is http, so anyone on the network could read the token: write https, or set allowHttp: true for this route." $where $url) -}}
{{- end -}}
{{- $isAddress := or (regexMatch "^[0-9]+(\\.[0-9]+){3}$" $host) (hasPrefix "[" $host) -}}
{{- $number := default (ternary "443" "80" $tls) $port | int -}}
{{- $checked := dict
  "tls" $tls
  "host" (trimAll "[]" $host)
  "isAddress" $isAddress
  "upstreamPort" $number
  "authority" (ternary $host (printf "%s:%d" $host $number) (eq $number (ternary 443 80 $tls)))
  "path" $path
-}}
{{- toYaml $checked -}}
{{- end -}}
