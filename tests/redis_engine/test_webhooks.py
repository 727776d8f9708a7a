"""Webhooks are of all instances: kept in Redis, served by each, and each envelope is posted once."""

import threading
import time

import pytest

from support.api import assert_refused
from support.hook_server import SUBSCRIBE, SUBSCRIPTIONS, HookServer, figures, in_turn, status, subscribe, text, unsubscribe
from support.runs import RUNS
from support.wait import eventually

ACK_WAIT = 4
FLAGS = ("--webhook-hosts", "127.0.0.1", "--webhook-attempts", "2", "--ack-wait", f"{ACK_WAIT}s")


@pytest.fixture
def hook():
    with HookServer() as server:
        yield server


@pytest.fixture
def instances(cluster):
    return [cluster.start(*FLAGS) for _ in range(2)]


def here(gateway, made):
    return gateway.api.get(f"{SUBSCRIBE}/{made['subscription_id']}").json().get("here", {})


def served(gateways, made):
    eventually(lambda: all(here(gateway, made).get("member") for gateway in gateways))


def record(gateway, run_id):
    return gateway.api.get(f"{RUNS}/{run_id}", params={"include": "log"}).json()


def ended(gateway, run_id, deadline=30):
    def is_over():
        run = record(gateway, run_id)
        return run if run["status"] not in ("queued", "in_progress") else None

    return eventually(is_over, deadline)


def ask(client):
    client.send({"channel": "guide", "payload": {"message": "q"}, "id": "m1", "run": {}})
    while (message := client.receive())["type"] != "ack":
        pass
    return message["run_id"]


def test_two_instances_post_each_envelope_once(instances, hook):
    made = subscribe(instances[0].api, hook)
    served(instances, made)
    clients = [gateway.connect() for gateway in instances for _ in range(2)]
    for number in range(25):
        for client in clients:
            client.say(text=str(number), id=f"m{number}")
    posts = [hook.next() for _ in range(100)]
    assert len({post.headers["webhook-id"] for post in posts}) == 100
    eventually(lambda: all(figures(gateway)["gateway_webhooks_waiting"] == 0 for gateway in instances))
    time.sleep(ACK_WAIT + 1.5)  # what was not acknowledged would come again
    assert hook.waiting() == 0
    unsubscribe(instances[1].api, made)
    eventually(lambda: all(figures(gateway)["gateway_webhooks"] == 0 for gateway in instances))
    clients[0].say(id="later")
    time.sleep(0.3)
    assert hook.waiting() == 0


def test_it_outlives_its_instance(cluster, hook):
    first = cluster.start(*FLAGS)
    made = subscribe(first.api, hook)
    first.crash()
    second = cluster.start(*FLAGS)
    served([second], made)
    second.connect().say()
    assert hook.next().verified(made["secret"])
    assert second.api.get(SUBSCRIPTIONS).json()["subscriptions"][0]["callback"] == hook.url()


def test_another_secret_is_everybodys(instances, hook):
    made = subscribe(instances[0].api, hook, max_in_flight=1)
    served(instances, made)
    renewed = instances[1].api.post(f"{SUBSCRIBE}/{made['subscription_id']}/secret").json()["secret"]
    time.sleep(0.3)
    clients = [gateway.connect() for gateway in instances]
    for number in range(10):
        clients[number % 2].say(id=f"m{number}")
    for post in [hook.next() for _ in range(10)]:
        assert post.verified(made["secret"]) and post.verified(renewed)


def test_what_is_given_up_is_a_dead_letter_of_its_group(cluster, redis, hook):
    gateway = cluster.start(*FLAGS)
    made = subscribe(gateway.api, hook)
    hook.answer = status(500)
    gateway.connect().say(text="dead")
    posts = [hook.next() for _ in range(2)]

    def letters():
        with redis.client() as connection:
            return connection.xrange("websocket:inbox:guide:dead")

    ((_, letter),) = eventually(letters)
    assert letter["group"] == made["group"] and letter["reason"] == "the webhook failed too often"
    assert posts[0].headers["webhook-id"] in letter["envelope"]


@pytest.mark.slow(20)
def test_an_answer_goes_on_when_its_instance_is_killed(instances, hook):
    made = subscribe(instances[0].api, hook)
    served(instances, made)
    gate = threading.Event()
    hook.answer = in_turn(text("Once", " upon", " lost", gate=gate), text("Once", " upon", " a time."))
    asked = [gateway.connect() for gateway in instances]
    run_id = ask(asked[1])
    eventually(lambda: record(instances[1], run_id)["log"] == "Once upon")
    doomed = next(gateway for gateway in instances if figures(gateway)["gateway_webhooks_in_flight"] == 1)
    left = next(gateway for gateway in instances if gateway is not doomed)
    doomed.crash()
    run = ended(left, run_id)
    assert (run["status"], run["log"]) == ("completed", "Once upon a time.")
    gate.set()
    first, second = hook.next(), hook.next()
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    time.sleep(ACK_WAIT + 1.5)
    assert hook.waiting() == 0 and record(left, run_id)["log"] == "Once upon a time."


def test_it_comes_back_with_redis(cluster, redis, hook):
    gateway = cluster.start(*FLAGS)
    made = subscribe(gateway.api, hook)
    client = gateway.connect()
    redis.restart(keep_data=True)
    eventually(lambda: gateway.api.get("/health/websocket-gateway").status_code == 200, 30)
    client.say()
    assert hook.next(30).verified(made["secret"])


def test_without_the_stream_inbox_there_is_no_group(cluster, hook):
    gateway = cluster.start(*FLAGS, "--inbox", "pubsub")
    refused = gateway.api.post(SUBSCRIBE, {"channel": "guide", "callback": hook.url(), "realm": "shop"})
    assert_refused(refused, 409)
    assert gateway.api.get(SUBSCRIPTIONS).json()["subscriptions"] == []
