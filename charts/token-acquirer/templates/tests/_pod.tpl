{{/* A pod of `helm test`. Takes `context`, `pod` (see _pods.tpl), its `labels`, and whether all pods start `together`. */}}
{{- define "token-acquirer.testPod" -}}
{{- $ := .context -}}
{{- $pod := .pod -}}
{{- $labels := .labels -}}
{{- $gateway := $.Values.test.certificateAuthority | default dict -}}
{{- $client := eq $pod.as "client" -}}
{{- $stored := and $client (ne $pod.delivery "endpoint") -}}
{{- /* The CA certificate of the endpoint may arrive with the first token, which the client's pod requests. */ -}}
{{- $waits := or $stored (and .together (not $client)) -}}
{{- with .pod -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .name }}
  namespace: {{ .namespace | quote }}
  labels:
    {{- toYaml $labels | nindent 4 }}
  annotations:
    helm.sh/hook: test
    # A pod in its own hook follows the pods of clients, which wait for the first token.
    helm.sh/hook-weight: {{ ternary "0" "10" $client | quote }}
    # The pod stays after its end, so that its log can be read.
    helm.sh/hook-delete-policy: before-hook-creation
    helm.sh/hook-output-log-policy: hook-failed
    kubectl.kubernetes.io/default-container: check
    {{- with $.Values.commonAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with include "token-acquirer.pullSecrets" $ }}
  {{- . | nindent 2 }}
  {{- end }}
  restartPolicy: Never
  # Before `helm test` gives up, after 5 min.
  activeDeadlineSeconds: 240
  serviceAccountName: {{ .account | quote }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: 5
  securityContext:
    {{- include "token-acquirer.securityContext" (dict "context" $ "securityContext" $.Values.podSecurityContext) | nindent 4 }}
  {{- range $field := list "nodeSelector" "tolerations" }}
  {{- with get $.Values $field }}
  {{ $field }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- if $waits }}
  # The kubelet updates the volume after each container that ends, and otherwise within a minute and a half. Without this, a token
  # that is stored just after the start of this pod would arrive late.
  initContainers:
    {{- range $wait := list "first" "second" }}
    - {{ include "token-acquirer.testContainer" (dict "context" $ "pod" $pod "name" (printf "%s-wait" $wait) "as" "waiter" "patience" "8s") | nindent 6 | trim }}
    {{- end }}
  {{- end }}
  containers:
    - {{ include "token-acquirer.testContainer" (dict "context" $ "pod" $pod "name" "check" "as" .as "patience" "12s") | nindent 6 | trim }}
  volumes:
    - name: tokens
      secret:
        secretName: {{ .secret | quote }}
        # 0440: readable by the group of the pod's fsGroup.
        defaultMode: 288
        # A client's pod waits for its first token. This pod starts without one, to report why it is missing.
        optional: true
        items:
          {{- if $stored }}
          {{- range .tokens }}
          - key: {{ .key | quote }}
            path: {{ .name | quote }}
          - key: {{ printf "%s.json" .key | quote }}
            path: {{ printf "%s.json" .name | quote }}
          {{- end }}
          {{- end }}
          - key: ca.crt
            path: ca.crt
    - name: caller-token
      projected:
        defaultMode: 288
        sources:
          - serviceAccountToken:
              audience: {{ include "token-acquirer.audience" $ | quote }}
              expirationSeconds: 600
              path: token
          {{- if $client }}
          - configMap:
              name: kube-root-ca.crt
              optional: true
              items:
                - key: ca.crt
                  path: api-server.crt
          {{- end }}
    {{- if and $client $gateway }}
    - name: gateway-authority
      projected:
        defaultMode: 292
        sources:
          - {{ ternary "configMap" "secret" (not (not $gateway.configMap)) }}:
              name: {{ $gateway.configMap | default $gateway.secret | quote }}
              optional: true
              items:
                - key: {{ $gateway.key | default "ca.crt" | quote }}
                  path: ca.crt
    {{- end }}
{{- end }}
{{- end -}}
