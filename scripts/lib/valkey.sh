#!/usr/bin/env bash
# Prints the path of a Valkey 8 server, fetched once: Debian 12 has it in its backports only.
#
# Its packages are unpacked into a cache outside the tree, not installed: nothing on the machine is replaced,
# no service is started, and root is not needed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"

series=8
cache=${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-tools/valkey

# Prints the newest cached server of the series; fails without one.
cached() {
  find "$cache" -path "$cache/$series.*/usr/bin/valkey-server" 2>/dev/null | sort -V | tail -n 1 | grep .
}

# All that apt writes goes to a directory of our own; where the archive is, the machine's own sources say.
fetch() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{lists/partial,archives/partial,parts,unpacked}
  local archive apt version
  archive=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && !uri { uri = $2 } END { print uri }')
  [[ $archive ]] || die "apt has no source of Debian 12 (bookworm)"
  echo "deb $archive bookworm-backports main" >"$work/sources.list"
  apt=(apt-get -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts"
    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work" -o Acquire::Retries=3)
  ((EUID)) || apt+=(-o APT::Sandbox::User=root)
  "${apt[@]}" update
  cd "$work"
  "${apt[@]}" download valkey-server valkey-tools
  for package in ./*.deb; do dpkg -x "$package" unpacked; done
  unpacked/usr/bin/valkey-server --version
  version=$(dpkg-deb -f valkey-server_*.deb Version)
  mkdir -p "$cache"
  # Another checkout may have been faster.
  mv -T unpacked "$cache/$version" || [[ -x $cache/$version/usr/bin/valkey-server ]]
}

if [[ ${1:-} == --fetch ]]; then
  fetch
elif ! cached; then
  command -v apt-get >/dev/null || die "not Debian: put a server at $cache/$series.x/usr/bin/valkey-server"
  say "Fetching Valkey $series from Debian's backports into $cache"
  logged valkey "$0" --fetch
  cached || die "Debian's backports have no Valkey $series any more"
fi
