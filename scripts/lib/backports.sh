# Packages of Debian 12's backports, unpacked and not installed: nothing on the machine is replaced, no service is
# started, and root is not needed. Sourced; expects scripts/lib/common.sh before it.

# unpack_backports DIRECTORY PACKAGE... : into DIRECTORY/unpacked, with the packages' files in DIRECTORY. All that apt
# writes goes there too; where the archive is, the machine's own sources say.
unpack_backports() {
  local directory=$1 archive apt
  shift
  mkdir -p "$directory"/{lists/partial,archives/partial,parts,unpacked}
  archive=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "bookworm" && !uri { uri = $2 } END { print uri }')
  [[ $archive ]] || die "apt has no source of Debian 12 (bookworm)"
  echo "deb $archive bookworm-backports main" >"$directory/sources.list"
  apt=(apt-get -q -o Dir::Etc::sourcelist="$directory/sources.list" -o Dir::Etc::sourceparts="$directory/parts"
    -o Dir::State::lists="$directory/lists" -o Dir::Cache="$directory" -o Acquire::Retries=3)
  ((EUID)) || apt+=(-o APT::Sandbox::User=root)
  "${apt[@]}" update
  (cd "$directory" && "${apt[@]}" download "$@")
  local package
  for package in "$directory"/*.deb; do dpkg -x "$package" "$directory/unpacked"; done
}
