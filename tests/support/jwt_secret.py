"""A secret for JWTs in a file that is there as long as the tests run: for gateways that only have to take some."""

import tempfile

_FILE = tempfile.NamedTemporaryFile("w", prefix="jwt-secret-")
_FILE.write("a-secret-that-issuer-and-gateway-share")
_FILE.flush()
JWT_FLAGS = ("--jwt-secret-file", _FILE.name)
