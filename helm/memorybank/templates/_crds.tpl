{{- /* Made from crds/ by `make generate`. */ -}}
{{- define "memorybank.crds.names" }}
- memorybankbackups.memorybank.dev
- memorybanktenants.memorybank.dev
{{- end }}
