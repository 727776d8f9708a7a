#!/usr/bin/env bash
# Prints where a tool of Debian's is: prometheus (the directory with promtool), proxies (the one with
# usr/sbin/nginx and usr/sbin/haproxy) or valkey (the server). Fetched once.
#
# The packages are unpacked into a cache outside the tree, not installed: Debian's would start services. What they
# need of libraries is in packages.sh.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/backports.sh"

case ${1:-} in
  prometheus) packages=(prometheus) programs=(usr/bin/prometheus usr/bin/promtool) printed=usr/bin ;;
  proxies) packages=(nginx haproxy) programs=(usr/sbin/nginx usr/sbin/haproxy) printed= ;;
  # Debian 12 has it in its backports only.
  valkey) packages=(valkey-server valkey-tools) programs=(usr/bin/valkey-server) printed=usr/bin/valkey-server ;;
  *) die "usage: debian_tools.sh prometheus|proxies|valkey" ;;
esac
tool=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-tools/$tool-bookworm

fetch() {
  local program
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  unpack_backports "$work" "${packages[@]}"
  for program in "${programs[@]}"; do runs "$work/unpacked/$program"; done
  mkdir -p "$(dirname "$cache")"
  # Another checkout may have been faster.
  mv -T "$work/unpacked" "$cache" || [[ -x $cache/${programs[-1]} ]]
}

# nginx and HAProxy know no --version.
runs() { "$1" --version || "$1" -v; }

if [[ ${2:-} == --fetch ]]; then
  fetch
  exit
fi
if ! [[ -x $cache/${programs[-1]} ]]; then
  command -v apt-get >/dev/null || die "not Debian: put ${programs[*]} into $cache"
  say "Fetching ${packages[*]} from Debian into $cache"
  logged "$tool" "$0" "$tool" --fetch
fi
printf '%s\n' "$cache${printed:+/$printed}"
