# What scripts/run and scripts/test share. Sourced, never run; expects bash and `root` to be the checkout.

say() { if [[ -t 2 ]]; then printf '\033[1m==>\033[0m %s\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Prints those of the named packages that dpkg does not have.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null | sed -n 's/^ii //p' || true)
  printf '%s\n' "$@" | sort -u | grep -vxF -f <(printf '%s\n' "$installed" | grep . || echo :none:) || true
}

# ensure_packages NAME... : installs what is missing; without anything missing, apt is not even asked.
ensure_packages() {
  if ! command -v dpkg-query >/dev/null; then
    say "This is not Debian: make sure that what these provide is there: $*"
    return
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    die "these packages are missing, and installing them needs root:
  apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "Installing ${#missing[@]} packages with apt, 1-4 minutes: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  logged apt-update apt-get -q -o Acquire::Retries=3 update
  logged apt-install apt-get -q -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
    install --no-install-recommends "${missing[@]}"
}

# logged NAME COMMAND... : its output goes to build/setup-logs/NAME.log, and is shown when it fails.
logged() {
  local log=$root/build/setup-logs/$1.log
  shift
  mkdir -p "$(dirname "$log")"
  "$@" </dev/null >"$log" 2>&1 && return
  tail -n 40 "$log" >&2
  die "failed: $*"
}

# Objects are cached by path from the checkout, so that another clone on this machine finds them too.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=true

# build_preset PRESET TARGET... : configures and builds into build/PRESET.
build_preset() {
  local preset=$1
  shift
  (cd "$root" && cmake --preset "$preset" -Wno-dev >/dev/null && cmake --build --preset "$preset" --target "$@") >&2
}
