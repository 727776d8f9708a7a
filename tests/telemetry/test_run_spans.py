"""The span of a durable run: from queued to its end, exactly one, whichever instance has seen that end."""

import contextlib
import time

import pytest

from support.cluster import Cluster
from support.gateway import Gateway
from support.redis_server import RedisServer
from support.run_copies import Owner
from support.run_engines import ENGINES
from support.runs import RUNS, Run
from support.traces import PARENT, PARENT_ID, PARENT_NOT_SAMPLED, TRACE_ID, SpanCounts
from support.wait import eventually

RUN = "websocket.run"
INTERNAL = 1
MADE = {"channel": "guide", "producer": "agent:1"}
TRACE_FIELDS = {"trace", "first_claim_at", "first_byte_at"}
FLAGS = ("--run-start-timeout", "1s", "--run-cancel-grace", "1s")


class Instances:
    """Gateways that have the same runs: one on the memory engine, as many as are started on Redis."""

    def __init__(self, collector, engine, stack):
        self.collector = collector
        self._stack, self._cluster, self._started = stack, None, []
        if engine == "redis":
            self._redis = stack.enter_context(RedisServer())
            self._cluster = stack.enter_context(Cluster(self._redis))

    def start(self, **variables) -> Gateway:
        env = self.collector.variables(**variables)
        if self._cluster:
            return self._keep(self._cluster.start(*FLAGS, env=env))
        return self._keep(self._stack.enter_context(Gateway(*FLAGS, env=env)))

    def _keep(self, gateway):
        self._started.append(gateway)
        return gateway

    def fields(self, run_id) -> set:
        """What its record has in Redis."""
        with self._redis.client() as redis:
            return set(redis.hgetall(f"websocket:run:{{{run_id}}}"))

    def spans(self, run_id) -> list:
        return [s for s in self.collector.spans(RUN) if s.attributes["websocket.run.id"] == run_id]

    def span(self, run_id):
        """Its only one, once every instance has exported what it recorded until then."""
        eventually(lambda: self.spans(run_id), 30)
        for gateway in self._started:
            if gateway.is_running:
                eventually(lambda gateway=gateway: SpanCounts(gateway).queued == 0, 30)
        (span,) = self.spans(run_id)
        return span


@pytest.fixture(params=ENGINES)
def instances(request, collector):
    with contextlib.ExitStack() as stack:
        yield Instances(collector, request.param, stack)


@pytest.fixture
def on_redis(collector):
    with contextlib.ExitStack() as stack:
        yield Instances(collector, "redis", stack)


def asked(gateway, **fields):
    """A client's question with a run, in the trace of `traceparent`; the run's id."""
    client = gateway.connect()
    client.send({"channel": "guide", "payload": {}, "id": "q", "run": {}, **fields})
    while (ack := client.receive())["type"] != "ack":
        pass
    return ack["run_id"]


def attributes(span, *but):
    return {name: value for name, value in span.attributes.items() if name not in but}


WAITS = ("websocket.run.time_to_first_claim", "websocket.run.time_to_first_byte")


def test_it_is_a_child_of_the_message_that_asked_for_it(instances):
    gateway = instances.start()
    before = time.time_ns()
    run_id = asked(gateway, traceparent=PARENT)
    owner = Owner.claim(gateway.api, run_id)
    owner.append("Once upon ")
    owner.append("a time")
    owner.end()
    span = instances.span(run_id)
    (message,) = [s for s in instances.collector.spans("websocket.message") if s.span_id == span.parent_span_id]
    assert message.resource["service.instance.id"] == span.resource["service.instance.id"] == gateway.instance_id
    assert (message.trace_id, message.parent_span_id) == (TRACE_ID, PARENT_ID)
    assert (span.trace_id, span.kind, span.status, span.events, span.links) == (TRACE_ID, INTERNAL, {}, [], [])
    assert before <= message.start <= span.start <= span.end
    assert attributes(span, *WAITS) == {
        "messaging.destination.name": "guide",
        "websocket.run.id": run_id,
        "websocket.run.status": "completed",
        "websocket.run.epoch": 1,
        "websocket.run.size": len("Once upon a time"),
    }
    claim, byte = (span.attributes[name] for name in WAITS)
    assert 0 <= claim <= byte <= (span.end - span.start) / 1e9


def test_a_run_over_http_is_a_child_of_its_request_or_begins_a_trace(instances):
    gateway = instances.start()

    def made(**headers):
        run_id = gateway.api.post(RUNS, MADE, headers=headers).json()["run_id"]
        Run(gateway.api, run_id).end()
        return run_id

    child, root = instances.span(made(traceparent=PARENT)), instances.span(made())
    assert (child.trace_id, child.parent_span_id) == (TRACE_ID, PARENT_ID)
    assert root.trace_id != TRACE_ID and root.parent_span_id == ""
    not_sampled = made(traceparent=PARENT_NOT_SAMPLED)
    instances.span(made())  # whatever came before has been exported as well
    assert instances.spans(not_sampled) == []


