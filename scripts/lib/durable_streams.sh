#!/usr/bin/env bash
# Prints the directory with the conformance suite and the client of Durable Streams that the tests use, installed there
# when they are not: build/durable-streams, pinned in tests/streams. Needs tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

installed=$root/build/durable-streams

mkdir -p "$root/build"
# One at a time: several test processes may ask at once.
exec 9>"$installed.lock"
flock 9
install_npm "the Durable Streams packages" "$root/tests/streams" "$installed"
echo "$installed"
