# Put the files of submodules where the checkout links to them, raw; their folders hold nothing else afterwards.
# A place that the checkout does not link from any more, or to another commit, is left alone.
#   path, commit, tree, index of the repository around it, path in there; and so on
set -eu
G=/work/.signoff/git
export GIT_DIR=$G GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_LITERAL_PATHSPECS=1
n=0
while [ $# -ge 5 ]; do
  place=/work/repo/$1 commit=$2 tree=$3 around=$G/$4 inner=$5
  shift 5
  n=$((n + 1))
  case $(GIT_INDEX_FILE=$around git ls-files -s -- "$inner") in "160000 $commit "*) ;; *) continue ;; esac
  mkdir -p "$place" 2>/dev/null || continue
  [ "$(cd "$place" && pwd -P)" = "$place" ] || continue
  cd "$place"
  GIT_WORK_TREE=$place GIT_INDEX_FILE=$G/submodule-$n git read-tree --reset -u "$tree"
  GIT_WORK_TREE=$place GIT_INDEX_FILE=$G/submodule-$n git clean -ffdxq
done
