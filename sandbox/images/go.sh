#!/usr/bin/env bash
# Build a sandbox image with Go, which is newer than that of Debian. Takes milliseconds when it is there.
#
#   BASE=IMAGE       the sandbox image it is put on (default signoff-sandbox:latest; see build.sh)
#   IMAGE=NAME:TAG   what to call the result (default signoff-sandbox-go:latest)
#
# Then: export SIGNOFF_SANDBOX_IMAGE=signoff-sandbox-go:latest
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
base=${BASE:-signoff-sandbox:latest}
image=${IMAGE:-signoff-sandbox-go:latest}

say() { printf 'image: %s\n' "$*" >&2; }
fail() {
  say "$1"
  say "  $2"
  exit 1
}

digest=$(docker image inspect --format '{{.Id}}' "$base" 2>/dev/null) || fail "there is no image $base" "Run: make image"
inputs=$(cat "$here/Dockerfile.go" "$here/go.sh" "$here/go.lock" <(echo "$digest") | sha256sum | cut -d' ' -f1)
label() { docker image inspect --format '{{index .Config.Labels "signoff.inputs"}}' "$image" 2>/dev/null || true; }
if [ "$(label)" = "$inputs" ]; then exit 0; fi

say "building $image from $base"
context=$(mktemp -d "${TMPDIR:-/tmp}/signoff-go-XXXXXX")
trap 'rm -rf "$context"' EXIT
arch=$(docker run --rm --network none --entrypoint "" "$base" uname -m)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
"$python" -m pip download -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
  --only-binary=:all: --platform "manylinux_2_28_$arch" --platform "manylinux2014_$arch" --platform "manylinux_2_17_$arch" \
  --dest "$context/wheels" --requirement "$here/go.lock" ||
  fail "Go cannot be downloaded" "Check pip's configuration (pip config list)"
"$python" -m zipfile -e "$context"/wheels/*.whl "$context/all"
mkdir -p "$context/tree"
mv "$context/all/go" "$context/tree/go"
rm -rf "$context/tree/go/__init__.py" "$context/tree/go/test" "$context/tree/go/doc" "$context/tree/go/api"
chmod -R a+rX "$context/tree"
chmod a+x "$context"/tree/go/bin/* "$context"/tree/go/pkg/tool/*/* 2>/dev/null || :
cp "$here/Dockerfile.go" "$context/tree/Dockerfile"
# BuildKit is not everywhere; the classic builder does all that is needed.
DOCKER_BUILDKIT=0 docker build --quiet --network none --build-arg "BASE=$base" \
  --label "signoff.inputs=$inputs" --tag "$image" "$context/tree" >"$context/log" 2>&1 ||
  { tail -n 20 "$context/log" >&2; fail "the build failed" "See above."; }
docker run --rm --network none --entrypoint "" "$image" sh -ec 'go version' >/dev/null ||
  fail "Go does not run in it" "Choose another base: BASE=IMAGE $0"
say "ready: $image"
