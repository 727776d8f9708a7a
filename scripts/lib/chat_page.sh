#!/usr/bin/env bash
# Prints the directory of the built chat page (examples/chat), made there when it is not: build/chat-page/dist. Needs
# Node 20 or newer with npm: that of tests/.venv, or the one on the PATH.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

wanted=$root/examples/chat
built=$root/build/chat-page
sources=(src agent.ts build.mjs)

sums() { (cd "$root" && find "${sources[@]/#/examples/chat/}" clients/js/src -type f -print0 | sort -z | xargs -0 sha256sum); }

mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$built.lock"
flock 9
install_npm "what builds the chat page" "$wanted" "$built"
if [[ $(sums) != "$(cat "$built/built.sha256" 2>/dev/null)" ]]; then
  say "Building the chat page in build/chat-page"
  (cd "$built" && rm -rf "${sources[@]}" built.sha256)
  (cd "$wanted" && cp -r "${sources[@]}" "$built")
  (cd "$built" && logged chat-page ./node build.mjs)
  sums >"$built/built.sha256"
fi
echo "$built/dist"
