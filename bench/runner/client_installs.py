"""What a client package costs its user: bytes of a bundle, time to install, packages and bytes on disk."""

import collections
import gzip
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from . import tools

ESBUILD_VERSION = "0.28.2"  # as in clients/js/package.json
ROUNDS = 3

# `spec` is what npm or pip is told; None: the package of this checkout. `imports` are (what is imported, from where).
Package = collections.namedtuple("Package", "name spec imports", defaults=((),))
Figures = collections.namedtuple("Figures", "seconds cpu_seconds packages bytes_on_disk")

NPM = (
    Package("websocket-gateway-client", None, (("connect", "websocket-gateway-client"),)),
    Package("centrifuge 5.8.0", "centrifuge@5.8.0", (("Centrifuge", "centrifuge"),)),
    Package("socket.io-client 4.8.4", "socket.io-client@4.8.4", (("io", "socket.io-client"),)),
    Package("ably 2.28.0", "ably@2.28.0", (("Realtime", "ably"), ("BaseRealtime, WebSocketTransport, FetchRequest", "ably/modular"))),
    Package("phoenix 1.8.16", "phoenix@1.8.16", (("Socket", "phoenix"),)),
    Package("@durable-streams/client 0.2.7", "@durable-streams/client@0.2.7", (("stream", "@durable-streams/client"),)),
)
PIP = (
    Package("websocket-gateway-client", None),
    Package("centrifuge-python 0.7.0", "centrifuge-python==0.7.0"),
    Package("python-socketio[asyncio-client] 5.18.1", "python-socketio[asyncio-client]==5.18.1"),
    Package("ably 3.1.4", "ably==3.1.4"),
)


class InstallFailed(Exception):
    """With the last lines of what npm or pip has said."""


def timed(*command, cwd=None, env=None):
    """Seconds, and seconds of CPU time of the command and of what it starts."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise InstallFailed("\n".join(done.stdout.splitlines()[-5:]))
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bytes_below(folder, without=()):
    """Of all files, as long as they are; links and the names in `without` are not counted."""
    files = (pathlib.Path(at, name) for at, _, names in os.walk(folder) for name in names if name not in without)
    return sum(file.stat().st_size for file in files if not file.is_symlink())


def built_here(script, pattern):
    """What a script of scripts/lib has built of clients/."""
    done = subprocess.run([tools.ROOT / "scripts/lib" / script], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"bench/clients: scripts/lib/{script} failed")
    found = sorted(pathlib.Path(done.stdout.strip()).glob(pattern))
    return found[0] if found else sys.exit(f"bench/clients: {script} built no {pattern}")


class Npm:
    """Everything lies in `place`: npm's cache, which the first install of a package fills, and the packages."""

    word = "npm install"

    def __init__(self, place):
        self.place = place
        self.npm, self.node = tools.need("npm", "npm"), tools.need("node", "nodejs", "npm")
        self.env = dict(os.environ, npm_config_cache=str(place / "npm-cache"), npm_config_update_notifier="false")

    def version(self):
        def of(program):
            return subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, env=self.env).stdout.strip().lstrip("v")

        return f"npm {of(self.npm)}, Node.js {of(self.node)}, esbuild {ESBUILD_VERSION}"

    def spec(self, package):
        if package.spec:
            return package.spec
        source = built_here("js_client.sh", "package.json").parent
        timed(self.npm, "pack", "--ignore-scripts", "--pack-destination", self.place, cwd=source, env=self.env)
        return str(next(self.place.glob(f"{package.name}-*.tgz")))

    def install(self, specs, folder, *options):
        (folder / "package.json").write_text('{ "private": true }\n')
        command = [self.npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *options, *specs]
        return timed(*command, cwd=folder, env=self.env)

    def once(self, spec):
        with tempfile.TemporaryDirectory(prefix="bench-npm-") as name:
            folder = pathlib.Path(name)
            seconds, cpu_seconds = self.install([spec], folder, "--offline")
            return Figures(seconds, cpu_seconds, self.count(folder), bytes_below(folder / "node_modules", (".package-lock.json",)))

    @staticmethod
    def count(folder):
        """The lock file has optional packages of other systems, too: those are not there."""
        locked = json.loads((folder / "package-lock.json").read_text())["packages"]
        return sum(1 for path in locked if path and (folder / path).is_dir())

    def prepare(self, spec):
        """Fills the cache, and leaves the package for bundles."""
        folder = self.place / "bundles"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.install([spec], folder)
        return folder

    def esbuild(self):
        folder = self.place / f"esbuild-{ESBUILD_VERSION}"
        program = folder / "node_modules/esbuild/bin/esbuild"
        if not program.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.install([f"esbuild@{ESBUILD_VERSION}"], folder)
        return program

    def bundle(self, folder, names, module):
        """Bytes of a page's bundle with these names in it, minified, and those gzipped."""
        entry, out = folder / "entry.mjs", folder / "bundle.js"
        used = f"[{names}]" if "," in names else names
        entry.write_text(f"import {{ {names} }} from '{module}';\nglobalThis.used = {used};\n")
        timed(self.node, self.esbuild(), entry, "--bundle", "--minify", "--format=esm", "--log-level=error", f"--outfile={out}", cwd=folder)
        return sizes(out.read_bytes())


def sizes(content):
    return len(content), len(gzip.compress(content, 9, mtime=0))


class Pip:
    """Wheels lie in `place`; pip is one for all, since its own time to be installed is nobody's figure."""

    word = "pip install"

    def __init__(self, place):
        self.place = place
        self.wheels = place / "wheels"
        self.pip = place / "pip/bin/pip"
        if not self.pip.exists():
            timed(sys.executable, "-m", "venv", place / "pip")
        self.env = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1")

    def version(self):
        done = subprocess.run([self.pip, "--version"], stdout=subprocess.PIPE, text=True, env=self.env)
        return f"pip {done.stdout.split()[1]}, Python {sys.version.split()[0]}"

    def spec(self, package):
        return package.spec or str(built_here("python_client.sh", "dist/*.whl"))

    def prepare(self, spec):
        timed(self.pip, "wheel", "--wheel-dir", self.wheels, spec, env=self.env)

    def once(self, spec):
        with tempfile.TemporaryDirectory(prefix="bench-pip-") as name:
            venv = pathlib.Path(name) / "venv"
            timed(sys.executable, "-m", "venv", "--without-pip", venv)
            site = next(venv.glob("lib/python*/site-packages"))
            command = [self.pip, "--python", venv / "bin/python", "install", "--no-index", "--find-links", self.wheels, spec]
            seconds, cpu_seconds = timed(*command, env=self.env)
            return Figures(seconds, cpu_seconds, len(list(site.glob("*.dist-info"))), bytes_below(site))
