#!/usr/bin/env bash
# Prints the directory with the official AsyncAPI parser that tests/documents uses, installed there when it is not.
# Needs tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

installed=$root/build/asyncapi-parser
mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
install_npm "the AsyncAPI parser" "$root/tests/documents/asyncapi" "$installed"
echo "$installed"
