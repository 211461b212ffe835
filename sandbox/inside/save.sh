# Save the workspace: prints "tree full", and "pack" when there is something new in /work/.signoff/out.
# $1 and $2 are the trees that the store has already, as they were printed the last time.
set -eu
G=/work/.signoff/git
export GIT_DIR=$G GIT_WORK_TREE=/work/repo GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
cd /work/repo

# A repository inside the repository has no place in a tree: its folder is left out.
nested=
add() { # index, then options
  index=$1
  shift
  # shellcheck disable=SC2086
  GIT_INDEX_FILE=$index git -c advice.addEmbeddedRepo=false add -A "$@" $nested
}
leave_out_nested() {
  nested=$(find . -mindepth 2 -name .git -prune | sed -e 's|^\./||' -e 's|/\.git$||' -e 's|.*|:(exclude,literal)&|' |
    grep -v '[[:space:]]' || true)
}
all() {
  add "$G/index" -- . && add "$G/full" -f -- . ':(exclude,glob)**/__pycache__/**' ':(exclude,glob)**/.pytest_cache/**'
}
if ! all 2>/dev/null; then
  # A file that cannot be read, or a repository in the repository without a commit.
  chmod -R u+rwX . 2>/dev/null || true
  leave_out_nested
  all
fi
if git ls-files -s | grep -q '^160000 '; then
  # Links to commits that were not there before are nested repositories.
  git ls-tree -r "$1" 2>/dev/null | sed -n 's/^160000 commit //p' | cut -f2 >"$G/links"
  for index in "$G/index" "$G/full"; do
    GIT_INDEX_FILE=$index git ls-files -s | sed -n 's/^160000 //p' | cut -f2 | { grep -vxF -f "$G/links" || true; } |
      GIT_INDEX_FILE=$index git update-index --force-remove --stdin
  done
fi
tree=$(git write-tree)
repo=$(GIT_INDEX_FILE=$G/full git write-tree)
home=
if [ -n "$(ls -A /work/home)" ]; then
  home=$(cd /work/home && export GIT_WORK_TREE=/work/home GIT_INDEX_FILE="$G/home" &&
    git add -A -f -- . ':(exclude).cache' && git write-tree)
fi
full=$({ [ -z "$home" ] || printf '040000 tree %s\thome\n' "$home"; printf '040000 tree %s\trepo\n' "$repo"; } | git mktree)
printf '%s %s' "$tree" "$full"
if [ "$tree $full" != "$1 $2" ]; then
  printf '%s\n%s\n^%s\n^%s\n' "$tree" "$full" "$1" "$2" |
    git pack-objects -q --revs --thin --delta-base-offset --stdout >/work/.signoff/out
  printf ' pack'
fi
