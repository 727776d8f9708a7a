#!/usr/bin/env bash
# Prints the directory with the clients of other protocols that tests/adapters runs: build/adapter-clients, with `node`
# and node_modules. Needs tests/.venv, which has Node. 81 packages, 110 MB.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

installed=$root/build/adapter-clients
mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
# Of @ai-sdk/workflow the client is used alone; what it would run on is no dependency of that, and 200 MB.
export npm_config_legacy_peer_deps=true
install_npm "the clients of other protocols" "$root/tests/adapters" "$installed"
echo "$installed"
