#!/bin/sh
# Writes crds/ from the typed models, the chart's copy of it (Helm installs only what lies in the chart), and the rules
# of the chart's roles from the operator's table of permissions.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/python -m memorybank_operator.api.crd
rm -f helm/memorybank/crds/*.yaml
cp crds/*.yaml helm/memorybank/crds/
.venv/bin/python scripts/tenant_reference.py
.venv/bin/python -m memorybank_operator.permissions
