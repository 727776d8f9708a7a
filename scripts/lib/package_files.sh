#!/usr/bin/env bash
# package_files.sh PROGRAM DIRECTORY VERSION MAINTAINER : what the program says of itself, as the files that a package has of it.
# Called by the build (cmake/DebianPackage.cmake).
set -euo pipefail
program=$1 directory=$2 version=$3 maintainer=$4
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The same commit makes the same package.
date=$(date -R -u -d "@${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}")

mkdir -p "$directory"
"$program" --print-sample-config >"$directory/websocket-gateway.toml"
"$program" --print-man | gzip -9n >"$directory/websocket-gateway.1.gz"
"$program" --print-completion bash >"$directory/websocket-gateway"
"$program" --print-completion zsh >"$directory/_websocket-gateway"
gzip -9n >"$directory/changelog.gz" <<EOF
websocket-gateway ($version) stable; urgency=medium

  * Built from $("$program" --version | sed 's/.*(\(.*\))/commit \1/'); what changed is in its CHANGELOG.md.

 -- $maintainer  $date
EOF
