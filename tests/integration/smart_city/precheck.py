"""The check before the first test: is everything there, and does it work at all? Says what is missing, and what to do."""

import asyncio
import shutil
import subprocess

import httpx
import redis
from websockets.exceptions import WebSocketException

from integration.smart_city import problems
from integration.smart_city.problems import Missing
from integration.smart_city.settings import Settings
from support import gateway as gateway_process
from support import redis_server
from support.async_client import AsyncClient
from support.backend import Backend, unique
from support.chromium import chromium_path
from support.tools import tool
from support.wait import eventually

DEADLINE = 10.0


def check_programs(with_browser: bool):
    """What the suite starts itself."""
    try:
        gateway_process.binary_path()
    except AssertionError as error:
        raise Missing(problems.NO_BINARY, str(error)) from None
    server = redis_server.binary()
    if not is_program(server):
        raise Missing(problems.NO_REDIS_SERVER, f"no program at {server}")
    if with_browser and not is_program(chromium_path()):
        raise Missing(problems.NO_CHROMIUM, f"no program at {chromium_path()}" if chromium_path() else "no chromium on the PATH")


def check_tool(name, version, problem):
    """Builds it when it has not been built yet."""
    try:
        subprocess.run([tool(name), version], capture_output=True, check=True)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        raise Missing(problem, str(error)) from None


def is_program(path) -> bool:
    return bool(path) and shutil.which(path) is not None


def check_infrastructure(settings: Settings) -> dict:
    """The gateway and the Redis of the settings; what they are, for the report."""
    _check_answers(settings)
    if not settings.api_key:
        raise Missing(problems.NO_KEY, f"a gateway answers at {settings.backend_url}, and there is no key to use it with")
    versions = {"Redis": _check_redis(settings)}
    health = _check_health(settings)
    _check_session_and_welcome(settings)
    uptime = round(health["uptime_seconds"])
    versions["Gateway"] = f"{settings.backend_url}, {len(health['connections']['by_gateway'])} instance(s), up {uptime} s"
    return versions


def _check_answers(settings):
    try:
        httpx.get(f"{settings.backend_url}/health/live", timeout=DEADLINE, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Missing(problems.CONNECTION_REFUSED, f"{settings.backend_url}: {error}") from None


def _check_redis(settings) -> str:
    try:
        with redis.Redis.from_url(settings.redis_url, socket_timeout=DEADLINE, retry=None) as client:
            client.ping()
            server = client.info("server")
    except (redis.RedisError, ValueError, OSError) as error:
        raise Missing(problems.REDIS_FAILED, f"{without_password(settings.redis_url)}: {error}") from None
    name = "Valkey" if "valkey_version" in server else "Redis"
    return f"{name} {server.get('valkey_version') or server['redis_version']} at {without_password(settings.redis_url)}"


def _check_health(settings) -> dict:
    url, headers = f"{settings.backend_url}/health/websocket-gateway/detailed", {"Authorization": f"Bearer {settings.api_key}"}
    response = httpx.get(url, headers=headers, timeout=DEADLINE, trust_env=False)
    if response.status_code in (401, 403, 429):
        raise Missing(problems.KEY_REFUSED, f"GET {url}: {response.status_code} {response.text}")
    if response.status_code != 200:
        raise Missing(problems.NOT_READY, f"GET {url}: {response.status_code} {response.text[:300]}")
    health = response.json()
    if health["dependencies"]["engine"]["kind"] != "redis":
        raise Missing(problems.MEMORY_ENGINE, f"GET {url}: the engine is {health['dependencies']['engine']['kind']}")
    return health


def _check_session_and_welcome(settings):
    backend = Backend(settings.backend_url, settings.api_key)
    try:
        asyncio.run(_connect_once(backend, settings))
    finally:
        backend.close()


async def _connect_once(backend, settings):
    user = unique("precheck")
    try:
        session = await backend.new_session(user, ttl_seconds=60)
        validated = await backend.api.validate_session(session.token)
        assert validated["valid"] is True and validated["user_id"] == user, validated
    except (AssertionError, httpx.HTTPError) as error:
        raise Missing(problems.SESSION_FAILED, str(error)) from None
    try:
        client = await AsyncClient.open(backend.ws_url, session.token, name="the check's client")
    except (AssertionError, OSError, WebSocketException) as error:
        raise Missing(problems.NO_WELCOME, str(error)) from None
    try:
        _check_registered(settings, client.connection_id)
    finally:
        await client.close()


def _check_registered(settings, connection_id):
    key = f"websocket:connection:{connection_id}"
    with redis.Redis.from_url(settings.redis_url, socket_timeout=DEADLINE) as client:
        try:
            eventually(lambda: client.exists(key), DEADLINE)
        except AssertionError:
            raise Missing(problems.OTHER_REDIS, f"{without_password(settings.redis_url)} has no {key}") from None


def without_password(url) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rsplit("@", 1)[-1]
