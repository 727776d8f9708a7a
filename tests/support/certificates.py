"""A certificate authority of a test's own, and a server's certificate for loopback, both by openssl."""

import subprocess
from pathlib import Path

NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost"


def make_certificates(directory: Path):
    """Writes ca.crt, ca.key, server.crt and server.key."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    _openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=Test authority")
    _openssl(
        directory, "req", "-x509", *key, "-keyout", "server.key", "-out", "server.crt", "-subj", "/CN=localhost",
        "-addext", NAMES, "-addext", "basicConstraints=critical,CA:FALSE", "-CA", "ca.crt", "-CAkey", "ca.key",
    )  # fmt: skip


def _openssl(directory, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
