{{/* KiB of a size of Kubernetes (1280Mi) or of tracelinkd.yaml (1GiB, or bytes). */}}
{{- define "tracelink.kibibytes" -}}
{{- $unit := regexFind "[KMGT]" . -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- if $unit -}}
{{- mul $number (get (dict "K" 1 "M" 1024 "G" 1048576 "T" 1073741824) $unit) -}}
{{- else -}}
{{- div $number 1024 -}}
{{- end -}}
{{- end }}

{{/* A pod that exceeds its emptyDir is evicted, and the queue in it is lost. */}}
{{- define "tracelink.checkedBounds" -}}
{{- $bound := dig "queue" "max_bytes" "10GiB" (.Values.config | default dict) -}}
{{- $text := kindIs "string" $bound | ternary $bound (int64 $bound | toString) -}}
{{- $needed := add (include "tracelink.kibibytes" $text | int64) 65536 -}}
{{- if gt $needed (include "tracelink.kibibytes" .Values.queue.size | int64) -}}
{{- printf "queue.size: %s is less than config.queue.max_bytes (%s) and 64 MiB: a full queue would evict the pod, and be lost with it; raise one or lower the other" .Values.queue.size $text | fail -}}
{{- end -}}
{{- end }}
