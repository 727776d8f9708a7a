"""A gateway whose names are the test's: it runs in a mount namespace of its own with another /etc/hosts.

    with own_hosts() as hosts, Gateway(..., binary=hosts.program) as gateway:
        hosts.name("hooks.example.org", "93.184.216.34")
"""

import contextlib
import os
import tempfile
from pathlib import Path

from support.gateway import binary_path

# No server is asked: what the file does not have is not there.
ENTER = """#!/bin/sh
exec unshare --map-root-user --mount sh -c '
mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/nsswitch.conf || exit 9
shift && exec "$@"' {hosts} {switch} {binary} "$@"
"""


class OwnHosts:
    def __init__(self, directory):
        self._file = directory / "hosts"
        self._names = {}
        self._write()
        switch = directory / "nsswitch.conf"
        switch.write_text("hosts: files\n")
        self.program = directory / "gateway"
        self.program.write_text(ENTER.format(hosts=self._file, switch=switch, binary=binary_path()))
        self.program.chmod(0o755)

    def name(self, name, *addresses):
        """From now on that name has these addresses."""
        self._names[name] = addresses
        self._write()

    def _write(self):
        # In place: the namespace has this very file.
        lines = [f"{address} {name}\n" for name, addresses in self._names.items() for address in addresses]
        self._file.write_text("".join(lines))


@contextlib.contextmanager
def own_hosts():
    with tempfile.TemporaryDirectory(prefix=f"hosts-{os.getpid()}-") as directory:
        yield OwnHosts(Path(directory))
