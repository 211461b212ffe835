#!/usr/bin/env bash
# vLLM for the CPU in an environment of its own (.venv-vllm), for the tests marked `vllm`.
# Takes two or three minutes the first time and nothing after that. Every hash is checked. torch's CPU build
# is not on PyPI: pip must know a place that has it (PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL).
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-vllm
lock=requirements/vllm.lock
stamp=$venv/.ready
wanted=$(sha256sum <"$lock")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x "$venv/bin/python" ]; then exit 0; fi

echo "vllm: installing $(grep -c '^[a-z].*==' "$lock") locked packages into $venv (some minutes the first time)" >&2
rm -rf "$venv"
"${PYTHON:-.venv/bin/python}" -m venv "$venv"
# The lock is complete without what only a GPU can load (scripts/lock.sh), so nothing is resolved here.
if ! "$venv/bin/python" -m pip --disable-pip-version-check --no-input -qq install \
  --no-deps --no-compile --require-hashes -r "$lock"; then
  echo "vllm: not installed. If it is torch that is missing: its CPU build lies on no PyPI;" \
    "set PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL to a place that has it." >&2
  exit 1
fi
printf '%s' "$wanted" >"$stamp"
echo "vllm: ready" >&2
