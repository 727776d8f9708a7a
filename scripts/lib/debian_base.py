"""A clean Debian 12 in a directory, which stands in for the registry's base image where none can be pulled."""

import shutil
import subprocess
import sys
from pathlib import Path

# What deploy/Dockerfile begins from.
BASE = "debian:12-slim"


def make_base(root: Path):
    """By debootstrap, with this machine's apt sources: a real base image has some of its own. An existing one is left."""
    if (root / "etc/debian_version").exists():
        return
    print("==> debootstrap: a clean Debian 12", file=sys.stderr, flush=True)
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", root, _mirror()], check=True, stdout=sys.stderr)
    for name in ("sources.list", "sources.list.d", "apt.conf.d", "preferences.d", "trusted.gpg.d"):
        source, target = Path("/etc/apt") / name, root / "etc/apt" / name
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, target)
        elif target.is_file():
            target.unlink()
    shutil.copytree("/usr/share/keyrings", root / "usr/share/keyrings", dirs_exist_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    for left in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / left, ignore_errors=True)


def _mirror() -> str:
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
                            check=True, capture_output=True, text=True).stdout
    mirrors = [line.split()[1] for line in listed.splitlines() if line.startswith("bookworm ")]
    if not mirrors:
        sys.exit("apt has no source of Debian 12 (bookworm)")
    return mirrors[0]
