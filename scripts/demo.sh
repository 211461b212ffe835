#!/usr/bin/env bash
# Show the main job on one of the examples: make a git repository of it, and have its bug fixed.
#   scripts/demo.sh inventory|billing [options of `signoff run` …]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
example=${1:?which example: inventory or billing}
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
"$root/.venv/bin/signoff" run --repo "$repo" --task "$task" --sign-as "$(id -un 2>/dev/null || echo demo)" "$@"
printf '\n  The change is a commit on its own branch; main is as it was:\n\n'
git -C "$repo" --no-pager log --all --oneline --decorate --graph -n 3
