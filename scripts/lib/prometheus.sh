#!/usr/bin/env bash
# Prints the directory in which prometheus and promtool are, fetched once.
#
# The package is unpacked into a cache outside the tree, not installed: Debian's would start a service. Its programs
# need no other package; the pages of its web interface would, and nobody looks at them.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-tools/prometheus-bookworm

# All that apt writes goes to a directory of our own; where the archive is, the machine's own sources say.
fetch() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work"/{lists/partial,archives/partial,unpacked}
  local apt
  apt=(apt-get -q -o Dir::State::lists="$work/lists" -o Dir::Cache="$work" -o Acquire::Retries=3)
  ((EUID)) || apt+=(-o APT::Sandbox::User=root)
  "${apt[@]}" update
  cd "$work"
  "${apt[@]}" download prometheus
  dpkg -x ./prometheus_*.deb unpacked
  unpacked/usr/bin/prometheus --version
  unpacked/usr/bin/promtool --version
  mkdir -p "$(dirname "$cache")"
  # Another checkout may have been faster.
  mv -T unpacked "$cache" || [[ -x $cache/usr/bin/promtool ]]
}

if [[ ${1:-} == --fetch ]]; then
  fetch
  exit
fi
if ! [[ -x $cache/usr/bin/promtool ]]; then
  command -v apt-get >/dev/null || die "not Debian: put the programs at $cache/usr/bin/prometheus and $cache/usr/bin/promtool"
  say "Fetching Prometheus from Debian into $cache"
  logged prometheus "$0" --fetch
fi
printf '%s\n' "$cache/usr/bin"
