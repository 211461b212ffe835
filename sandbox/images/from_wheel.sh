# shellcheck shell=bash
# The part that go.sh and node.sh share, read by them: a program that is had as a wheel, on top of a sandbox image.
#
#   name       of its Dockerfile.$name, $name.lock and $name.sh
#   arrange    function: moves what is needed of the unpacked wheel, $1, into the build context, $2
#   works      command that runs in the image when it is right
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
base=${BASE:-signoff-sandbox:latest}
image=${IMAGE:-signoff-sandbox-$name:latest}

say() { printf 'image: %s\n' "$*" >&2; }
fail() {
  say "$1"
  say "  $2"
  exit 1
}

digest=$(docker image inspect --format '{{.Id}}' "$base" 2>/dev/null) || fail "there is no image $base" "Run: signoff sandbox build"
inputs=$(cat "$here/Dockerfile.$name" "$here/$name.sh" "$here/from_wheel.sh" "$here/$name.lock" <(echo "$digest") | sha256sum | cut -d' ' -f1)
label() { docker image inspect --format '{{index .Config.Labels "signoff.inputs"}}' "$image" 2>/dev/null || true; }
if [ "$(label)" = "$inputs" ]; then exit 0; fi

say "building $image from $base"
context=$(mktemp -d "${TMPDIR:-/tmp}/signoff-$name-XXXXXX")
trap 'rm -rf "$context"' EXIT
arch=$(docker run --rm --network none --entrypoint "" "$base" uname -m)
. "$here/pip.sh"
python=$(pip_here "$context")
"$python" -m pip download -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
  --only-binary=:all: --platform "manylinux_2_28_$arch" --platform "manylinux2014_$arch" --platform "manylinux_2_17_$arch" \
  --dest "$context/wheels" --requirement "$here/$name.lock" ||
  fail "$name cannot be downloaded" "Check pip's configuration (pip config list)"
"$python" -m zipfile -e "$context"/wheels/*.whl "$context/all"
mkdir -p "$context/tree"
arrange "$context/all" "$context/tree"
chmod -R a+rX "$context/tree"
cp "$here/Dockerfile.$name" "$context/tree/Dockerfile"
# BuildKit is not everywhere; the classic builder does all that is needed.
DOCKER_BUILDKIT=0 docker build --quiet --network none --build-arg "BASE=$base" \
  --label "signoff.inputs=$inputs" --tag "$image" "$context/tree" >"$context/log" 2>&1 ||
  { tail -n 20 "$context/log" >&2; fail "the build failed" "See above."; }
docker run --rm --network none --entrypoint "" "$image" sh -ec "$works" >/dev/null ||
  fail "$name does not run in it" "Choose another base: BASE=IMAGE $0"
say "ready: $image"
