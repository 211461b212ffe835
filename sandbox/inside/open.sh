# Make the workspace: a shadow repository that only snapshots use, the files, and a plain .git for the
# tools that want one. Objects are in place already. Bytes are written as they are: no line endings
# translated, no filters, no keywords.
#   $1 tree  $2 tree of all files, ignored ones too  $3 tree of the home folder or -
#   $4 the commit of .git or -  $5 its branch or -
set -eu
G=/work/.signoff/git
mkdir -p "$G/refs" "$G/info" "$G/objects/info"
printf 'ref: refs/heads/none\n' >"$G/HEAD"
printf '[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tpreloadIndex = false\n[checkout]\n\tworkers = 2\n' >"$G/config"
printf '* -text !eol -filter -ident !working-tree-encoding\n' >"$G/info/attributes"
export GIT_DIR=$G GIT_WORK_TREE=/work/repo GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
cd /work/repo
GIT_INDEX_FILE=$G/full git read-tree --reset -u "$2"
cp "$G/full" "$G/index"
# Merging takes over what is known of the files (-i: their content is not read again).
if [ "$1" != "$2" ]; then git read-tree -i -m "$1"; fi
if [ "$3" != - ]; then GIT_WORK_TREE=/work/home GIT_INDEX_FILE=$G/home git read-tree --reset -u "$3"; fi
if [ "$4" = - ] || [ -e .git ]; then exit 0; fi

R=/work/repo/.git
mkdir -p "$R/objects/info" "$R/objects/pack" "$R/refs/heads" "$R/info"
printf '%s/objects\n' "$G" >"$R/objects/info/alternates"
printf '[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tlogallrefupdates = true\n' >"$R/config"
printf '%s\n' "$4" >"$R/shallow"
if [ "$5" = - ]; then
  printf '%s\n' "$4" >"$R/HEAD"
else
  printf 'ref: refs/heads/%s\n' "$5" >"$R/HEAD"
  mkdir -p "$(dirname "$R/refs/heads/$5")"
  printf '%s\n' "$4" >"$R/refs/heads/$5"
fi
cp "$G/index" "$R/index"
GIT_DIR=$R GIT_INDEX_FILE=$R/index git read-tree -i -m "$4"
