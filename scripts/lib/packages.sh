# The Debian 12 packages this project needs, in one place: scripts/run and scripts/test install them,
# a document and a container image may read them. Sourced, never run.

# To build the gateway. gtest is here because one configure step serves the program and its unit tests.
build_packages=(
  g++ cmake ninja-build ccache
  libboost1.81-dev libssl-dev zlib1g-dev liburing-dev libhiredis-dev libmimalloc-dev
  libfmt-dev libcli11-dev libtomlplusplus-dev
  libgtest-dev libgmock-dev libabsl-dev
)

# The same, from Debian 12's backports (scripts/lib/backports.sh): the OpenTelemetry SDK.
build_backports=(opentelemetry-cpp-dev)

# To make a Debian package of it: scripts/package.
package_packages=(dpkg-dev fakeroot file)

# To run the demo: the agent is Python's standard library only, the second agent is curl.
run_packages=(python3 curl)

# For a redis-server (scripts/lib/redis.sh), without the service that the package of that name brings.
redis_packages=(redis-tools)

# To test: clang for the second opinion, the fuzzers and readable sanitizer reports; a real browser,
# with one font, since a page without any has no text to see; Lua, for our scripts in the simulation's
# Redis; Redis, and what the Valkey and the proxies of scripts/lib/debian_tools.sh need; what judges a Debian package.
test_packages=(
  git ca-certificates python3-venv
  clang-14 clang-format-14 libclang-rt-14-dev llvm-14
  chromium fonts-dejavu-core
  liblua5.1-0-dev lua-cjson
  openssl libatomic1 libjemalloc2 liblzf1
  libpcre2-8-0 liblua5.3-0 libopentracing-c-wrapper0 libsystemd0
  systemd strace
  "${package_packages[@]}" lintian groff-base adduser zsh
)
