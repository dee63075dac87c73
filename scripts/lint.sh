#!/bin/sh
# What `make lint` runs: format, style, types, import layers, the chart, and that generated files are fresh.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin

step() { printf '== %s\n' "$1"; }

step "ruff"
$bin/ruff check .
$bin/ruff format --check .
step "mypy"
$bin/mypy
step "import layers"
$bin/lint-imports
step "generated files"
generated="crds/*.yaml helm/memorybank/crds/*.yaml helm/memorybank/templates/_permissions.tpl docs/tenant.md"
# shellcheck disable=SC2086 # its patterns are meant to expand
before=$(cat $generated | sha256sum)
scripts/generate.sh
# shellcheck disable=SC2086
if [ "$before" != "$(cat $generated | sha256sum)" ]; then
    echo "crds/, its copy in the chart, the chart's permissions or docs/tenant.md is not what the code says: run 'make generate' and commit the result" >&2
    exit 1
fi
step "chart"
helm=$($bin/python -m e2e.cluster build helm)
"$helm" lint --strict --quiet helm/memorybank
"$helm" lint --strict --quiet helm/memorybank --values tests/chart/guide-values.yaml
step "shell scripts"
for script in scripts/*.sh requirements/*.sh .ci/run; do sh -n "$script"; done
