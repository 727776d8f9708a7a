#!/usr/bin/env bash
# Prints the directory with the official MCP clients that the tests use, installed there when they are not: those of
# today for Python and TypeScript, and some of before, each pinned in a directory of tests/mcp/clients. Needs
# tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"
source "$root/scripts/lib/npm.sh"

wanted_dir=$root/tests/mcp/clients
installed=$root/build/mcp-clients

install_python() {
  is_stale "$wanted_dir/$1" "$installed/$1" requirements.txt || return 0
  say "Installing the MCP client $1 into build/mcp-clients"
  rm -rf "${installed:?}/$1"
  logged "mcp-$1-venv" /usr/bin/python3 -m venv "$installed/$1"
  logged "mcp-$1-pip" "$installed/$1/bin/python" -m pip install --disable-pip-version-check -r "$wanted_dir/$1/requirements.txt"
  fingerprint "$wanted_dir/$1" requirements.txt >"$installed/$1/installed.sha256"
}

mkdir -p "$installed"
# One at a time: several test processes may ask at once.
exec 9>"$installed/lock"
flock 9
for client in python-1.9 python-1.12 python-1 python-2; do
  install_python "$client"
done
for client in typescript-1.17 typescript-1 typescript-2; do
  install_npm "the MCP client $client" "$wanted_dir/$client" "$installed/$client"
done
echo "$installed"
