"""Builds what is measured and what measures it. Peers go to the user's cache, not into the tree."""

import collections
import os
import pathlib
import shutil
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
PEERS = BENCH / "peers"

WS_VERSION = "8.23.0"  # as in peers/ws-node/package.json
GORILLA_VERSION = "1.5.3"  # as in peers/gorilla/go.mod
NCHAN_VERSION = "1.3.6"  # Debian 12's

Built = collections.namedtuple("Built", "gateway load")


def call(*command, cwd=None, env=None):
    """Runs a build step; its output is shown only when it fails."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        sys.exit(f"bench/run: {' '.join(str(c) for c in command)} failed")


def need(program, *packages):
    """The program's path; as root it is installed from Debian when absent."""
    found = shutil.which(program)
    if not found and program == "go" and os.access("/usr/local/go/bin/go", os.X_OK):
        found = "/usr/local/go/bin/go"
    if found:
        return found
    if os.geteuid() != 0:
        sys.exit(f"bench/run: {program} is missing: apt-get install {' '.join(packages)}")
    print(f"installing {' '.join(packages)}", flush=True)
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    call("apt-get", "update", env=quiet)
    call("apt-get", "install", "-y", "--no-install-recommends", *packages, env=quiet)
    return shutil.which(program)


def cache(name):
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    path = pathlib.Path(base) / "websocket-gateway" / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def build():
    print("building the gateway and the load generator", flush=True)
    directory = ROOT / "build" / "release"
    call(need("cmake", "cmake", "ninja-build", "g++"), "--preset", "release", cwd=ROOT)
    call("cmake", "--build", directory, "--target", "websocket-gateway", "gateway-load")
    return Built(directory / "websocket-gateway", directory / "gateway-load")


def ws_node():
    """Returns node and the node_modules that hold ws, as package-lock.json pins it."""
    node, npm = need("node", "nodejs", "npm"), need("npm", "npm")
    place = cache(f"ws-node-{WS_VERSION}")
    if not (place / "node_modules" / "ws" / "package.json").exists():
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PEERS / "ws-node" / name, place)
        call(npm, "ci", "--no-audit", "--no-fund", cwd=place)
    return node, place / "node_modules"


def gorilla():
    """Returns the server's binary. Debian 12's own Go (1.19) is enough for it."""
    go = need("go", "golang-go", "ca-certificates")
    binary = cache(f"gorilla-{GORILLA_VERSION}") / "server"
    # A GOFLAGS from outside (-mod=vendor, a build tag) must not change what is built.
    env = dict(os.environ, GOFLAGS="-mod=readonly", GOTOOLCHAIN="local", CGO_ENABLED="0", GO111MODULE="on")
    call(go, "build", "-p", "2", "-buildvcs=false", "-o", binary, ".", cwd=PEERS / "gorilla", env=env)
    return binary


def nchan():
    """Returns a folder holding nginx and nchan. Unpacked, not installed: installing would start a service on port 80."""
    place = cache(f"nchan-{NCHAN_VERSION}")
    if not (place / "usr/lib/nginx/modules/ngx_nchan_module.so").exists():
        if os.geteuid() == 0:
            call("apt-get", "update")
        call("apt-get", "-o", "APT::Sandbox::User=root", "download", "nginx", "libnginx-mod-nchan", cwd=place)
        for package in place.glob("*.deb"):
            call("dpkg", "-x", package, place)
            package.unlink()
    return place
