#!/usr/bin/env bash
# Build a sandbox image with the packages of one project, from requirements on standard input.
#
#   project.sh IMAGE BASE    what to call the result, and the sandbox image it is put on (see build.sh)
#
# Only wheels are taken, and they are installed without a network: no code of anybody runs on this machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
image=$1
base=$2

say() { printf 'image: %s\n' "$*" >&2; }
fail() {
  say "$1"
  say "  $2"
  exit 1
}
inside() { docker run --rm --network none --user 0 --entrypoint "" "$base" "$@"; }

context=$(mktemp -d "${TMPDIR:-/tmp}/signoff-project-XXXXXX")
trap 'rm -rf "$context"' EXIT
mkdir "$context/wheels"
cat >"$context/wheels/requirements.txt"
digest=$(docker image inspect --format '{{.Id}}' "$base" 2>/dev/null) || fail "there is no image $base" "Run: signoff sandbox build"
inputs=$(cat "$here/Dockerfile.project" "$here/project.sh" "$context/wheels/requirements.txt" <(echo "$digest") | sha256sum | cut -d' ' -f1)
label() { docker image inspect --format '{{index .Config.Labels "signoff.inputs"}}' "$image" 2>/dev/null || true; }
if [ "$(label)" = "$inputs" ]; then exit 0; fi

say "building $image from $base"
version=$(inside python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
arch=$(inside uname -m)
. "$here/pip.sh"
python=$(pip_here "$context")
"$python" -m pip download -qq --disable-pip-version-check --no-input \
  --only-binary=:all: --implementation cp --python-version "$version" \
  --platform "manylinux_2_28_$arch" --platform "manylinux2014_$arch" --platform "manylinux_2_17_$arch" --platform any \
  --dest "$context/wheels" --requirement "$context/wheels/requirements.txt" ||
  fail "not all packages can be had as wheels for Python $version on $arch" \
    "Leave out what tests do not need (--requirement), or bring an image of your own on top of $base"
cp "$here/Dockerfile.project" "$context/Dockerfile"
# BuildKit is not everywhere; the classic builder does all that is needed.
DOCKER_BUILDKIT=0 docker build --quiet --network none --build-arg "BASE=$base" \
  --label "signoff.inputs=$inputs" --tag "$image" "$context" >"$context/log" 2>&1 ||
  { tail -n 20 "$context/log" >&2; fail "the build failed" "See above."; }
say "ready: $image"
