#!/usr/bin/env bash
# vLLM for the CPU in an environment of its own (.cache/vllm-venv), for the tests marked `vllm`.
# Half a gigabyte; takes some minutes the first time and nothing after that.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.cache/vllm-venv
stamp=$venv/.ready
wanted=$(sha256sum <requirements/vllm.txt)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

echo "vllm: installing vLLM for the CPU into $venv (some minutes the first time)" >&2
mkdir -p .cache
"${PYTHON:-.venv/bin/python}" -m venv "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check --no-input -qqq install -r requirements/vllm.txt
# They come with the build for GPUs, do not load without one, and nothing here looks at pictures or sound.
"$venv/bin/python" -m pip --disable-pip-version-check -qq uninstall -y torchvision torchaudio torchcodec
printf '%s' "$wanted" >"$stamp"
