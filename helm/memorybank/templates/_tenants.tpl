{{- /* The chart's tenants as a list {tenants: [...]}, each with its namespace, and what cannot be honoured refused. */ -}}
{{- define "memorybank.tenants" -}}
{{- $root := . -}}
{{- $tenants := .Values.tenants -}}
{{- if not .Values.multiTenant.enabled -}}
{{- $tenants = list (include "memorybank.tenants.single" . | fromYaml) -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled=true: a tenant keeps its memories in an embedded store on a volume of its own, which has one writer: a second replica would destroy it. Set autoscaling.enabled=false; give a busy tenant more by its resources (limits.cpu, limits.memory), and spread users over several tenants" -}}
{{- end -}}
{{- if not .Values.persistence.enabled -}}
{{- fail "persistence.enabled=false: a tenant's memories always lie on a volume, else they would end with the pod. Set persistence.enabled=true; for a trial, a small persistence.size will do" -}}
{{- end -}}
{{- $found := list -}}
{{- $ids := dict -}}
{{- $domains := dict -}}
{{- range $tenant := $tenants -}}
{{- $namespace := $tenant.namespace | default $root.Release.Namespace -}}
{{- $id := printf "%s/%s" $namespace $tenant.id -}}
{{- if hasKey $ids $id -}}
{{- fail (printf "tenants[%s]: is there twice in namespace %s: an id is one tenant's" $tenant.id $namespace) -}}
{{- end -}}
{{- $_ := set $ids $id true -}}
{{- if eq $id (printf "%s/%s" $root.Release.Namespace (include "memorybank.name" $root)) -}}
{{- fail (printf "tenants[%s]: its objects would have the names of the operator's own in namespace %s: give it another id, or a namespace of its own" $tenant.id $namespace) -}}
{{- end -}}
{{- if and $root.Values.watchNamespaces (not (has $namespace $root.Values.watchNamespaces)) -}}
{{- fail (printf "tenants[%s]: its namespace %s is none of watchNamespaces, so nobody would serve it: add the namespace there, or give the tenant another" $tenant.id $namespace) -}}
{{- end -}}
{{- if and $tenant.apiKey $tenant.existingSecret -}}
{{- fail (printf "tenants[%s]: apiKey and existingSecret exclude each other" $tenant.id) -}}
{{- end -}}
{{- $routed := and $tenant.domain $root.Values.ingress.enabled -}}
{{- if $routed -}}
{{- if hasKey $domains $tenant.domain -}}
{{- fail (printf "tenants[%s]: its domain %s is also that of %s: a host name leads to one tenant" $tenant.id $tenant.domain (get $domains $tenant.domain)) -}}
{{- end -}}
{{- $_ := set $domains $tenant.domain $tenant.id -}}
{{- if and $root.Values.multiTenant.enabled $root.Values.ingress.hosts -}}
{{- $hosts := list -}}
{{- range $root.Values.ingress.hosts }}{{ $hosts = append $hosts .host }}{{ end -}}
{{- if not (include "memorybank.covers" (dict "hosts" $hosts "domain" $tenant.domain)) -}}
{{- fail (printf "tenants[%s]: its domain %s is under none of ingress.hosts (%s): add it there, or leave ingress.hosts empty" $tenant.id $tenant.domain (join ", " $hosts)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $tls := dict -}}
{{- if and $routed $root.Values.ingress.tls -}}
{{- $tls = include "memorybank.tls" (dict "root" $root "tenant" $tenant) | fromYaml -}}
{{- end -}}
{{- $found = append $found (merge (dict "namespace" $namespace "routed" (not (not $routed)) "tls" $tls) $tenant) -}}
{{- end -}}
{{- dict "tenants" $found | toYaml -}}
{{- end }}

{{- /* The one tenant of multiTenant.enabled=false: the release itself. */ -}}
{{- define "memorybank.tenants.single" -}}
{{- if .Values.tenants -}}
{{- fail "tenants: is a list for multiTenant.enabled=true; with multiTenant.enabled=false the release itself is the one tenant" -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$" .Release.Name) -}}
{{- fail (printf "multiTenant.enabled=false: the tenant is named after the release, and %q is no tenant's id: name the release with at most 40 lower-case letters, digits and '-', beginning with a letter" .Release.Name) -}}
{{- end -}}
{{- if gt (len .Values.ingress.hosts) 1 -}}
{{- fail "ingress.hosts: a tenant has one host name: give one, or use multiTenant.enabled=true with a tenant for each" -}}
{{- end -}}
{{- $host := "" -}}
{{- with .Values.ingress.hosts }}{{ $host = (first .).host }}{{ end -}}
{{- if hasPrefix "*." $host -}}
{{- fail (printf "ingress.hosts: %s is no tenant's address: with multiTenant.enabled=false give its full host name" $host) -}}
{{- end -}}
id: {{ .Release.Name | quote }}
domain: {{ $host | quote }}
{{- end }}

{{- /* Not empty if one of the hosts is the domain, or a wildcard above it: `*` stands for one label. */ -}}
{{- define "memorybank.covers" -}}
{{- $parent := printf "*.%s" (.domain | splitList "." | rest | join ".") -}}
{{- if or (has .domain .hosts) (has $parent .hosts) }}yes{{ end -}}
{{- end }}

{{- /*
The tenant's own part of ingress.tls: the entry that names its domain, else the one whose wildcard covers it, else one
without hosts. A certificate that is the tenant's alone is ordered from the issuer that the annotations name; one that
several share is not, as each tenant's Ingress would order it anew for its own name only.
*/ -}}
{{- define "memorybank.tls" -}}
{{- $domain := .tenant.domain -}}
{{- $exact := list }}{{ $wild := list }}{{ $any := list -}}
{{- range .root.Values.ingress.tls -}}
{{- if not .hosts }}{{ $any = append $any . -}}
{{- else if has $domain .hosts }}{{ $exact = append $exact . -}}
{{- else if include "memorybank.covers" (dict "hosts" .hosts "domain" $domain) }}{{ $wild = append $wild . }}{{ end -}}
{{- end -}}
{{- $fitting := concat $exact $wild $any -}}
{{- if not $fitting -}}
{{- fail (printf "tenants[%s]: no entry of ingress.tls covers its domain %s, which would be reached without TLS: add it to an entry's hosts, or leave ingress.tls empty" .tenant.id $domain) -}}
{{- end -}}
{{- $entry := first $fitting -}}
{{- $hosts := $entry.hosts | default list -}}
{{- $alone := or (eq (len $hosts) 1) (not .root.Values.multiTenant.enabled) -}}
secretName: {{ $entry.secretName }}
{{- if and $alone (not (hasPrefix "*." (first (append $hosts $domain)))) }}
{{- with get .root.Values.ingress.annotations "cert-manager.io/cluster-issuer" }}
issuerRef: {kind: ClusterIssuer, name: {{ . }}}
{{- else }}
{{- with get $.root.Values.ingress.annotations "cert-manager.io/issuer" }}
issuerRef: {kind: Issuer, name: {{ . }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The language model or the embedding of the chart's tenants, with the Secret's key that it wants. */ -}}
{{- define "memorybank.model" -}}
provider: {{ .provider }}
{{- with .model }}
model: {{ . | quote }}
{{- end }}
{{- if ne .provider "local" }}
apiKeySecretRef: {name: {{ .secret }}, key: {{ get (dict "claude" "ANTHROPIC_API_KEY" "openai" "OPENAI_API_KEY" "google" "GOOGLE_API_KEY") .provider }}}
{{- end }}
{{- end }}
