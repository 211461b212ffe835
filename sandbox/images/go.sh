#!/usr/bin/env bash
# Build a sandbox image with Go, which is newer than that of Debian. Takes milliseconds when it is there.
#
#   BASE=IMAGE       the sandbox image it is put on (default signoff-sandbox:latest; see build.sh)
#   IMAGE=NAME:TAG   what to call the result (default signoff-sandbox-go:latest)
#
# Then: export SIGNOFF_SANDBOX_IMAGE=signoff-sandbox-go:latest
set -euo pipefail

name=go
works='go version'
arrange() { # from the unpacked wheel to what Dockerfile.go copies
  mv "$1/go" "$2/go"
  rm -rf "$2/go/__init__.py" "$2/go/test" "$2/go/doc" "$2/go/api"
  chmod a+x "$2"/go/bin/* "$2"/go/pkg/tool/*/* 2>/dev/null || :
}
. "$(dirname "$0")/from_wheel.sh"
