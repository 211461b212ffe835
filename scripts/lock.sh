#!/usr/bin/env bash
# Lock every dependency with its hashes, for all platforms, and no address of any registry.
# With arguments: passed on, e.g. `scripts/lock.sh --upgrade`.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "lock: needs uv (https://docs.astral.sh/uv)" >&2; exit 1; }

lock() { # file, then the groups and extras in it
  local file=$1
  shift
  uv pip compile pyproject.toml --quiet --universal --python-version "${PYTHON_VERSION:-3.11}" --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --output-file "$file" "$@"
}

lock requirements/app.lock "$@"
lock requirements/service.lock --extra postgres --extra s3 --extra kubernetes --group service "$@"
lock requirements/dev.lock --group dev "$@"
lock requirements/studio.lock --group studio "$@"
PYTHON_VERSION=3.12 lock requirements/aegra.lock --group aegra "$@"

# vLLM on the CPU wants torch's CPU build, which PyPI does not have: UV_FIND_LINKS=FOLDER says where it lies.
# Left out: what comes with the build for GPUs, does not load without one, and is half of the download.
uv pip compile requirements/vllm.txt --quiet --python-version 3.11 --generate-hashes --no-annotate \
  --no-emit-index-url --no-emit-find-links --no-header --output-file requirements/vllm.lock \
  --no-emit-package torchvision --no-emit-package torchaudio --no-emit-package torchcodec --no-emit-package triton "$@"
grep -q '^torch==[0-9.]*+cpu' requirements/vllm.lock ||
  { echo "lock: torch is not the CPU build; set UV_FIND_LINKS to a folder that has it" >&2; exit 1; }
