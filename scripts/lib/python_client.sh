#!/usr/bin/env bash
# Prints the directory of a Python environment with websocket-gateway-client, installed there from its wheel, and with what
# its tests need. Built anew when anything of clients/python has changed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/scripts/lib/common.sh"

package=$root/clients/python
installed=$root/build/python-client

sums() { (cd "$package" && find "$@" -type f -not -path '*/__pycache__/*' -print0 | sort -z | xargs -0 sha256sum); }

mkdir -p "$installed"
# One at a time: several test processes may ask at once.
exec 9>"$installed/lock"
flock 9
wanted=$(sums requirements.txt)
if [[ $wanted != "$(cat "$installed/requirements.sha256" 2>/dev/null)" ]]; then
  say "Installing what the Python client and its tests need into build/python-client, about a minute"
  rm -rf "$installed/venv" "$installed"/*.sha256
  logged python-client-venv /usr/bin/python3 -m venv "$installed/venv"
  logged python-client-pip "$installed/venv/bin/python" -m pip install --disable-pip-version-check -r "$package/requirements.txt"
  echo "$wanted" >"$installed/requirements.sha256"
fi
wanted=$(sums src pyproject.toml README.md LICENSE)
if [[ $wanted != "$(cat "$installed/package.sha256" 2>/dev/null)" ]]; then
  rm -rf "$installed/dist" "$installed/package.sha256"
  logged python-client-build "$installed/venv/bin/python" -m build --no-isolation --outdir "$installed/dist" "$package"
  logged python-client-install "$installed/venv/bin/python" -m pip install --disable-pip-version-check --force-reinstall \
    --no-deps --no-index "$installed"/dist/*.whl
  echo "$wanted" >"$installed/package.sha256"
fi
echo "$installed"
