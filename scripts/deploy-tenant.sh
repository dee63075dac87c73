#!/bin/sh
# Makes a tenant with a key of yours, reached at TENANT.DOMAIN, and waits until it answers.
# What follows the three (-n NAMESPACE, --size 20Gi, --timeout 600) goes on to `memorybank create`.
set -eu
if [ $# -lt 3 ]; then
    echo "usage: $0 TENANT APIKEY DOMAIN [OPTION...]" >&2
    exit 2
fi
tenant=$1 key=$2 domain=$3
shift 3
memorybank=${MEMORYBANK:-$(command -v memorybank || echo "$(dirname "$0")/../.venv/bin/memorybank")}
# printf is the shell's own: the key stands in no process's arguments but this one's.
printf '%s' "$key" | "$memorybank" create "$tenant" --domain "$domain" --api-key-stdin --wait "$@"
