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
generated() { find crds config helm/memorybank docs/tenant.md docs/api.md docs/helm-values.md -type f -exec sha256sum {} + | sort; }
before=$(generated)
scripts/generate.sh
if [ "$before" != "$(generated)" ]; then
    echo "something in crds/, config/, helm/memorybank/ or docs/ is not what it is generated from: run 'make generate' and commit the result" >&2
    exit 1
fi
step "chart"
helm=$($bin/python -m e2e.cluster build helm)
"$helm" lint --strict --quiet helm/memorybank
for values in tests/chart/values/*.yaml; do "$helm" lint --strict --quiet helm/memorybank --values "$values"; done
step "shell scripts"
$bin/shellcheck scripts/*.sh requirements/*.sh e2e/cluster/*.sh .ci/run