def test_without_propagation_a_run_over_http_begins_a_trace(instances):
    gateway = instances.start(OTEL_PROPAGATORS="none")
    run_id = gateway.api.post(RUNS, MADE, headers={"traceparent": PARENT}).json()["run_id"]
    Run(gateway.api, run_id).end()
    assert instances.span(run_id).trace_id != TRACE_ID


def failed(gateway, owner):
    owner.end("failed", error={"code": "tired", "message": "of you"})


def failed_without_a_word(gateway, owner):
    owner.end("failed")


def cancelled(gateway, owner):
    assert gateway.api.post(f"{RUNS}/{owner.run_id}/cancel", {"reason": "private"}).status_code == 202


def deleted(gateway, owner):
    assert gateway.api.delete(f"{RUNS}/{owner.run_id}").status_code == 200


def abandoned(gateway, owner):
    owner.claimed_for(2000, takeover_ms=0)


@pytest.mark.parametrize(
    "end, status, error",
    [
        (failed, "failed", "tired"),
        (failed_without_a_word, "failed", "failed"),
        (cancelled, "cancelled", None),
        (deleted, "cancelled", None),
        (abandoned, "abandoned", "agent_lost"),
    ],
)
def test_it_says_how_the_run_ended(instances, end, status, error):
    gateway = instances.start()
    owner = Owner.create(gateway.api, lease_ms=60_000)
    end(gateway, owner)
    span = instances.span(owner.run_id)
    assert span.attributes["websocket.run.status"] == status
    assert span.attributes.get("error.type") == error
    assert span.status == ({"code": 2, "message": error} if error else {})
    assert WAITS[1] not in span.attributes, "no byte has come"
    assert "private" not in instances.collector.raw("traces")


def test_nobody_claims_it(instances):
    gateway = instances.start()
    span = instances.span(asked(gateway))
    assert (span.attributes["websocket.run.status"], span.attributes["error.type"]) == ("abandoned", "no_agent")
    assert not set(WAITS) & set(span.attributes)
    assert span.end - span.start >= 1e9, "its start timeout"


@pytest.mark.parametrize("unsampled", [{"OTEL_TRACES_SAMPLER": "always_off"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_one_that_is_not_kept_leaves_nothing(on_redis, unsampled):
    gateway = on_redis.start(**unsampled)
    owners = [Owner.claim(gateway.api, asked(gateway, traceparent=PARENT)), Owner.create(gateway.api)]
    for owner in owners:
        owner.append("text")
        fields = on_redis.fields(owner.run_id)
        assert "at" in fields and not fields & TRACE_FIELDS
        owner.end()
        assert not on_redis.fields(owner.run_id) & TRACE_FIELDS
    assert SpanCounts(gateway).recorded == 0


def test_two_instances_export_one_span_where_the_end_was_seen(on_redis):
    makes, ends = on_redis.start(), on_redis.start()
    run_id = asked(makes, traceparent=PARENT)
    owner = Owner.claim(makes.api, run_id)
    owner.append("half")
    assert on_redis.fields(run_id) >= TRACE_FIELDS
    owner.api = ends.api
    owner.end()
    for owner.api in (makes.api, ends.api):
        again = owner.call("end", seq=owner.seq - 1, end={"status": "completed"})
        assert again.json()["status"] == "duplicate"
    span = on_redis.span(run_id)
    assert span.resource["service.instance.id"] == ends.instance_id
    assert span.trace_id == TRACE_ID
    (message,) = [s for s in on_redis.collector.spans("websocket.message") if s.span_id == span.parent_span_id]
    assert message.resource["service.instance.id"] == makes.instance_id
    assert message.start <= span.start, "by the clock of who made it"


def test_another_instance_ends_what_a_killed_one_has_left(on_redis):
    dies, lives = on_redis.start(), on_redis.start()
    run_id = asked(dies, traceparent=PARENT)
    owner = Owner.claim(dies.api, run_id, lease_ms=2000, takeover_ms=0)
    owner.append("half")
    dies.crash()
    span = on_redis.span(run_id)
    assert span.resource["service.instance.id"] == lives.instance_id
    assert (span.trace_id, span.attributes["error.type"]) == (TRACE_ID, "agent_lost")
    assert span.attributes["websocket.run.size"] == len("half")
    assert span.end - span.start >= 2e9, "its lease"


def test_a_stop_of_the_memory_engine_ends_its_runs_and_their_spans(collector):
    with contextlib.ExitStack() as stack:
        instances = Instances(collector, "memory", stack)
        gateway = instances.start()
        run_id = Owner.create(gateway.api).run_id
        gateway.stop()
        assert instances.span(run_id).attributes["error.type"] == "gateway_stopped"


def test_the_line_of_its_end_names_the_trace(instances):
    gateway = instances.start()
    run_id = asked(gateway, traceparent=PARENT)
    span = instances.span(run_id)
    (line,) = eventually(lambda: [line for line in gateway.log_lines if "run_abandoned" in line and run_id in line])
    assert TRACE_ID in line and span.span_id in line
