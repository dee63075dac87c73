{{- define "memorybank.release" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{- /* The operator's objects; where the release's name is the one tenant's, that tenant's objects have it. */ -}}
{{- define "memorybank.name" -}}
{{- include "memorybank.release" . }}{{ if not .Values.multiTenant.enabled }}-operator{{ end -}}
{{- end }}

{{- define "memorybank.serviceAccount" -}}
{{- if .Values.operator.serviceAccount.create -}}
{{- .Values.operator.serviceAccount.name | default (include "memorybank.name" .) -}}
{{- else -}}
{{- .Values.operator.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end }}

{{- /* What every object of the chart carries, whatever part it is of. */ -}}
{{- define "memorybank.labels.common" -}}
app.kubernetes.io/name: memorybank
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "memorybank.labels" -}}
app.kubernetes.io/component: operator
{{ include "memorybank.labels.common" . }}
{{- end }}

{{- define "memorybank.selector" -}}
app.kubernetes.io/name: memorybank
app.kubernetes.io/component: operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* Whether Traefik's Middlewares are made, and named by the operator. */ -}}
{{- define "memorybank.traefik" -}}
{{- if and .Values.ingressController.middlewares (.Capabilities.APIVersions.Has "traefik.io/v1alpha1/Middleware") }}true{{ end -}}
{{- end }}

{{- /* The image of an image block, pinned where a digest is given, as `digest` or as the tag. */ -}}
{{- define "memorybank.image" -}}
{{- $tag := .image.tag | default (printf "v%s" .root.Chart.AppVersion) -}}
{{- if .image.digest -}}
{{- .image.repository }}@{{ .image.digest -}}
{{- else -}}
{{- .image.repository }}{{ if hasPrefix "sha256:" $tag }}@{{ else }}:{{ end }}{{ $tag -}}
{{- end -}}
{{- end }}

{{- /* What a pod of the operator's image may be, by the Pod Security Standard `restricted`. */ -}}
{{- define "memorybank.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "memorybank.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* Where the operator's image may run, for its short-lived pods too. */ -}}
{{- define "memorybank.placement" -}}
{{- with .Values.operator.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.operator.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
