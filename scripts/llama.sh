#!/usr/bin/env bash
# llama.cpp's Python server in an environment of its own (.venv-llama), for the tests marked `llama`.
# It is compiled the first time, which takes ten to thirty minutes on two cores; it needs a C++ compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv-llama
wants=requirements/llama.txt
stamp=$venv/.ready
wanted=$(sha256sum <"$wants")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x "$venv/bin/python" ]; then exit 0; fi

echo "llama: compiling llama.cpp into $venv (once, ten to thirty minutes)" >&2
rm -rf "$venv"
"${PYTHON:-.venv/bin/python}" -m venv "$venv"
# Built for "native" it dies of an illegal instruction where the machine's name promises more than its kernel gives.
flags="-DGGML_NATIVE=OFF"
if grep -qw avx512f /proc/cpuinfo 2>/dev/null; then flags="$flags -DGGML_AVX512=ON"; fi
CMAKE_ARGS="${CMAKE_ARGS:-$flags}" "$venv/bin/python" -m pip --disable-pip-version-check --no-input -qq install -r "$wants"
printf '%s' "$wanted" >"$stamp"
echo "llama: ready" >&2
