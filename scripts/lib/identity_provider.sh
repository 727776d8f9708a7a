#!/usr/bin/env bash
# Prints the directory with the OpenID provider and the JWT library that tests/identity runs: build/identity, with
# `node` and node_modules. Needs tests/.venv, which has Node. 40 packages, 5 MB.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

installed=$root/build/identity
mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
install_npm "an OpenID provider" "$root/tests/identity" "$installed"
echo "$installed"
