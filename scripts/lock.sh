#!/usr/bin/env bash
# Compiles the lock files: exact versions with hashes, without download addresses, at least three days old.
set -euo pipefail
cd "$(dirname "$0")/.."
before=$(date -u -d '3 days ago' +%Y-%m-%d)
compile=(.tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url
  --no-annotate --no-header --exclude-newer "$before")
"${compile[@]}" pyproject.toml --group build -o requirements/runtime.lock
"${compile[@]}" pyproject.toml --group build --group dev -c requirements/runtime.lock -o requirements/dev.lock
"${compile[@]}" --group pyproject.toml:bench -c requirements/dev.lock -o requirements/bench.lock
echo uv | "${compile[@]}" - -o requirements/bootstrap.lock
