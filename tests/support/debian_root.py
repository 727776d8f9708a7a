"""This machine's own Debian under an overlay: a package can be installed, used and purged, and nothing of it stays.

    with DebianRoot() as root:
        root.run("dpkg -i /package.deb", files={"/package.deb": path})

Needs root. Each command runs in mount and process namespaces of its own, so that nothing is left mounted or running;
what it wrote is there for the next one.
"""

import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

# The layer that is written to has to be on another file system than the one below it.
UPPER = "/dev/shm"

SETUP = """
set -e
mount -t overlay overlay -o lowerdir=/,upperdir={here}/upper,workdir={here}/work {here}/root
mount -t proc proc {here}/root/proc
mount --rbind /dev {here}/root/dev
mount -t tmpfs tmpfs {here}/root/run
exec chroot {here}/root /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive bash -ec {script}
"""


class DebianRoot:
    def __enter__(self):
        self.here = Path(tempfile.mkdtemp(prefix="gateway-root-", dir=UPPER))
        for name in ("upper", "work", "root"):
            (self.here / name).mkdir()
        # Others than root have to find their way in it.
        (self.here / "upper").chmod(0o755)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.here)

    def put(self, source, target):
        to = self.here / "upper" / target.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, to)

    def run(self, script, timeout=120) -> str:
        """What the script printed; it has to end well."""
        setup = SETUP.format(here=self.here, script=shlex.quote(script))
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", setup],
                              capture_output=True, text=True, timeout=timeout)  # fmt: skip
        assert done.returncode == 0, f"{script}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout
