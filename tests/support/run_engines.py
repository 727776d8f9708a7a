"""What durable runs are tested on: the memory engine's one gateway, or two on a Redis of their own.

    @pytest.fixture(scope="module", params=ENGINES)
    def gateway(request):
        with run_gateway(request.param, "--allowed-origin", ALLOWED) as started:
            yield started
"""

import contextlib
import threading
from concurrent.futures import Future

from support.api import Api
from support.cluster import KEY, Cluster
from support.gateway import Gateway
from support.redis_server import RedisServer
from support.runs import RUNS
from support.wait import eventually

ENGINES = ("memory", "redis")


@contextlib.contextmanager
def run_gateway(engine, *flags):
    """On Redis a Pair: what one process says, another has heard."""
    if engine == "memory":
        with Gateway(*flags, env={"GATEWAY_API_KEY": KEY}) as started:
            yield started
        return
    with RedisServer() as redis, Cluster(redis) as cluster:
        yield Pair(cluster.start(*flags), cluster.start(*flags))


def instances(gateway) -> list:
    return [gateway.clients, gateway.agents] if isinstance(gateway, Pair) else [gateway]


def readers(gateway) -> int:
    """How many readers of runs its instances count: connections together, event streams, waiting calls."""
    pages = [instance.api.get("/metrics").text for instance in instances(gateway)]
    lines = [line.split() for page in pages for line in page.splitlines()]
    return sum(int(float(line[1])) for line in lines if line and line[0] == "gateway_runs_readers")


def waiting(gateway, call) -> Future:
    """Makes a call that waits, in a thread, and returns its answer to come once the call does wait there."""
    answer, before = Future(), readers(gateway)

    def make():
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=make, daemon=True).start()
    eventually(lambda: readers(gateway) > before, message="the call waits")
    return answer


class Pair:
    """Two instances behind what tests ask of one: clients and readers come to the one, agents hear from the other, and calls
    about runs go to them by turns."""

    def __init__(self, clients, agents):
        self.clients, self.agents = clients, agents
        self.api = self.api_with(clients.api_key)

    def __getattr__(self, name):
        return getattr(self.clients, name)

    @contextlib.contextmanager
    def scope(self):
        with self.clients.scope(), self.agents.scope():
            yield self

    def api_with(self, key) -> Api:
        return ByTurns(self.clients.api_with(key), self.agents.api_with(key))

    def subscribe(self, channel, group=None, **options):
        return self.agents.subscribe(channel, group, **options)


class ByTurns(Api):
    """Calls about runs go to two instances by turns, everything else to the first."""

    def __init__(self, first, second):
        self.base_url, self.key = first.base_url, first.key
        self._apis, self._turn = (first._http, second._http), 0

    @property
    def _first(self):
        return self._apis[0]

    def _of(self, path):
        if not path.startswith(RUNS):
            return self._first
        self._turn ^= 1
        return self._apis[self._turn]

    def close(self):
        for http in self._apis:
            http.close()

    def request(self, method, path, **options):
        return self._of(path).request(method, path, **options)

    def get(self, path, **options):
        return self._of(path).get(path, **options)

    def post(self, path, json=None, **options):
        return self._of(path).post(path, json=json, **options)

    def patch(self, path, json=None, **options):
        return self._of(path).patch(path, json=json, **options)

    def delete(self, path, **options):
        return self._of(path).delete(path, **options)
