#!/usr/bin/env bash
# Prints the directory under which usr/sbin/nginx and usr/sbin/haproxy are, fetched once.
#
# The packages are unpacked into a cache outside the tree, not installed: Debian's would start services on
# port 80. What they need of libraries is in proxy_packages, which scripts/test installs.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-tools/proxies-bookworm

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
  "${apt[@]}" download nginx haproxy
  for package in ./*.deb; do dpkg -x "$package" unpacked; done
  unpacked/usr/sbin/nginx -v
  unpacked/usr/sbin/haproxy -v
  mkdir -p "$(dirname "$cache")"
  # Another checkout may have been faster.
  mv -T unpacked "$cache" || [[ -x $cache/usr/sbin/haproxy ]]
}

if [[ ${1:-} == --fetch ]]; then
  fetch
  exit
fi
if ! [[ -x $cache/usr/sbin/haproxy ]]; then
  command -v apt-get >/dev/null || die "not Debian: put the servers at $cache/usr/sbin/nginx and $cache/usr/sbin/haproxy"
  say "Fetching nginx and HAProxy from Debian into $cache"
  logged proxies "$0" --fetch
fi
printf '%s\n' "$cache"
