"""An OpenID provider and a JWT library from npm, as they are published, against the real gateway."""

import functools
import json
import subprocess
from pathlib import Path

import pytest

from support.npm_packages import installed_by

PROGRAMS = ("provider.mjs", "sign.mjs")


@functools.cache
def installed() -> Path:
    """Where they are: with `node`, node_modules/ and the programs that use them."""
    return installed_by("identity_provider.sh", [Path(__file__).with_name(name) for name in PROGRAMS])


@pytest.fixture(scope="session")
def run_node():
    """run_node(program, *arguments): what it says, parsed."""

    def run(program, *arguments):
        command = [installed() / "node", installed() / program, *arguments]
        return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=60).stdout)

    return run


class Provider:
    """One with one client, `client`, whom it gives tokens for `audience`."""

    client, secret, audience = "a-client-of-the-provider", "a-secret-of-that-client", "gateway"

    def __init__(self):
        command = [installed() / "node", installed() / "provider.mjs", self.client, self.secret, self.audience]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.at = self._told()

    def _told(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def rotate(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self._told()

    def close(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def provider(closing):
    return closing(Provider())
