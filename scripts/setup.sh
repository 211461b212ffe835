#!/usr/bin/env bash
# Make .venv from requirements/dev.lock, checking every hash. Takes milliseconds when nothing changed.
# `scripts/setup.sh studio` makes .venv-studio from requirements/studio.lock in the same way, `aegra` .venv-aegra.
# PYTHON=/path/to/python3 chooses the interpreter; it must be 3.11 or newer, for Aegra 3.12.
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-dev}
lock=requirements/$what.lock
case $what in
  dev) venv=.venv ;;
  *) venv=.venv-$what ;;
esac
least=3.11
[ "$what" != aegra ] || least=3.12
stamp=$venv/.ready
wanted=$(cat "$lock" pyproject.toml | sha256sum)

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup: $*"; exit 1; }
new_enough() { command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(sys.version_info < (3, int(sys.argv[1])))' "${least#3.}" 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if new_enough "$candidate"; then echo "$candidate"; return; fi
  done
}

install_packages() { # apt packages, when we may
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "setup: installing $*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  else
    fail "please run first: sudo apt-get install $*"
  fi
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && [ -x "$venv/bin/python" ]; then exit 0; fi

python=$(find_python)
if [ -z "$python" ]; then
  install_packages python3 python3-venv
  python=$(find_python)
  [ -n "$python" ] || fail "Python $least or newer is needed; set PYTHON=/path/to/python3"
fi

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    install_packages "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  fi
  "$python" -m venv "$venv"
fi

say "setup: installing $(grep -c '^[a-z].*==' "$lock") locked packages into $venv (a minute or two the first time)"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input -qq) # errors only
# The lock is complete: without --no-deps pip goes looking for extras (langsmith[otel]) and refuses what it finds.
"${pip[@]}" install --require-hashes --no-deps -r "$lock"
"${pip[@]}" install --no-deps --no-build-isolation --editable .
printf '%s' "$wanted" >"$stamp"
say "setup: ready"
