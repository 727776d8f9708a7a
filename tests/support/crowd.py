"""Many clients of several gateways, and whether they are all still there."""

import contextlib
import json

from support.checker import answer_to
from support.redis_agent import RedisAgent


class Crowd:
    """`count` welcomed clients, dealt out to the gateways in turn, each a user of its own."""

    def __init__(self, gateways, count):
        self.gateways = gateways
        self.clients = [gateways[n % len(gateways)].connect() for n in range(count)]

    @property
    def ids(self) -> set:
        return {client.connection_id for client in self.clients}

    def ids_on(self, gateway) -> set:
        return {c.connection_id for c in self.clients if c.welcome["instance_id"] == gateway.instance_id}

    def clients_on(self, gateway) -> list:
        return [c for c in self.clients if c.welcome["instance_id"] == gateway.instance_id]

    def assert_all_there(self):
        """Each answers and was told nothing else; a closed one raises."""
        for client in self.clients:
            client.assert_silent()

    def is_registered(self, redis) -> bool:
        """Whether Redis has exactly these, with their records, in their instances' sets and their channel's."""
        with redis.client() as store:
            of_gateways = [store.smembers(f"websocket:gateway:{g.instance_id}:connections") for g in self.gateways]
            assert [len(ids) for ids in of_gateways] == [len(self.ids_on(g)) for g in self.gateways]
            assert of_gateways == [self.ids_on(g) for g in self.gateways]
            assert store.smembers("websocket:channel:guide:connections") == self.ids
            assert store.exists(*(f"websocket:connection:{id}" for id in self.ids)) == len(self.ids)
        return True


def echo_agent(redis, checker, *channels, name="agent") -> RedisAgent:
    """An agent that answers everything, and tells the checker."""

    def on_envelope(agent, envelope):
        checker.agent_received(name, envelope)
        answer = answer_to(envelope)
        checker.agent_answered(answer)
        agent.answer(envelope, answer)

    return RedisAgent(redis, *channels, on_envelope=on_envelope)


def quiet_agent(redis, checker, *channels, name="agent") -> RedisAgent:
    """An agent that tells the checker and answers nobody."""
    return RedisAgent(redis, *channels, on_envelope=lambda _, envelope: checker.agent_received(name, envelope))


def publish(redis, name, message) -> int:
    with redis.client() as client:
        return client.publish(f"websocket:{name}", json.dumps(message))


def has_lease(redis, gateway) -> bool:
    with redis.client() as client:
        return client.exists(f"websocket:gateway:{gateway.instance_id}:lease") == 1


@contextlib.contextmanager
def stopped(process):
    """SIGSTOP for as long as the block takes."""
    process.stop_process()
    try:
        yield
    finally:
        process.continue_process()
