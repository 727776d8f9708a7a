"""Fixtures of every black-box test, in a browser or on a socket."""

import contextlib

import pytest

from support.gateway import Gateway


@pytest.fixture(scope="module")
def gateway(request):
    """One gateway for the module's tests, with the module's GATEWAY_FLAGS and GATEWAY_ENV when it has them."""
    module = request.module
    flags, env = getattr(module, "GATEWAY_FLAGS", ()), getattr(module, "GATEWAY_ENV", None)
    with Gateway(*flags, env=env) as started:
        yield started


@pytest.fixture
def gateway_factory():
    """Starts gateways for one test: gateway_factory("--flag", "value", env={...}, open_files=64)."""
    with contextlib.ExitStack() as stack:
        yield lambda *flags, **options: stack.enter_context(Gateway(*flags, **options))


@pytest.fixture(autouse=True)
def close_what_was_opened(request):
    """Connections and streams that a test opens on the module's gateway end with it."""
    if "gateway" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("gateway").scope():
        yield


@pytest.fixture(scope="module")
def api(gateway):
    return gateway.api
