"""The check before the first test, with each thing missing in turn; and the README that says the same."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from integration.smart_city import describe, problems
from support.cluster import KEY
from support.redis_server import RedisServer

TESTS = Path(__file__).resolve().parents[2]
README = (TESTS / "README_WEBSOCKET_TESTS.md").read_text(encoding="utf-8")
ONE_TEST = "integration/smart_city/test_websocket_gateway_integration.py::TestWebSocketGatewayIntegration::test_websocket_connection_accepts"
NOWHERE = "127.0.0.1:1"


@pytest.fixture
def start(cluster):
    return cluster.start


def run(test=ONE_TEST, *, url=f"http://{NOWHERE}", redis_url=f"redis://{NOWHERE}", key=KEY, **env):
    """pytest in a process of its own, as a user starts it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "GATEWAY_", "PYTEST_"))}
    binary = {"GATEWAY_BINARY": os.environ["GATEWAY_BINARY"]} if "GATEWAY_BINARY" in os.environ else {}
    given = {"TEST_BACKEND_URL": url, "TEST_REDIS_URL": redis_url, "TEST_API_KEY": key}
    return subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=TESTS, env=kept | binary | given | env, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def assert_says(problem, result, seen=""):
    output = result.stdout + result.stderr
    assert result.returncode not in (0, 1), f"it must not begin:\n{output}"
    assert f"can't begin: {problem.title}\n" in output
    assert problem.remedy in output
    assert seen in output
    assert " passed" not in output and " skipped" not in output


def test_nothing_answers():
    assert_says(problems.CONNECTION_REFUSED, run(), "[Errno 111]")


def test_no_key(start, redis):
    assert_says(problems.NO_KEY, run(url=start().url, redis_url=redis.url, key=""))


def test_the_key_of_the_gateways_own_variable_will_do(start, redis):
    result = run(url=start().url, redis_url=redis.url, key="", GATEWAY_API_KEY=KEY)
    assert "1 passed" in result.stdout, result.stdout + result.stderr
    assert "warning" not in result.stdout


def test_a_wrong_key(start, redis):
    assert_says(problems.KEY_REFUSED, run(url=start().url, redis_url=redis.url, key="another"), "401")


def test_no_redis(start):
    assert_says(problems.REDIS_FAILED, run(url=start().url))


def test_the_memory_engine(gateway_factory, redis):
    gateway = gateway_factory()
    result = run(url=gateway.url, redis_url=redis.url, key=gateway.api_key)
    assert_says(problems.MEMORY_ENGINE, result, "the engine is memory")


def test_another_redis(start, redis):
    assert_says(problems.OTHER_REDIS, run(url=start().url, redis_url=redis.url + "/3"))


def test_a_gateway_that_has_lost_its_redis(start, redis):
    gateway = start()
    redis.kill()
    with RedisServer() as living:
        assert_says(problems.NOT_READY, run(url=gateway.url, redis_url=living.url), "not_ready")


def test_no_room_for_a_session(start, redis):
    gateway = start("--max-sessions", "1")
    gateway.new_session()
    assert_says(problems.SESSION_FAILED, run(url=gateway.url, redis_url=redis.url), "503")


def test_a_full_gateway(start, redis):
    gateway = start("--max-connections", "1")
    gateway.connect()
    assert_says(problems.NO_WELCOME, run(url=gateway.url, redis_url=redis.url), "4005")


@pytest.mark.parametrize(
    "problem, env",
    [
        (problems.NO_BINARY, {"GATEWAY_BINARY": "build/no-such-gateway"}),
        (problems.NO_REDIS_SERVER, {"REDIS_SERVER": "/nowhere/redis-server"}),
        (problems.NO_CHROMIUM, {"CHROMIUM_BINARY": "/nowhere/chromium"}),
        (problems.NO_CONSUL, {"CONSUL": "/nowhere/consul"}),
        (problems.NO_COLLECTOR, {"OTEL_COLLECTOR": "/nowhere/otel-collector"}),
    ],
    ids=lambda value: getattr(value, "title", ""),
)
def test_no_program_for_what_the_suite_starts(problem, env):
    suite = "integration" if problem in (problems.NO_CONSUL, problems.NO_COLLECTOR) else "e2e"
    result = run(f"integration/smart_city/test_websocket_gateway_{suite}.py", **env)
    assert_says(problem, result, next(iter(env.values())))


def test_the_readme_says_what_the_check_says():
    assert section("troubleshooting") == describe.troubleshooting()


def test_the_readme_says_what_each_test_verifies():
    assert section("tests") == describe.tests()


def section(name):
    match = re.search(rf"<!-- {name}: begin -->\n(.*?)<!-- {name}: end -->", README, re.DOTALL)
    assert match, f"the README has no section between <!-- {name}: begin --> and <!-- {name}: end -->"
    return match[1]
