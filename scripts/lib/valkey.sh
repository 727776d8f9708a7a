#!/usr/bin/env bash
# Prints the path of a Valkey 8 server, fetched once: Debian 12 has it in its backports only.
#
# Its packages are unpacked into a cache outside the tree, not installed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/backports.sh"

series=8
cache=${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-tools/valkey

# Prints the newest cached server of the series; fails without one.
cached() {
  find "$cache" -path "$cache/$series.*/usr/bin/valkey-server" 2>/dev/null | sort -V | tail -n 1 | grep .
}

fetch() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unpack_backports "$work" valkey-server valkey-tools
  local version
  "$work/unpacked/usr/bin/valkey-server" --version
  version=$(dpkg-deb -f "$work"/valkey-server_*.deb Version)
  mkdir -p "$cache"
  # Another checkout may have been faster.
  mv -T "$work/unpacked" "$cache/$version" || [[ -x $cache/$version/usr/bin/valkey-server ]]
}

if [[ ${1:-} == --fetch ]]; then
  fetch
elif ! cached; then
  command -v apt-get >/dev/null || die "not Debian: put a server at $cache/$series.x/usr/bin/valkey-server"
  say "Fetching Valkey $series from Debian's backports into $cache"
  logged valkey "$0" --fetch
  cached || die "Debian's backports have no Valkey $series any more"
fi
