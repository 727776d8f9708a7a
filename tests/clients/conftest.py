"""Each scenario with each client package that is there."""

import contextlib
import itertools
import os

import pytest

from clients.driver import BY_EVENTS, THERE, Driver

NAMES = itertools.count()


def pytest_generate_tests(metafunc):
    """A file with BY_EVENTS_TOO is for a client without a WebSocket as well."""
    if "kind" in metafunc.fixturenames:
        more = [BY_EVENTS] if getattr(metafunc.module, "BY_EVENTS_TOO", False) else []
        metafunc.parametrize("kind", [*THERE, *more], scope="module")


@pytest.fixture(scope="module")
def shared(kind):
    """Two processes for the module: starting one takes longer than most scenarios."""
    with Driver(kind) as reader, Driver(kind) as writer:
        yield reader, writer


@pytest.fixture
def reader(shared):
    """A driver as a client, not connected yet."""
    yield shared[0]
    shared[0].call("close")


@pytest.fixture
def writer(shared):
    """A driver as an agent, not subscribed yet."""
    yield shared[1]
    shared[1].call("close")


@pytest.fixture
def start_driver(kind):
    """Further ones, which a scenario may kill."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(Driver(kind))


@pytest.fixture
def user():
    """A user of the scenario's own."""
    return f"user-{os.urandom(6).hex()}"


@pytest.fixture
def name():
    """What the driver calls a run: name() is new each time."""
    return lambda: f"r{next(NAMES)}"
