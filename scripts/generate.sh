#!/bin/sh
# Writes crds/ from the typed models; what the chart has of them, of the operator's table of permissions and of
# config/monitoring (Helm sees only what lies in the chart); the manual's references; the Kustomize bases.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python -m memorybank_operator.api.crd
rm -f helm/memorybank/crds/*.yaml
cp crds/*.yaml helm/memorybank/crds/
.venv/bin/python scripts/tenant_reference.py
.venv/bin/python scripts/api_reference.py
.venv/bin/python -m memorybank_operator.permissions
{
    echo "{{- /* Made from crds/ by \`make generate\`. */ -}}"
    echo '{{- define "memorybank.crds.names" }}'
    sed -n 's/^  name: \(.*\.memorybank\.dev\)$/- \1/p' crds/*.yaml
    echo '{{- end }}'
} >helm/memorybank/templates/_crds.tpl
.venv/bin/python scripts/dashboards.py
rm -rf helm/memorybank/monitoring
mkdir helm/memorybank/monitoring
cp -R config/monitoring/rules.yaml config/monitoring/dashboards helm/memorybank/monitoring/
.venv/bin/python scripts/helm_values.py
.venv/bin/python scripts/kustomize_bases.py "$(.venv/bin/python -m e2e.cluster build helm)"
