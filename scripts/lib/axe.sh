#!/usr/bin/env bash
# Prints the directory with axe-core, with which tests/browser looks at the console, installed there when it is not.
# Needs tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

installed=$root/build/axe
mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
install_npm "axe-core" "$root/tests/browser/axe" "$installed"
echo "$installed"
