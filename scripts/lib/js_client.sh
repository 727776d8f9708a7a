#!/usr/bin/env bash
# Prints the directory with the JavaScript client (clients/js), built there when it is not: build/js-client, from which
# `npm pack` makes what is published. Needs tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

wanted=$root/clients/js
installed=$root/build/js-client
sources=(README.md package.json tsconfig.json build.mjs src test)

# What the build is made of, each file with its sum.
sums() { (cd "$wanted" && find "${sources[@]}" -type f -print0 | sort -z | xargs -0 sha256sum); }

mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
install_npm "what builds the JavaScript client" "$wanted" "$installed"
if [[ $(sums) != "$(cat "$installed/built.sha256" 2>/dev/null)" ]]; then
  say "Building the JavaScript client in build/js-client"
  (cd "$installed" && rm -rf "${sources[@]}" built.sha256)
  (cd "$wanted" && cp -r "${sources[@]}" "$installed")
  cp "$root/LICENSE" "$installed"
  (cd "$installed" && logged js-client ./node build.mjs)
  sums >"$installed/built.sha256"
fi
echo "$installed"
