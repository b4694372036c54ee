{{/* tracelinkd.yaml: .Values.config with what the pod decides. */}}
{{- define "tracelink.configuration" -}}
{{- if and (ne .Values.mode "daemonset") (not .Values.queue.claim) -}}{{- include "tracelink.checkedBounds" . -}}{{- end -}}
{{- $isNode := eq .Values.mode "daemonset" -}}
{{- $control := $isNode | ternary "/var/lib/tracelink/control.sock" "/run/tracelink/control.sock" -}}
{{- $fixed := dict
  "state_dir" "/var/lib/tracelink/state"
  "listen" (dict "socket" (dict "path" "/run/tracelink/tracelink.sock"))
  "control" (dict "socket" $control "http" "0.0.0.0:9464") -}}
{{- if .Values.token.secret -}}
{{- $_ := set $fixed "tracking" (dict "token" "${file:/run/secrets/tracelink/token}") -}}
{{- end -}}
{{- if $isNode -}}
{{- $name := .Values.model.name.value | default "{service.name}" -}}
{{- $version := .Values.model.version.value | default "{service.version}" -}}
{{- $_ := set $fixed "model" (dict "name" $name "version" $version) -}}
{{- end -}}
{{- mergeOverwrite (deepCopy (.Values.config | default dict)) $fixed | toYaml -}}
{{- end }}
