#!/usr/bin/env bash
# Show the main job on one of the examples: make a git repository of it, and have its bug fixed.
#   scripts/demo.sh inventory|billing|shipping [options of `signoff run` …]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
example=${1:?which example: inventory, billing or shipping}
shift
[ -d "$root/examples/$example" ] || { echo "demo: no example called $example" >&2; exit 2; }

repo=$(mktemp -d "${TMPDIR:-/tmp}/signoff-demo-XXXXXX")/$example
mkdir "$repo"
tar -C "$root/examples/$example" --exclude=TASK.md --exclude=__pycache__ --exclude=.pytest_cache -cf - . | tar -C "$repo" -xf -
git init --quiet --initial-branch=main "$repo"
git -C "$repo" add --all
git -C "$repo" -c user.name=Demo -c user.email=demo@example.invalid -c commit.gpgsign=false \
  commit --quiet --message "The $example example, with its bug"

# Two edits take longer to find than one, and the machine may be small.
export SIGNOFF_REPAIR_SECONDS=${SIGNOFF_REPAIR_SECONDS:-180}

task=$(cat "$root/examples/$example/TASK.md")
printf '\n  repository   %s\n  task         %s\n\n' "$repo" "$task"
model=()
if [ -f "$repo/package.json" ]; then
  # Its tests need a package: it is set up first, by a sandbox that may reach the registries.
  export SIGNOFF_SETUP_NETWORK=${SIGNOFF_SETUP_NETWORK:-registries}
  # The repair engine that needs no model knows Python only.
  if [ -z "${SIGNOFF_MODEL_BASE_URL:-}" ]; then
    printf '  No model is configured (SIGNOFF_MODEL_BASE_URL): a recorded answer stands in for it.\n\n'
    model=("$root/.venv/bin/python" "$root/scripts/recorded_model.py" "$example" --)
  fi
fi
"${model[@]}" "$root/.venv/bin/signoff" run --repo "$repo" --task "$task" --sign-as "$(id -un 2>/dev/null || echo demo)" "$@"
printf '\n  The change is a commit on its own branch; main is as it was:\n\n'
git -C "$repo" --no-pager log --all --oneline --decorate --graph -n 3
