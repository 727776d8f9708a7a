#!/usr/bin/env bash
# Prints the path of a tool that Debian does not have: centrifugo, consul, helm, otel-collector or traefik. Built once from
# the Go module proxy, as tools/TOOL/go.mod and go.sum pin it, into a cache outside the tree. With --if-built it prints
# nothing where there is none yet.
#
# Any Go from 1.21 on will do: it fetches the one that go.mod asks for through the same proxy. Without one, Debian's
# backports have it, unpacked beside the tools.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/backports.sh"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/websocket-gateway-tools
backports_go=1.23

case ${1:-} in
  centrifugo) module=github.com/centrifugal/centrifugo/v6 package=$module minutes=6 ;;
  consul) module=github.com/hashicorp/consul package=$module minutes=8 ;;
  helm) module=helm.sh/helm/v4 package=$module/cmd/helm minutes=5 ;;
  otel-collector) module=go.opentelemetry.io/collector/otelcol package=. minutes=4 ;;
  traefik) module=github.com/traefik/traefik/v3 package=$module/cmd/traefik minutes=8 ;;
  *) die "usage: go_tools.sh centrifugo|consul|helm|otel-collector|traefik [--if-built]" ;;
esac
tool=$1
source_directory=$root/tools/$tool

# Whatever is pinned differently is another build.
build_id() {
  local version sum
  version=$(awk -v module="$module" '{ for (i = 1; i < NF; ++i) if ($i == module) { print $(i + 1); exit } }' "$source_directory/go.mod")
  sum=$(cd "$source_directory" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-8)
  echo "$version-$sum"
}

# Succeeds for a Go that can fetch others.
is_new_enough() {
  local version
  version=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return
  [[ $(printf '%s\n' go1.21 "${version%% *}" | sort -V | head -n 1) == go1.21 ]]
}

# Prints the path of a Go.
find_go() {
  local go
  for go in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go-1.2[1-9]/bin/go \
    "$cache/go/$backports_go"/usr/lib/go-*/bin/go; do
    [[ -x $go ]] && is_new_enough "$go" && echo "$go" && return
  done
  command -v apt-get >/dev/null || die "building $tool needs Go 1.21 or newer in PATH"
  say "Fetching Go $backports_go from Debian's backports into $cache" >&2
  local work
  work=$(mktemp -d)
  unpack_backports "$work" "golang-$backports_go-go" "golang-$backports_go-src" >&2
  mkdir -p "$cache/go"
  # Another checkout may have been faster.
  mv -T "$work/unpacked" "$cache/go/$backports_go" 2>/dev/null || true
  rm -rf "$work"
  echo "$cache/go/$backports_go/usr/lib/go-$backports_go/bin/go"
}

# Lego's DNS providers draw in a hundred clients of other services, some of them in versions that a proxy does not
# have. Nothing here asks for a certificate: this Traefik has none of them.
prepare_traefik() {
  local lego
  lego=$("$go" mod download -json github.com/go-acme/lego/v5 | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  mv lego ours
  cp -r "$lego" lego
  chmod -R u+w lego
  cp -r ours/. lego/
  "$go" mod edit -replace=github.com/go-acme/lego/v5=./lego
}

build() {
  # Not local: the trap runs when the function has ended.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  go=$(find_go)
  unset GOROOT
  export GOTOOLCHAIN=auto GOFLAGS= CGO_ENABLED=0 GOWORK=off
  cp -r "$source_directory" "$work/source"
  cd "$work/source"
  [[ $tool != traefik ]] || prepare_traefik
  nice -n 5 "$go" build -p 2 -trimpath -ldflags "-s -w" -o "$work/$tool" "$package"
  mkdir -p "$(dirname "$binary")"
  mv "$work/$tool" "$binary"
}

binary=$cache/$tool/$(build_id)/$tool
if [[ ${2:-} == --build ]]; then
  build
elif [[ ${2:-} == --if-built ]]; then
  [[ -x $binary ]] || exit 0
elif [[ ! -x $binary ]]; then
  mkdir -p "$cache"
  exec {lock}>"$cache/$tool.lock"
  flock -n "$lock" || { say "Waiting for another build of $tool"; flock "$lock"; }
  if [[ ! -x $binary ]]; then
    say "Building $tool, once, about $minutes minutes"
    logged "$tool" "$0" "$tool" --build
  fi
fi
echo "$binary"
