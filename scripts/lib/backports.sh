# Packages of Debian 12's backports: unpacked, so that nothing on the machine is replaced, no service is started, and
# root is not needed; or installed, for libraries that the build needs. Sourced; expects scripts/lib/common.sh before it.

# unpack_backports DIRECTORY PACKAGE... : into DIRECTORY/unpacked, with the packages' files in DIRECTORY. All that apt
# writes goes there too; where the archive is, the machine's own sources say. What is installed does not count: apt would
# insist on its version of a package, which these sources may not have.
unpack_backports() {
  local directory=$1 package
  shift
  mkdir -p "$directory/unpacked"
  : >"$directory/nothing-installed"
  backports_apt "$directory" update
  (cd "$directory" && backports_apt "$directory" -o Dir::State::status="$directory/nothing-installed" download "$@")
  for package in "$directory"/*.deb; do dpkg -x "$package" "$directory/unpacked"; done
}

# ensure_backports PACKAGE... : installs what is missing, and what it needs from Debian 12 itself. Needs root.
ensure_backports() {
  command -v dpkg-query >/dev/null || return 0
  local missing work
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  ((EUID == 0)) || die "these packages of bookworm-backports are missing, and installing them needs root: ${missing[*]}"
  say "Installing ${missing[*]} from Debian's backports"
  export DEBIAN_FRONTEND=noninteractive
  work=$(mktemp -d)
  logged backports-update backports_apt "$work" update
  logged backports-install backports_apt "$work" -y -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}"
  rm -rf "$work"
}

# backports_apt DIRECTORY ARGUMENTS... : apt-get with Debian 12 and its backports as the only sources, and DIRECTORY for
# all that it writes but what it installs. Where the archive is, the machine's own sources say.
backports_apt() {
  local directory=$1 archive apt
  shift
  mkdir -p "$directory"/{lists/partial,archives/partial,parts}
  archive=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && !uri { uri = $2 } END { print uri }')
  [[ $archive ]] || die "apt has no source of Debian 12 (bookworm)"
  printf 'deb %s %s main\n' "$archive" bookworm "$archive" bookworm-backports >"$directory/sources.list"
  apt=(apt-get -q -o Dir::Etc::sourcelist="$directory/sources.list" -o Dir::Etc::sourceparts="$directory/parts"
    -o Dir::State::lists="$directory/lists" -o Dir::Cache="$directory" -o Acquire::Retries=3)
  ((EUID)) || apt+=(-o APT::Sandbox::User=root)
  "${apt[@]}" "$@"
}
