#!/usr/bin/env bash
# Build the sandbox image. Takes milliseconds when it is there and nothing changed.
#
#   PACKAGES="gcc libpq-dev"  Debian packages that it shall have besides
#   BASE=IMAGE                any image with Python 3 (git, make and pip are added where missing)
#   IMAGE=NAME:TAG            what to call the result (default signoff-sandbox:latest)
#   OFFICIAL=IMAGE            the official base that is tried first
#   SUITE=NAME, MIRROR=URL    Debian release and mirror of the bootstrapped base
#   SIGNOFF_CACHE=FOLDER      where the bootstrapped root file system is kept
#
# Without BASE: the official Python image when a registry can be reached, else a root file system
# made here by debootstrap.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
image=${IMAGE:-signoff-sandbox:latest}
official=${OFFICIAL:-python:3.12-slim-bookworm}
suite=${SUITE:-bookworm}
cache=${SIGNOFF_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/signoff}
packages=${PACKAGES:-}
include=python3,python3-venv,python3-pip,git,make,ca-certificates,libnss-myhostname${packages:+,${packages// /,}}
inputs=$(cat "$here/Dockerfile" "$here/build.sh" "$here/tools.lock" "$here/signoff_pytest.py" <(echo "${BASE:-} $packages") | sha256sum | cut -d' ' -f1)

say() { printf 'image: %s\n' "$*" >&2; }
fail() {
  say "$1"
  say "  $2"
  exit 1
}
label() { docker image inspect --format '{{index .Config.Labels "signoff.inputs"}}' "$image" 2>/dev/null || true; }

command -v docker >/dev/null || fail "the docker command is missing" "Install Docker (in a checkout: make docker)"
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 || fail "Docker does not answer" "Start it: systemctl start docker (in a checkout: make docker)"
if [ "$(label)" = "$inputs" ]; then exit 0; fi

need() { # command, then the packages that bring it
  local tool=$1
  shift
  if command -v "$tool" >/dev/null; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  else
    fail "$tool is missing" "Run: sudo apt-get install $*   (or name a local image with Python: signoff sandbox build --base IMAGE)"
  fi
}

bootstrap() { # make the root file system, once, and import it; prints the name of the image
  local version name tarball work
  version=$suite-$(sha256sum <<<"$include, root 0755" | cut -c1-8)
  name=signoff-base:$version
  tarball=$cache/rootfs-$version-$(uname -m).tar.gz
  if [ ! -s "$tarball" ]; then
    [ "$(id -u)" = 0 ] || fail "no registry answers, and only root can bootstrap a base" \
      "Run once: sudo $0   or name a local image with Python: signoff sandbox build --base IMAGE"
    need debootstrap debootstrap debian-archive-keyring
    say "no registry answers: bootstrapping Debian $suite (a minute or two, once; kept in $cache)"
    work=$(mktemp -d "${TMPDIR:-/var/tmp}/signoff-rootfs-XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$work' '$tarball.part'" EXIT
    debootstrap --variant=minbase \
      --include="$include" \
      "$suite" "$work" ${MIRROR:+"$MIRROR"} >"$work.log" 2>&1 ||
      { tail -n 5 "$work.log" >&2; fail "debootstrap failed" "See $work.log"; }
    rm -rf "$work.log" "$work"/var/cache/apt/archives/*.deb "$work"/var/lib/apt/lists/* \
      "$work"/usr/share/{doc,man,locale,info}/*
    # mktemp made it for root alone; under an engine without overlay (rootless, vfs) it would stay so.
    chmod 0755 "$work"
    mkdir -p "$cache"
    tar -C "$work" --numeric-owner -c . | gzip -1 >"$tarball.part"
    mv "$tarball.part" "$tarball"
    rm -rf "$work"
  fi
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$tarball" "$name" >/dev/null
  echo "$name"
}

choose_base() {
  if [ -n "${BASE:-}" ]; then
    docker image inspect "$BASE" >/dev/null 2>&1 || docker pull --quiet "$BASE" >/dev/null ||
      fail "there is no image $BASE here, and it cannot be pulled" "Check the name: docker image ls"
    echo "$BASE"
  elif docker image inspect "$official" >/dev/null 2>&1 || timeout 300 docker pull --quiet "$official" >/dev/null 2>&1; then
    echo "$official"
  else
    bootstrap
  fi
}

inside() { docker run --rm --network none --user 0 --entrypoint "" "$1" "${@:2}"; }

. "$here/pip.sh"
base=$(choose_base)
say "building $image from $base"
context=$(mktemp -d "${TMPDIR:-/tmp}/signoff-image-XXXXXX")
trap 'rm -rf "$context"' EXIT
cp "$here/Dockerfile" "$context/"

version=$(inside "$base" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
  fail "$base has no python3 that runs" "Choose another: signoff sandbox build --base IMAGE"
arch=$(inside "$base" uname -m)
python=$(pip_here "$context")
"$python" -m pip download -qq --disable-pip-version-check --no-input --require-hashes \
  --only-binary=:all: --implementation cp --python-version "$version" \
  --platform "manylinux_2_28_$arch" --platform "manylinux2014_$arch" --platform "manylinux_2_17_$arch" --platform any \
  --dest "$context/wheels" --requirement "$here/tools.lock" ||
  fail "the packages of tools.lock cannot be downloaded" "Check pip's configuration (pip config list)"

cp "$here/signoff_pytest.py" "$context/wheels/"
network=()
has='command -v git && command -v make && ls /usr/lib/*/libnss_myhostname.so.2 && { [ -z "$*" ] || dpkg -s "$@"; }'
# shellcheck disable=SC2086
if inside "$base" sh -c "$has" has $packages >/dev/null 2>&1; then network=(--network none); fi
log=$context.log
# BuildKit is not everywhere; the classic builder does all that is needed.
DOCKER_BUILDKIT=0 docker build --quiet "${network[@]}" --build-arg "BASE=$base" --build-arg "PACKAGES=$packages" \
  --label "signoff.inputs=$inputs" --tag "$image" "$context" >"$log" 2>&1 ||
  { tail -n 20 "$log" >&2; fail "the build failed" "Where the base lacks git, a container must reach the network."; }
rm -f "$log"
inside "$image" sh -ec 'git --version; python3 -m pytest --version' >/dev/null ||
  fail "the image does not work" "Choose another: signoff sandbox build --base IMAGE"
say "ready: $image"
