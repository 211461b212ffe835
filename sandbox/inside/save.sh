# Save the workspace: prints the trees of what would be delivered, of all files, and of the home folder
# (or -); then "pack" when there is something new in /work/.signoff/out.
# $1 $2 $3 are the trees that the store has already, as they were printed the last time.
set -eu
G=/work/.signoff/git
export GIT_DIR=$G GIT_WORK_TREE=/work/repo GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
cd /work/repo

nested=
add() { # index, then options and paths
  index=$1
  shift
  # shellcheck disable=SC2086
  GIT_INDEX_FILE=$index git -c advice.addEmbeddedRepo=false add -A "$@" $nested
}
all() { # both at once: what takes long is starting git, and looking at every file
  add "$G/index" -- . &
  first=$!
  if add "$G/full" -f -- . ':(exclude,glob)**/__pycache__/**' ':(exclude,glob)**/.pytest_cache/**'; then
    wait "$first"
  else
    wait "$first" || true
    return 1
  fi
}
# A repository inside the repository has no place in a tree: its folder is left out.
leave_out_nested() {
  nested=$(find . -mindepth 2 -name .git -prune | sed -e 's|^\./||' -e 's|/\.git$||' -e 's|.*|:(exclude,literal)&|' |
    grep -v '[[:space:]]' || true)
}
forget_nested() { # links to commits that were not there before
  git ls-tree -r "$1" 2>/dev/null | sed -n 's/^160000 commit //p' | cut -f2 >"$G/links"
  for index in "$G/index" "$G/full"; do
    GIT_INDEX_FILE=$index git ls-files -s | sed -n 's/^160000 //p' | cut -f2 | { grep -vxF -f "$G/links" || true; } |
      GIT_INDEX_FILE=$index git update-index --force-remove --stdin
  done
}
if ! said=$(all 2>&1); then
  chmod -R u+rwX . 2>/dev/null || true # a file that cannot be read
  leave_out_nested
  said=$(all 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
fi
case $said in *embedded*) forget_nested "$1" ;; esac
# Links to submodules stay as they were: an empty folder that was tidied away is no wish to remove one.
if [ -s "$G/gitlinks" ]; then
  for index in "$G/index" "$G/full"; do
    GIT_INDEX_FILE=$index git update-index -z --replace --index-info <"$G/gitlinks"
  done
fi

git write-tree >"$G/tree" &
first=$!
repo=$(GIT_INDEX_FILE=$G/full git write-tree)
wait "$first"
read -r tree <"$G/tree"
home=-
for entry in /work/home/* /work/home/.[!.]*; do
  [ -e "$entry" ] || [ -L "$entry" ] || continue
  home=$(cd /work/home && export GIT_WORK_TREE=/work/home GIT_INDEX_FILE="$G/home" &&
    git add -A -f -- . ':(exclude).cache' && git write-tree)
  break
done
printf '%s %s %s' "$tree" "$repo" "$home"
if [ "$tree $repo $home" != "$*" ]; then
  for want in "$tree" "$repo" "$home"; do [ "$want" = - ] || printf '%s\n' "$want"; done >"$G/wants"
  for have in "$@"; do [ "$have" = - ] || printf '^%s\n' "$have"; done >>"$G/wants"
  git pack-objects -q --revs --thin --delta-base-offset --stdout <"$G/wants" >/work/.signoff/out
  printf ' pack'
fi
