"""A real Chromium on the console.

Playwright's Python package drives Debian's browser: it lives in tests/.venv beside the other black-box
suites and shares their Gateway and API classes, so no second toolchain and no downloaded browser is needed.
"""

import re

import pytest
from playwright.sync_api import expect, sync_playwright

from support.chromium import FLAGS, chromium_path
from support.console import Console, Watch

DEADLINE_MS = 20_000
expect.set_options(timeout=DEADLINE_MS)


def pytest_configure(config):
    config.addinivalue_line("markers", "network_noise: provokes answers with an error status, or connections that fail")


@pytest.fixture(scope="session")
def browser():
    chromium = chromium_path()
    assert chromium, "no chromium on the PATH; scripts/test --setup-only installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_context(browser):
    """Makes browser contexts (each its own cookies and storage) and closes them."""
    contexts = []

    def make(**options):
        context = browser.new_context(**options)
        context.set_default_timeout(DEADLINE_MS)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def context(open_context):
    return open_context()


@pytest.fixture
def watch(context):
    return Watch(context)


@pytest.fixture
def open_tab(context, watch, gateway):
    """Another tab of the same browser on the module's gateway, or on the one given."""
    return lambda other=None: Console(context.new_page(), other or gateway)


@pytest.fixture
def console(open_tab):
    return open_tab()


@pytest.fixture
def user(request):
    """A user id of this test alone: five connections are all that one user may have."""
    return "u-" + re.sub(r"[^A-Za-z0-9._-]+", "-", request.node.name)[:100]


@pytest.fixture
def restartable(gateway_factory):
    """A gateway with a fixed key, and the means to start it again on its port, as an operator would."""

    class Restartable:
        key = "key-of-the-browser-tests"

        def __init__(self):
            self.now = self.start("127.0.0.1:0")
            self.address = f"127.0.0.1:{self.now.port}"

        def start(self, address):
            return gateway_factory("--listen", address, env={"GATEWAY_API_KEY": self.key})

        def again(self):
            self.now = self.start(self.address)
            return self.now

    return Restartable()


@pytest.fixture(autouse=True)
def well_behaved(request, watch):
    """After every test: no violation of the policy, no error, no other host. Network noise only where meant."""
    yield
    assert watch.faults == []
    if "network_noise" not in request.keywords:
        assert watch.network == []
    assert len(watch.hosts) <= 1, watch.hosts
