#!/usr/bin/env bash
# Docker answers when this script ends well. As root it installs and starts the engine where it is
# missing (Debian, Ubuntu); otherwise it says what to do.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }
answers() { docker info >/dev/null 2>&1; }

give_up() {
  say "docker: $1"
  say "  $2"
  exit 1
}

install_engine() {
  command -v apt-get >/dev/null || give_up "no engine here" "Install Docker Engine for your system, then try again."
  say "docker: installing the engine"
  apt-get update -qq
  local packages=(docker.io)
  # Newer releases ship the command apart from the engine.
  if apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

wait_for() { # pid of the daemon, or 0 when somebody else looks after it
  local tries
  for tries in $(seq 300); do
    if answers; then return 0; fi
    if [ "$1" != 0 ] && ! kill -0 "$1" 2>/dev/null; then return 1; fi
    sleep 0.2
  done
  return 1
}

start_engine() {
  if [ -d /run/systemd/system ]; then
    systemctl enable --now docker >/dev/null 2>&1 && wait_for 0
    return
  fi
  local log=/var/log/dockerd.log options
  # Nested inside another container the kernel may refuse overlay mounts, or a bridge.
  for options in "" "--storage-driver=vfs" "--storage-driver=vfs --iptables=false --ip6tables=false --bridge=none"; do
    say "docker: starting dockerd $options(log: $log)"
    # shellcheck disable=SC2086
    setsid dockerd $options >>"$log" 2>&1 </dev/null &
    if wait_for $!; then disown -a; return 0; fi
    kill $! 2>/dev/null || true
  done
  tail -n 5 "$log" >&2
  return 1
}

if answers; then exit 0; fi

if [ "$(id -u)" != 0 ]; then
  if ! command -v docker >/dev/null; then
    give_up "not installed" "sudo apt-get install docker.io && sudo usermod -aG docker $(id -un), log in again, then repeat."
  elif [[ $(docker info 2>&1) == *ermission\ denied* ]]; then
    give_up "you may not talk to it" "sudo usermod -aG docker $(id -un), log in again, then repeat."
  else
    give_up "not running" "sudo systemctl start docker, then repeat."
  fi
fi

if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then install_engine; fi
if answers || start_engine; then exit 0; fi
give_up "the engine does not start" "See /var/log/dockerd.log or: journalctl -u docker"
