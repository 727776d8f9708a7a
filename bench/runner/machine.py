"""What the figures were measured on."""

import os
import pathlib
import platform
import subprocess

from . import tools


def cpu_pair():
    """One CPU for the server and one for the generator, the same for every server; None with fewer than two."""
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus[0], cpus[1]) if len(cpus) >= 2 else None


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def distribution():
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return "Linux"


def commit():
    def git(*command):
        return subprocess.run(["git", *command], cwd=tools.ROOT, capture_output=True, text=True).stdout.strip()

    revision = git("rev-parse", "--short", "HEAD") or "unknown"
    return revision + (" with changes" if git("status", "--porcelain", "--untracked-files=no", "src") else "")


def describe(cpus):
    memory_kib = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    return {
        "Machine": f"{cpu_model()}, {os.cpu_count()} CPUs, {memory_kib / 1048576:.0f} GiB, {platform.machine()}",
        "System": f"{distribution()}, Linux {platform.release()}",
        "Placing": f"server on CPU {cpus[0]}, load generator on CPU {cpus[1]}" if cpus else "left to the kernel",
        "Load average before": f"{os.getloadavg()[0]:.2f}" + (f", run at nice {os.nice(0)}" if os.nice(0) else ""),
        "Commit": commit(),
    }
