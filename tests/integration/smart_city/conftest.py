"""Fixtures of the suites on real infrastructure: the gateway and Redis that were given, and what is started beside them.

What was given is used, and never stopped or broken. Everything else is started here, on free ports, and ended here.
"""

import asyncio
import contextlib
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytest_asyncio
import redis.asyncio
from playwright.async_api import async_playwright

MODULES = (
    "steps", "phase_1_connection", "phase_2_registry", "phase_2_mcp", "phase_2_consul", "phase_3_load", "phase_3_telemetry", "end_to_end_flows", "end_to_end_failures",
)  # fmt: skip
for module in MODULES:
    pytest.register_assert_rewrite(f"integration.smart_city.{module}")  # so that failures show the values

from integration.smart_city.front_end import FrontEnd
from integration.smart_city.precheck import check_infrastructure, check_programs, check_tool
from integration.smart_city.problems import NO_COLLECTOR, NO_CONSUL, Missing
from integration.smart_city.report import FILE, Report
from integration.smart_city.settings import CHANNELS, Settings
from support.backend import Backend, unique
from support.chromium import FLAGS, chromium_path
from support.cluster import KEY, end
from support.consul_server import ConsulServer
from support.gateway import Gateway, binary_path
from support.echo_agent import EchoAgent
from support.otel_collector import OtelCollector
from support.redis_listener import RedisListener
from support.redis_server import RedisServer
from support.redis_server import binary as redis_binary
from support.tools import tool

HERE = Path(__file__).parent
# By the fixture that needs it.
TOOLS = (
    ("consul", "consul", "version", NO_CONSUL),
    ("collector", "otel-collector", "--version", NO_COLLECTOR),
)
REPORT = pytest.StashKey[Report]()
SETTINGS = pytest.StashKey[Settings]()


# Before the first test, and after the last.


def pytest_configure(config):
    config.stash[REPORT] = Report()
    config.pluginmanager.register(config.stash[REPORT])


def pytest_collection_finish(session):
    """Says what is missing once, instead of failing every test for it."""
    items = [item for item in session.items if item.path.is_relative_to(HERE) and item.get_closest_marker("websocket")]
    if not items or session.config.option.collectonly:
        return
    report = session.config.stash[REPORT]
    for item in items:
        report.expect(item)
    browser = any(item.get_closest_marker("e2e") for item in items)
    try:
        check_programs(browser)
        for fixture, name, version, problem in TOOLS:
            if any(fixture in item.fixturenames for item in items):
                say(session.config, f"{name}: looked for, and built when it is not there yet (once, up to 8 minutes)")
                check_tool(name, version, problem)
        settings = Settings.from_environment()
        if not settings.real:
            settings = start_both(session.config)
        report.environment |= check_infrastructure(settings)
    except Missing as missing:
        raise pytest.UsageError(missing.text) from None
    session.config.stash[SETTINGS] = settings
    report.environment |= versions(browser)


def say(config, text):
    if reporter := config.pluginmanager.get_plugin("terminalreporter"):
        reporter.write_line(text)


def start_both(config) -> Settings:
    """TEST_USE_REAL_INFRASTRUCTURE=false: a Redis and a gateway of the suite's own, as real as any."""
    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    server = stack.enter_context(RedisServer())
    gateway = start_gateway(server.url, KEY)
    stack.callback(end, gateway)
    return Settings(False, gateway.url, server.url, KEY)


def versions(browser) -> dict:
    """Of the programs that the suite starts itself."""
    programs = {"Own instances": [binary_path(), "--version"], "Own Redis": [redis_binary(), "--version"]}
    if browser:
        programs["Chromium"] = [chromium_path(), "--version"]
    told = {name: subprocess.run(command, capture_output=True, text=True) for name, command in programs.items()}
    return {name: result.stdout.partition(" sha=")[0].strip() or "unknown" for name, result in told.items()}


def pytest_terminal_summary(terminalreporter, config):
    report = config.stash[REPORT]
    if not any(row.outcome != "not run" for row in report.rows.values()):
        return
    report.write()
    terminalreporter.section("what was verified, and on what")
    for line in report.summary():
        terminalreporter.line(line)
    terminalreporter.line(f"Report: {FILE}")


# What was given.


@pytest.fixture(scope="session")
def settings(request) -> Settings:
    return request.config.stash[SETTINGS]


@pytest.fixture(scope="session")
def environment(request) -> dict:
    """What the report says of the servers; a fixture that starts one adds its version."""
    return request.config.stash[REPORT].environment


@pytest.fixture(scope="session")
def backend(settings):
    """The gateway that was given. It may be several instances behind one address."""
    given = Backend(settings.backend_url, settings.api_key)
    yield given
    given.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis_client(settings):
    """The Redis that was given."""
    async with redis.asyncio.Redis.from_url(settings.redis_url, decode_responses=True, protocol=2) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agents(redis_client):
    """An agent on every channel of the given gateway, with a Redis client and nothing else."""
    listener = await RedisListener.open(redis_client, *(f"websocket:{channel}" for channel in CHANNELS))
    yield listener
    await listener.close()


# What is started beside it.


