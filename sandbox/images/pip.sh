# shellcheck shell=bash
# Read by the scripts of this folder. They download wheels here and copy them in: a container may reach no network.

pip_here() { # folder: prints a Python that has pip: that of PYTHON, the checkout's, the machine's, or one made in the folder
  local python
  for python in "${PYTHON:-}" "$root/.venv/bin/python" python3; do
    if [ -n "$python" ] && "$python" -m pip --version >/dev/null 2>&1; then echo "$python"; return; fi
  done
  "${PYTHON:-python3}" -m venv "$1/pip" >/dev/null 2>&1 || fail "no pip on this machine" "Run: sudo apt-get install python3-pip"
  echo "$1/pip/bin/python"
}
