# Debian packages into an environment, without root: downloaded by apt, checked by it, and unpacked below one folder.
# Nothing of theirs is run. Arguments: the folder, then the packages. What is on the image already is left alone.
set -eu
root=$1
shift
work=/tmp/signoff-debian
missing=
for name in "$@"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$root"
for place in /etc/apt/sources.list /etc/apt/sources.list.d; do
  [ ! -e "$place" ] || cp -r "$place" "$work/"
done
mkdir -p "$work/sources.list.d"
# Only connections by TLS leave a set-up.
find "$work/sources.list" "$work/sources.list.d" -type f -exec sed -i 's#http://#https://#' {} + 2>/dev/null || :
options="-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/cache -o Dir::Etc::SourceList=$work/sources.list
  -o Dir::Etc::SourceParts=$work/sources.list.d -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Acquire::Languages=none
  -o APT::Install-Recommends=0 -o Dpkg::Use-Pty=0 -o Acquire::Retries=1 -o APT::Update::Error-Mode=any"
[ -z "${SSL_CERT_FILE:-}" ] || options="$options -o Acquire::https::CaInfo=$SSL_CERT_FILE"
# shellcheck disable=SC2086
apt-get $options -qq update
known= unknown=
for name in $missing; do
  # shellcheck disable=SC2086
  if apt-cache $options show "$name" >/dev/null 2>&1; then known="$known $name"; else unknown="$unknown $name"; fi
done
if [ -n "$known" ]; then
  # shellcheck disable=SC2086
  bytes=$(apt-get $options -qq -y --print-uris install $known | awk '{ sum += $3 } END { print sum + 0 }')
  [ "$bytes" -le 419430400 ] || { echo "These packages are larger than 400 MB together:$known" >&2; exit 1; }
  # shellcheck disable=SC2086
  apt-get $options -qq -y --download-only install $known >&2
  for file in "$work"/cache/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$file" | tar --extract --directory="$root" --no-same-owner \
      --exclude='./usr/share/doc*' --exclude='./usr/share/man*' --exclude='./usr/share/locale*' \
      --exclude='./usr/share/i18n*' --exclude='*/libLLVM*' --exclude='./usr/lib/postgresql/*/lib/bitcode*'
  done
fi
rm -rf "$work"
# One name for the libraries on every machine, and descriptions that say where they lie now.
mkdir -p "$root/usr/lib" "$root/usr/include"
ln -sfn "$(uname -m)-linux-gnu" "$root/usr/lib/here"
[ ! -d "$root/lib" ] || ln -sfn "$(uname -m)-linux-gnu" "$root/lib/here"
ln -sfn "$(uname -m)-linux-gnu" "$root/usr/include/here"
find "$root" -name '*.pc' -type f -exec sed -i "s#=/usr#=$root/usr#" {} +
rm -f "$root"/usr/bin/python* "$root"/usr/bin/perl
[ -z "$unknown" ] || { echo "No archive has these packages:$unknown" >&2; exit 1; }
