"""What can be missing before the first test, in the words of tests/README_WEBSOCKET_TESTS.md (a test compares them)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    title: str
    meaning: str
    remedy: str


class Missing(Exception):
    """One of the problems, with what was seen of it."""

    def __init__(self, problem: Problem, seen: str):
        super().__init__(problem.title)
        self.problem, self.seen = problem, seen

    @property
    def text(self) -> str:
        return (
            f"The WebSocket gateway tests can't begin: {self.problem.title}\n\n"
            f"  seen     {self.seen}\n"
            f"  meaning  {self.problem.meaning}\n"
            f"  to do    {self.problem.remedy}\n\n"
            "tests/README_WEBSOCKET_TESTS.md, Troubleshooting, has every such case."
        )


CONNECTION_REFUSED = Problem(
    "connection refused",
    "Nothing answers at TEST_BACKEND_URL.",
    "Start a gateway with `scripts/run --redis` and set TEST_BACKEND_URL to its address, or let the suite start its own with "
    "TEST_USE_REAL_INFRASTRUCTURE=false.",
)
NO_KEY = Problem(
    "no API key",
    "TEST_API_KEY is not set, and GATEWAY_API_KEY neither.",
    "`scripts/run --redis` prints the key at the end of the console's address (#key=…): `export TEST_API_KEY=…`. Or start the "
    "gateway with a key of your choice in GATEWAY_API_KEY.",
)
KEY_REFUSED = Problem(
    "API key refused",
    "The gateway does not know the key, or it may not do everything.",
    "Take the key of this very start of the gateway: one that it made itself is another one each time.",
)
NOT_READY = Problem(
    "gateway not ready",
    "The gateway answers, and its health says 503: it starts, drains, or has lost its Redis.",
    "Look at /health/websocket-gateway and at the gateway's log; wait until it says `gateway_ready`.",
)
MEMORY_ENGINE = Problem(
    "gateway on the memory engine",
    "The gateway keeps everything in its own memory, so there is nothing of it in Redis to look at.",
    "Start it with `--engine redis --redis-url …`, or with `scripts/run --redis`.",
)
REDIS_FAILED = Problem(
    "Redis failed",
    "No Redis answers PING at TEST_REDIS_URL.",
    "`scripts/run --redis` prints the address of the Redis it uses: set TEST_REDIS_URL to it. `redis-cli -u $TEST_REDIS_URL ping` "
    "must say PONG.",
)
OTHER_REDIS = Problem(
    "gateway on another Redis",
    "A connection that the gateway welcomed is not in the Redis at TEST_REDIS_URL.",
    "Set TEST_REDIS_URL to the gateway's own `redis-url`, database number included, and leave its `key-prefix` at `websocket:`.",
)
SESSION_FAILED = Problem(
    "session validation failed",
    "A session that was just made is not found valid.",
    "The gateway can't write to its Redis, or reads another one: look for `redis_refused` in its log, and at the clocks of both "
    "machines.",
)
NO_WELCOME = Problem(
    "no welcome",
    "A WebSocket with a valid session was not opened, or its first message was not the welcome.",
    "A close code 4005 means that the gateway is full, a status 503 that it drains; a proxy in front must pass `Upgrade` on.",
)
NO_BINARY = Problem(
    "no gateway binary",
    "The suite starts further instances next to the given one, and finds no program for it.",
    "`scripts/run --build-only` builds build/release/websocket-gateway; or set GATEWAY_BINARY.",
)
NO_REDIS_SERVER = Problem(
    "no redis-server",
    "What has to be broken is broken on a Redis that the suite starts itself, and there is no program for it.",
    "`scripts/test --setup-only` brings one; or put redis-server on the PATH, or set REDIS_SERVER.",
)
NO_CHROMIUM = Problem(
    "no Chromium",
    "The end-to-end tests need a real browser.",
    "`scripts/test --setup-only` installs it (Debian's package chromium); or set CHROMIUM_BINARY.",
)
NO_CONSUL = Problem(
    "no Consul",
    "Service discovery is looked at with a real Consul agent, which the suite starts, and it could not be built.",
    "`scripts/lib/go_tools.sh consul` builds it once and says what is wrong; or set CONSUL to a program.",
)
NO_COLLECTOR = Problem(
    "no OpenTelemetry collector",
    "Metrics and traces are looked at in a real collector, which the suite starts, and it could not be built.",
    "`scripts/lib/go_tools.sh otel-collector` builds it once and says what is wrong; or set OTEL_COLLECTOR to a program.",
)

PROBLEMS = [value for value in list(globals().values()) if isinstance(value, Problem)]
