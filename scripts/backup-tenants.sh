#!/bin/sh
# Backs up all tenants, each to its own destination (spec.backup); one that fails keeps none of the others from theirs.
# What follows (-n NAMESPACE, --claim NAME, --timeout 600) goes on to `memorybank backup --all`.
set -eu
memorybank=${MEMORYBANK:-$(command -v memorybank || echo "$(dirname "$0")/../.venv/bin/memorybank")}
exec "$memorybank" backup --all "$@"
