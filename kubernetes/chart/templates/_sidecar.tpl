{{/*
What a pod needs to have tracelink beside its application. Each takes the context of this chart: `.` here,
`.Subcharts.tracelink` in a chart that has this one as a dependency (docs/kubernetes.md#in-your-own-chart).
*/}}

{{- define "tracelink.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "tracelink.configMap" -}}
{{ .Release.Name }}-tracelink
{{- end }}

{{/* A rollout for each change of the configuration, which a running daemon does not look for. */}}
{{- define "tracelink.annotations" -}}
tracelink/configuration: {{ include "tracelink.configuration" . | sha256sum }}
{{- end }}

{{- define "tracelink.podSecurityContext" -}}
# The group of the sockets and volumes, which every container of the pod has.
fsGroup: {{ .Values.user }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "tracelink.securityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.user }}
runAsGroup: {{ .Values.user }}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end }}

{{/* An environment variable from {value, annotation, label}; its name is in .variable. */}}
{{- define "tracelink.fact" -}}
{{- if .fact.value }}
- {name: {{ .variable }}, value: {{ .fact.value | quote }}}
{{- else if .fact.annotation }}
- name: {{ .variable }}
  valueFrom:
    fieldRef: {fieldPath: "metadata.annotations['{{ .fact.annotation }}']"}
{{- else if .fact.label }}
- name: {{ .variable }}
  valueFrom:
    fieldRef: {fieldPath: "metadata.labels['{{ .fact.label }}']"}
{{- end }}
{{- end }}

{{/* What all daemons have in common, in a pod of their own or beside an application. */}}
{{- define "tracelink.daemon" -}}
image: {{ include "tracelink.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [tracelinkd]
ports:
  - {name: metrics, containerPort: 9464}
# Traces are taken.
startupProbe:
  exec: {command: [tracelink, env]}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 60
# Red for faults of the daemon only, never for the server's or a full queue.
livenessProbe:
  exec: {command: [tracelink, health]}
  periodSeconds: 20
  timeoutSeconds: 5
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext: {{- include "tracelink.securityContext" . | nindent 2 }}
volumeMounts:
  - {name: tracelink-sockets, mountPath: /run/tracelink}
  - {name: tracelink-queue, mountPath: /var/lib/tracelink}
  - {name: tracelink-configuration, mountPath: /etc/tracelink, readOnly: true}
  {{- if .Values.token.secret }}
  - {name: tracelink-token, mountPath: /run/secrets/tracelink, readOnly: true}
  {{- end }}
{{- end }}

{{/* For initContainers: a native sidecar starts before the application and ends after it. */}}
{{- define "tracelink.container" -}}
name: tracelink
restartPolicy: Always
env: {{- include "tracelink.fact" (dict "variable" "TRACELINK_MODEL__NAME" "fact" .Values.model.name) | nindent 2 }}
  {{- include "tracelink.fact" (dict "variable" "TRACELINK_MODEL__VERSION" "fact" .Values.model.version) | nindent 2 }}
{{ include "tracelink.daemon" . }}
{{- end }}

{{- define "tracelink.volumes" -}}
- name: tracelink-sockets
  emptyDir: {}
{{- if not .Values.queue.claim }}
# Lives as long as the pod: a crash or restart of a container loses nothing, a deleted pod what is not delivered.
- name: tracelink-queue
  emptyDir: {sizeLimit: {{ .Values.queue.size }}}
{{- end }}
- name: tracelink-configuration
  configMap: {name: {{ include "tracelink.configMap" . }}}
{{- if .Values.token.secret }}
- name: tracelink-token
  secret:
    secretName: {{ .Values.token.secret }}
    defaultMode: 0440
    items: [{key: {{ .Values.token.key }}, path: token}]
{{- end }}
{{- end }}

{{/* For volumeClaimTemplates of a StatefulSet, with queue.claim. */}}
{{- define "tracelink.volumeClaimTemplates" -}}
- metadata: {name: tracelink-queue}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .Values.queue.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources: {requests: {storage: {{ .Values.queue.size }}}}
{{- end }}

{{/* Of the application's container: where the OpenTelemetry SDK finds the daemon. */}}
{{- define "tracelink.applicationEnv" -}}
- {name: OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, value: grpc}
- {name: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, value: "unix:///run/tracelink/tracelink.sock"}
- {name: OTEL_EXPORTER_OTLP_TRACES_INSECURE, value: "true"}
{{- end }}

{{- define "tracelink.applicationVolumeMounts" -}}
# Connecting needs no right to write here.
- {name: tracelink-sockets, mountPath: /run/tracelink, readOnly: true}
{{- end }}

{{/* With mode admission: unlike the release, a policy is in no namespace. */}}
{{- define "tracelink.policy" -}}
{{ .Release.Namespace }}-{{ .Release.Name }}-tracelink
{{- end }}

{{/* The variables of tracelink.fact as expressions of the policy. */}}
{{- define "tracelink.celFacts" -}}
{{- $variables := list -}}
{{- $source := "Object.spec.initContainers.env.valueFrom" -}}
{{- range $variable, $fact := dict "TRACELINK_MODEL__NAME" .Values.model.name "TRACELINK_MODEL__VERSION" .Values.model.version -}}
{{- $path := printf "metadata.labels['%s']" $fact.label -}}
{{- if $fact.annotation -}}{{- $path = printf "metadata.annotations['%s']" $fact.annotation -}}{{- end -}}
{{- if $fact.value -}}
{{- $variables = append $variables (printf "Object.spec.initContainers.env{name: %q, value: %q}" $variable $fact.value) -}}
{{- else if or $fact.annotation $fact.label -}}
{{- $variables = append $variables (printf "Object.spec.initContainers.env{name: %q, valueFrom: %s{fieldRef: %s.fieldRef{fieldPath: %q}}}" $variable $source $source $path) -}}
{{- end -}}
{{- end -}}
{{- join ", " $variables -}}
{{- end }}
