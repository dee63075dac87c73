#!/bin/sh
# Brings a tenant to another version, a tag or a whole image, and waits until it answers.
# What follows the two (-n NAMESPACE, --timeout 900) goes on to `memorybank update`.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: $0 TENANT VERSION [OPTION...]" >&2
    exit 2
fi
memorybank=${MEMORYBANK:-$(command -v memorybank || echo "$(dirname "$0")/../.venv/bin/memorybank")}
exec "$memorybank" update "$@"
