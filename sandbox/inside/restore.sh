# Bring the files back to what they were: the same arguments as open.sh, whose objects are all here.
set -eu
G=/work/.signoff/git
export GIT_DIR=$G GIT_WORK_TREE=/work/repo GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
cd /work/repo
back() {
  GIT_INDEX_FILE=$G/full git read-tree --reset -u "$2" && GIT_INDEX_FILE=$G/full git clean -ffdxq
}
if ! back "$@" 2>/dev/null; then
  chmod -R u+rwX . 2>/dev/null || true # a folder that cannot be written
  back "$@"
fi
cp "$G/full" "$G/index"
if [ "$1" != "$2" ]; then git read-tree -i -m "$1"; fi
cd /work/home
export GIT_WORK_TREE=/work/home GIT_INDEX_FILE="$G/home"
if [ "$3" != - ]; then git read-tree --reset -u "$3"; elif [ -e "$G/home" ]; then git read-tree --empty; fi
if [ -n "$(ls -A)" ]; then git clean -ffdxq; fi
