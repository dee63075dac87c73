#!/bin/sh
# Installs the Debian packages of prerequisites.txt that are missing. Does nothing, and needs no network, when all are there.
set -eu
cd "$(dirname "$0")"
PATH=$PATH:/usr/sbin:/sbin
missing=$(grep -v '^#' prerequisites.txt | while read -r program package; do
    command -v "$program" >/dev/null || printf ' %s' "$package"
done)
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Missing, and this is no Debian to install them on:$missing. See e2e/cluster/prerequisites.txt." >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Missing:$missing. Run as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
install="apt-get install --yes --quiet=2 --no-install-recommends -o Dpkg::Use-Pty=0"
echo "Installing$missing ..." >&2
# shellcheck disable=SC2086  # a list of words
$install $missing 2>/dev/null || { apt-get update --quiet=2 && $install $missing; }
