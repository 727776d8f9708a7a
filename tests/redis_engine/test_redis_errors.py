"""Redis answers, but with an error: said clearly, no false ack, and over when the cause is."""

import contextlib
import json
import re
from collections import Counter

import pytest

from support.checker import Checker
from support.cluster import Cluster, is_ready, seconds_until
from support.crowd import Crowd, quiet_agent
from support.redis_server import RedisServer
from support.talker import Talker
from support.wait import eventually

RULES = "~websocket:* &websocket:* +@all -@admin"


@pytest.fixture
def redis():
    with RedisServer(password="of-the-tests", users={"gateway": f">secret {RULES}"}) as server:
        yield server


@pytest.fixture
def cluster(redis):
    with Cluster(redis, redis.url_with(user="gateway", password="secret")) as started:
        yield started


def configure(redis, **settings):
    with redis.client() as client:
        for name, value in settings.items():
            client.config_set(name, value)


def execute(redis, *words):
    with redis.client() as client:
        client.execute_command(*words)


def let_it_load(redis):
    """Killed with its data, and slow to read it again: about two seconds."""
    with redis.client() as client:
        client.mset({f"ballast:{n}": "x" * 100 for n in range(4000)})
    redis.kill(keep_data=True)
    redis.flags += ["--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024"]
    redis.launch()


def change_password(redis, password):
    execute(redis, "ACL", "SETUSER", "gateway", "resetpass", f">{password}")
    execute(redis, "CLIENT", "KILL", "USER", "gateway")


class Fault:
    """`text` finds what Redis says then; of what a script may not do it says "can't"."""

    def __init__(self, text, begin, end):
        self.text, self.begin, self.end = text, begin, end


FAULTS = {
    "OOM": Fault("OOM", lambda r: configure(r, maxmemory=1), lambda r: configure(r, maxmemory=0)),
    "READONLY": Fault(
        "READONLY|replica", lambda r: execute(r, "REPLICAOF", "127.0.0.1", "1"), lambda r: execute(r, "REPLICAOF", "NO", "ONE")
    ),
    "LOADING": Fault("LOADING", let_it_load, lambda r: r.wait_answering()),
    "NOPERM": Fault(
        "NOPERM",
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "-@all", "+ping"),
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "+@all"),
    ),
    "no keys": Fault(
        "NOPERM|can't access|No permissions",
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "resetkeys"),
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "~websocket:*"),
    ),
    "no channels": Fault(
        "NOPERM|No permissions|can't publish",
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "resetchannels"),
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "&websocket:*"),
    ),
    "WRONGPASS": Fault(
        "WRONGPASS",
        lambda r: change_password(r, "other"),
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "resetpass", ">secret"),
    ),
    "user gone": Fault(
        "WRONGPASS",
        lambda r: execute(r, "ACL", "DELUSER", "gateway"),
        lambda r: execute(r, "ACL", "SETUSER", "gateway", "on", ">secret", *RULES.split()),
    ),
}
EVERY_FAULT = pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
INBOX = pytest.mark.parametrize("inbox", ["pubsub", "stream"])


def in_stream(redis) -> list:
    """The ids of all messages that the inbox holds."""
    with redis.client() as client:
        return [envelope_id(fields["envelope"]) for _, fields in client.xrange("websocket:inbox:guide")]


def envelope_id(text):
    return json.loads(text)["message"]["id"]


@EVERY_FAULT
@INBOX
def test_no_false_ack_a_clear_error_and_recovery(cluster, redis, closing, record_property, fault, inbox):
    gateway = cluster.start("--inbox", inbox, "--max-connections-per-user", "0")
    checker = Checker()
    agent = closing(quiet_agent(redis, checker, "guide"))
    crowd = Crowd([gateway], 20)
    talkers = [Talker(checker, gateway.connect, f"t{n}", interval=0.05).start() for n in range(2)]
    eventually(lambda: checker.taken() > 20)
    lines = len(gateway.log_lines)
    fault.begin(redis)
    with contextlib.ExitStack() as undo:
        undo.callback(fault.end, redis)
        # Pub/Sub needs no memory to speak of: that is no fault then.
        if (fault, inbox) != (FAULTS["OOM"], "pubsub"):
            logged = seconds_until(lambda: re.search(fault.text, "".join(gateway.log_lines[lines:])), 30)
            record_property("logged after, s", logged)
        before = checker.taken() + sum(checker.report().refused.values())
        eventually(lambda: checker.taken() + sum(checker.report().refused.values()) > before + 20, 30)
        assert gateway.api.get("/health/live").status_code == 200
    assert agent.subscribed.wait(20)
    record_property("ready again after, s", seconds_until(lambda: is_ready(gateway), 60))
    for talker in talkers:
        talker.stop()
    if inbox == "stream":
        # What the agent has had may be gone from it again.
        eventually(lambda: checker.missing_ids() <= set(in_stream(redis)), 90)
        doubled = [id for id, count in Counter(in_stream(redis)).items() if count > 1]
        # Of what Redis took and did not answer before it died, nobody knows that it is there.
        assert doubled == [] or fault is FAULTS["LOADING"], "entered twice"
    else:
        eventually(lambda: not checker.missing_ids(), 90, "what was acknowledged was delivered")
    report = checker.report()
    record_property("refused", dict(report.refused))
    record_property("slowest answer, s", report.slowest_answer)
    assert set(report.refused) <= {"overloaded", "internal"}
    assert all(talker.closes == [] for talker in talkers)
    report.assert_clean(allowed=["redelivered"] + ["lost"] * (inbox == "stream"))
    eventually(lambda: crowd.ids <= registered_ids(redis), 30)
    crowd.assert_all_there()
    new = gateway.connect()
    assert new.say(id="after")["status"] == "published"


def registered_ids(redis) -> set:
    with redis.client() as client:
        return client.smembers("websocket:channel:guide:connections")


@EVERY_FAULT
def test_the_service_api_answers_503_and_not_success(cluster, redis, fault):
    gateway = cluster.start()
    gateway.api.create_session()
    fault.begin(redis)
    with contextlib.ExitStack() as undo:
        undo.callback(fault.end, redis)

        def refused():
            response = gateway.api.post("/api/traffic-cop/sessions", {"user_id": "ada"})
            assert response.status_code == 503 and response.json()["success"] is False, response.text
            return True

        if fault is not FAULTS["no channels"]:  # a session needs no channel
            eventually(refused, 10)
    eventually(lambda: gateway.api.post("/api/traffic-cop/sessions", {"user_id": "ada"}).status_code == 201, 60)


@pytest.mark.slow
def test_a_long_fault_opens_the_circuit_which_closes_by_itself(cluster, redis, closing):
    """After 5 failures the channel's circuit is open; it is tried again after 30 s and closes after 2 successes."""
    gateway = cluster.start("--inbox", "stream")
    closing(quiet_agent(redis, Checker(), "guide"))
    client = gateway.connect()
    with contextlib.ExitStack() as undo:
        configure(redis, maxmemory=1)
        undo.callback(configure, redis, maxmemory=0)
        for n in range(20):
            assert client.say(id=n).get("status") != "published"
        state = gateway.api.backpressure()
        eventually(lambda: circuit(gateway) == "open", 20, f"{state}")
    eventually(lambda: circuit(gateway) == "closed", 60)
    assert client.say(id="after")["status"] == "published"


def circuit(gateway):
    report = gateway.api.backpressure()
    return report.get("channels", report)["guide"]["circuit_state"]
