{{- /* Made from crds/ by `make generate`. */ -}}
{{- define "memorybank.crds.names" }}
- memorybanktenants.memorybank.dev
{{- end }}