def start_gateway(redis_url, key, *flags, env=None) -> Gateway:
    env = {"GATEWAY_API_KEY": key} | (env or {})
    gateway = Gateway("--engine", "redis", "--redis-url", redis_url, *flags, env=env)
    return gateway.start()


@contextlib.asynccontextmanager
async def started_gateway(redis_url, key, *flags, env=None):
    gateway = await asyncio.to_thread(start_gateway, redis_url, key, *flags, env=env)
    backend = Backend.of(gateway)
    backend.process = gateway
    try:
        yield backend
    finally:
        backend.close()
        await asyncio.to_thread(end, gateway)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def second(settings):
    """Another instance on the given Redis: with the given gateway it is one."""
    async with started_gateway(settings.redis_url, settings.api_key) as backend:
        yield backend


@pytest_asyncio.fixture(loop_scope="module")
async def start(settings):
    """Starts instances for one test: on the given Redis, or on `redis_url`; `await start("--flag", "value")`."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_one(*flags, redis_url=None, env=None):
            url = redis_url or settings.redis_url
            return await stack.enter_async_context(started_gateway(url, settings.api_key, *flags, env=env))

        yield start_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_redis():
    """A Redis of the suite's own, to be broken. Nobody listens on it: messages wait there."""
    server = RedisServer()
    try:
        yield await asyncio.to_thread(server.start)
    finally:
        await asyncio.to_thread(server.stop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_redis_client(own_redis):
    async with redis.asyncio.Redis.from_url(own_redis.url, decode_responses=True, protocol=2) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def short_timers(settings):
    """An instance on the given Redis that pings every half second and evicts after three seconds of silence."""
    flags = "--heartbeat-interval", "500ms", "--idle-timeout", "3s"
    async with started_gateway(settings.redis_url, settings.api_key, *flags) as backend:
        yield backend


@pytest_asyncio.fixture(loop_scope="module")
async def closing():
    """Whatever is passed through it is closed at the end of the test: `closing(await backend.open())`."""
    async with contextlib.AsyncExitStack() as stack:

        def keep(closable):
            stack.push_async_callback(closable.close)
            return closable

        yield keep


@pytest_asyncio.fixture(loop_scope="module")
async def connect(backend, closing):
    """Welcomed clients of the given gateway, or of another: `await connect()`, `await connect(session, at=second)`."""

    async def connect_one(session=None, *, at=None, **options):
        return closing(await (at or backend).open(session, **options))

    return connect_one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def consul(environment):
    """A Consul agent of the suite's own."""
    server = ConsulServer()
    try:
        await asyncio.to_thread(server.start)
        told = await asyncio.to_thread(server.get, "/v1/agent/self")
        environment["Consul"] = f"Consul {told['Config']['Version']} at {server.url}"
        yield server
    finally:
        await asyncio.to_thread(server.stop)


class Collector:
    """A collector of the suite's own, and the variables that send a gateway's telemetry there."""

    def __init__(self, server):
        self.server = server

    def variables(self, name) -> dict:
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.server.grpc_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_SERVICE_NAME": f"gateway-{name}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def collector(environment):
    server = OtelCollector()
    try:
        await asyncio.to_thread(server.start)
        told = await asyncio.to_thread(subprocess.run, [tool("otel-collector"), "--version"], capture_output=True, text=True)
        environment["OpenTelemetry collector"] = told.stdout.strip()
        yield Collector(server)
    finally:
        await asyncio.to_thread(server.stop)


# End to end.


@pytest_asyncio.fixture(loop_scope="module")
async def echo(redis_client):
    """An agent of the given gateway that answers this test's conversation."""
    agent = await EchoAgent.open(redis_client, CHANNELS, unique("conversation"))
    yield agent
    await agent.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(chromium, backend):
    """Tabs of one browser window with the front end, at the given gateway's origin or another's."""
    # Chromium takes a page that the test hands in for one from outside, which would have to ask for loopback.
    context = await chromium.new_context(permissions=["local-network-access"])
    yield lambda at=None: FrontEnd.open(context, (at or backend).url)
    await context.close()


@pytest.fixture
def console_gateway(backend):
    """What support.console wants of a gateway: its address and key."""
    return SimpleNamespace(url=backend.url, api_key=backend.key)


class Pair:
    """Two instances of the suite's own behind one address, on a Redis of its own: one of them may be killed."""

    def __init__(self, backends, redis_client, keep):
        self.backends = backends
        self._redis, self._keep = redis_client, keep

    def by_instance(self, instance_id):
        return next(one for one in self.backends if one.process.instance_id == instance_id)

    async def listen(self, *channels):
        return self._keep(await RedisListener.open(self._redis, *(f"websocket:{name}" for name in channels)))

    async def echo(self):
        return self._keep(await EchoAgent.open(self._redis, CHANNELS, unique("conversation")))


@pytest_asyncio.fixture(loop_scope="module")
async def pair(start, own_redis, own_redis_client, closing):
    first = await start("--reuse-port", "on", redis_url=own_redis.url)
    address = f"127.0.0.1:{first.process.port}"
    second = await start("--reuse-port", "on", "--listen", address, redis_url=own_redis.url)
    return Pair([first, second], own_redis_client, closing)
