#!/usr/bin/env bash
# What the full test suite needs beside Docker: a PostgreSQL server's programs, npm for the JavaScript client, Chromium
# for the confirm page, Prometheus for its rules and the dashboard.
# Installed where they are missing and we are root; else the one command that does it is named.
set -euo pipefail

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || missing+=(postgresql)
command -v npm >/dev/null || missing+=(nodejs npm)
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing+=(prometheus)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "tests: these are missing: ${missing[*]}. Install them, on Debian or Ubuntu with:" >&2
  echo "  sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "tests: installing ${missing[*]}"
apt-get update -qq
# The tests start a private cluster and a Prometheus of their own; system-wide ones are not wanted.
[[ " ${missing[*]} " != *" prometheus "* ]] || { install -d /etc/systemd/system; ln -sf /dev/null /etc/systemd/system/prometheus.service; }
install -d /etc/postgresql-common
[ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
