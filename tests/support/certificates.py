"""A certificate authority of a test's own, and certificates of servers, all by openssl."""

import ssl
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


def make_certificate(directory: Path, name, *names, days=30, key=("ec", "ec_paramgen_curve:prime256v1")) -> tuple:
    """NAME.crt and NAME.key, of its own, for these names (DNS:a.example, IP:127.0.0.1); its flags for a gateway."""
    _openssl(
        directory, "req", "-x509", "-newkey", key[0], "-pkeyopt", key[1], "-nodes", "-days", str(days),
        "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}", "-addext",
        "subjectAltName=" + ",".join(names or ("IP:127.0.0.1", "DNS:localhost")),
    )  # fmt: skip
    return "--tls-certificate", directory / f"{name}.crt", "--tls-key", directory / f"{name}.key"


def any_certificate(**options) -> ssl.SSLContext:
    """A client's that believes whatever it is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    return context


def _openssl(directory, *arguments):
    done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
