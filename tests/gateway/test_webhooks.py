"""Envelopes are posted to a webhook, signed, and its answers reach whoever asked (docs/operations/webhooks.md)."""

import json
import threading
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from support.api import assert_refused
from support.chats import ChatStream, new_chat, user_message
from support.gateway import Gateway
from support.hook_server import (
    SUBSCRIBE,
    SUBSCRIPTIONS,
    HookServer,
    events,
    figures,
    in_turn,
    status,
    subscribe,
    taken,
    text,
    unsubscribe,
    whole_json,
)
from support.runs import RUNS
from support.wait import eventually

FLAGS = (
    "--webhook-hosts", "127.0.0.1,localhost=127.0.0.0/8,*.localhost,hooks.example.org", "--webhook-attempts", "3",
    "--webhook-timeout", "2s", "--circuit-open-time", "500ms",
)  # fmt: skip


@pytest.fixture(scope="module")
def gateway():
    with Gateway(*FLAGS) as started:
        yield started


@pytest.fixture
def hook():
    with HookServer() as server:
        yield server


@pytest.fixture
def made(gateway, hook):
    made = subscribe(gateway.api, hook)
    yield made
    unsubscribe(gateway.api, made)


@pytest.fixture
def client(gateway):
    return gateway.connect()


def ask(client, number=1, channel="guide", **run):
    """Asks for a run; its id."""
    client.send({"channel": channel, "payload": {"message": f"m{number}"}, "id": f"m{number}", "run": run})
    while (message := client.receive())["type"] != "ack":
        pass
    return message["run_id"]


def record(gateway, run_id):
    return gateway.api.get(f"{RUNS}/{run_id}", params={"include": "log"}).json()


def ended(gateway, run_id, deadline=20):
    def is_over():
        run = record(gateway, run_id)
        return run if run["status"] not in ("queued", "in_progress") else None

    return eventually(is_over, deadline)


# What is posted.


def test_an_envelope_is_posted_and_signed(gateway, hook, client, made):
    client.send({"channel": "guide", "payload": {"message": "é"}, "id": "m1"})
    assert client.receive()["status"] == "published"
    posted = hook.next()
    assert posted.path == "/hook"
    envelope = posted.verified(made["secret"])
    assert envelope["message"]["payload"] == {"message": "é"}
    assert envelope["connection_id"] == client.connection_id
    assert posted.headers["webhook-id"] == envelope["message_id"]
    assert abs(int(posted.headers["webhook-timestamp"]) - time.time()) < 30
    assert posted.headers["webhook-subscription"] == made["subscription_id"]
    assert posted.headers["traceparent"].split("-")[1] == envelope["traceparent"].split("-")[1]
    assert posted.headers["content-type"] == "application/json"
    with pytest.raises(WebhookVerificationError):
        posted.verified("whsec_" + "A" * 44)


def test_a_publication_is_posted_too(gateway, hook, made):
    gateway.api.publish("guide", {"news": 1}, realm="other")
    envelope = hook.next().verified(made["secret"])
    assert envelope["source"] == "other" and envelope["message"] == {"news": 1}


def test_a_secret_can_be_given_and_renewed(gateway, hook, client):
    given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    made = subscribe(gateway.api, hook, secret=given)
    assert made["secret"] == given
    client.say()
    assert hook.next().verified(given)
    renewed = gateway.api.post(f"{SUBSCRIBE}/{made['subscription_id']}/secret").json()
    assert renewed["secret"].startswith("whsec_") and renewed["secret"] != given
    client.say()
    posted = hook.next()
    assert posted.verified(given) and posted.verified(renewed["secret"])
    assert len(posted.headers["webhook-signature"].split(" ")) == 2
    unsubscribe(gateway.api, made)


def test_the_librarys_own_signature_is_ours(gateway, hook, client, made):
    client.say()
    posted = hook.next()
    at = datetime.fromtimestamp(int(posted.headers["webhook-timestamp"]), UTC)
    expected = Webhook(made["secret"]).sign(posted.headers["webhook-id"], at, posted.body.decode())
    assert posted.headers["webhook-signature"] == expected


def test_each_goes_to_a_group_once(gateway, hook, client):
    first, second = (subscribe(gateway.api, hook, group="both") for _ in range(2))
    for number in range(6):
        client.say(text=str(number), id=f"n{number}")
    assert sorted(hook.next().text for _ in range(6)) == [str(number) for number in range(6)]
    time.sleep(0.3)
    assert hook.waiting() == 0
    for made in (first, second):
        unsubscribe(gateway.api, made)


def test_one_at_a_time_is_in_order(gateway, hook, client):
    made = subscribe(gateway.api, hook, max_in_flight=1)
    hook.answer = in_turn(status(500), taken)
    for number in range(5):
        client.say(text=str(number), id=f"o{number}")
    assert [hook.next().text for _ in range(6)] == ["0", "0", "1", "2", "3", "4"]
    unsubscribe(gateway.api, made)


def test_at_most_so_many_at_a_time(gateway, hook, client):
    gate, now, most, lock = threading.Event(), [0], [0], threading.Lock()

    def wait(reply):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        gate.wait(1)
        with lock:
            now[0] -= 1
        taken(reply)

    hook.answer = wait
    made = subscribe(gateway.api, hook, max_in_flight=3)
    for number in range(9):
        client.say(id=f"p{number}")
    eventually(lambda: most[0] == 3)
    gate.set()
    for _ in range(9):
        hook.next()
    assert most[0] == 3
    eventually(lambda: figures(gateway)["gateway_webhooks_waiting"] == 0)
    unsubscribe(gateway.api, made)


# Failure.


def test_what_fails_is_posted_again_and_at_last_a_dead_letter(gateway, hook, client, made):
    hook.answer = status(500)
    before = figures(gateway)
    client.say(text="dead")
    posts = [hook.next() for _ in range(3)]
    assert len({post.headers["webhook-id"] for post in posts}) == 1
    first, second = posts[1].at - posts[0].at, posts[2].at - posts[1].at
    assert 0.4 < first < 1.6 and 0.9 < second < 2.8
    given_up = 'gateway_webhooks_deliveries_total{outcome="given_up"}'
    eventually(lambda: figures(gateway)[given_up] == before[given_up] + 1)
    eventually(lambda: 'gateway_dead_letters_total{channel="guide"} 0' not in gateway.api.get("/metrics").text)
    hook.answer = taken
    client.say(text="alive")
    assert hook.next().text == "alive"


def test_retry_after_is_waited_for(gateway, hook, client, made):
    hook.answer = in_turn(status(503, Retry_After="2"), taken)
    client.say()
    first, second = hook.next(), hook.next()
    assert 1.9 < second.at - first.at < 4


def test_a_server_that_is_silent_fails(gateway, hook, client, made):
    hook.answer = in_turn(lambda reply: hook.gone.wait(10), taken)
    client.say()
    first, second = hook.next(), hook.next()
    assert 2.4 < second.at - first.at < 4.5


def test_a_dead_hook_opens_its_circuit_and_holds_up_nobody(gateway, client, hook, made):
    with HookServer(status(500)) as dead:
        other = subscribe(gateway.api, dead)
        for number in range(20):
            client.say(text=str(number), id=f"q{number}")
        assert {hook.next().text for _ in range(20)} == {str(number) for number in range(20)}
        eventually(lambda: gateway.api.get(f"{SUBSCRIBE}/{other['subscription_id']}").json()["here"]["circuit_state"] == "open")
        assert "webhook_circuit_opened" in gateway.log_text
        dead.answer = taken
        eventually(lambda: gateway.api.get(f"{SUBSCRIBE}/{other['subscription_id']}").json()["here"]["waiting"] == 0)
        client.say(text="again", id="q20")
        eventually(lambda: any(posted.text == "again" for posted in dead.posted))
        assert len(dead.posted) < 60
        unsubscribe(gateway.api, other)


# Answers.


def test_text_streams_into_the_run(gateway, hook, client, made):
    gate = threading.Event()
    hook.answer = text("Once", " upon", " é", gate=gate)
    run_id = ask(client)
    eventually(lambda: record(gateway, run_id)["log"] == "Once upon")
    assert record(gateway, run_id)["status"] == "in_progress"
    gate.set()
    run = ended(gateway, run_id)
    assert (run["status"], run["log"], run["epoch"]) == ("completed", "Once upon é", 1)
    eventually(lambda: figures(gateway)["gateway_webhooks_waiting"] == 0)
    assert len(hook.posted) == 1


def test_a_character_may_be_cut_between_chunks(gateway, hook, client, made):
    hook.answer = text(*[bytes([byte]) for byte in "a€🙂".encode()])
    assert ended(gateway, ask(client))["log"] == "a€🙂"


def test_events_are_pieces_of_the_answer(gateway, hook, client, made):
    hook.answer = events("Once", " upon\na", "", "[DONE]", "more", end=False)
    run = ended(gateway, ask(client))
    assert (run["status"], run["log"]) == ("completed", "Once upon\na")
    hook.answer = events('{"a": 1}', "[2]")
    run = ended(gateway, ask(client, 2, format="json"))
    assert (run["status"], run["log"]) == ("completed", '{"a": 1}\n[2]\n')


def test_a_server_of_ai_sdk_answers_its_chats(gateway, hook, made):
    said = [
        {"type": "start", "messageId": "theirs"}, {"type": "start-step"}, {"type": "text-start", "id": "t1"},
        {"type": "text-delta", "id": "t1", "delta": "Once"}, {"type": "text-delta", "id": "t1", "delta": " upon"},
        {"type": "text-end", "id": "t1"}, {"type": "finish-step"}, {"type": "finish"},
    ]  # fmt: skip
    hook.answer = events(*map(json.dumps, said), "[DONE]")
    body = {"id": new_chat(), "messages": [user_message()]}
    chat = ChatStream(gateway.url, "/api/chat", {"channel": "guide"}, gateway.api_key, post=body)
    chunks = chat.chunks()
    assert "".join(chunk.get("delta", "") for chunk in chunks) == "Once upon"
    assert [chunk["type"] for chunk in chunks].count("finish") == 1 and chunks[-1]["type"] == "finish"
    hook.answer = text("Only", " text")
    chat = ChatStream(gateway.url, "/api/chat", {"channel": "guide"}, gateway.api_key, post=body | {"id": new_chat()})
    assert "".join(chunk.get("delta", "") for chunk in chat.chunks()) == "Only text"


def test_an_error_event_fails_the_run(gateway, hook, client, made):
    def answer(reply):
        reply.chunked(200, "text/event-stream")
        reply.chunk("data: half\n\nevent: error\ndata: no model\n\n")
        reply.last_chunk()

    hook.answer = answer
    run = ended(gateway, ask(client))
    assert (run["status"], run["log"], run["error"]) == ("failed", "half", {"code": "agent_error", "message": "no model"})
    assert len(hook.posted) == 1


def test_one_message_answers_a_run(gateway, hook, client, made):
    hook.answer = whole_json({"message": "Hello."})
    run = ended(gateway, ask(client))
    assert (run["status"], run["log"]) == ("completed", "Hello.")


def test_one_message_answers_who_asked_for_no_run(gateway, hook, client, made):
    hook.answer = whole_json({"message": {"type": "chat", "text": "hi"}})
    client.say()
    assert client.receive() == {"type": "chat", "text": "hi"}


def test_what_is_taken_may_be_answered_later(gateway, hook, client, made):
    for number, answer in enumerate([taken, status(202), lambda reply: reply.whole(200), lambda reply: reply.whole(200, "<p>ok", "text/html"), whole_json({"ok": True})]):
        hook.answer = answer
        run_id = ask(client, number)
        hook.next()
        eventually(lambda: figures(gateway)["gateway_webhooks_waiting"] == 0)
        assert record(gateway, run_id)["status"] == "queued"
        claimed = gateway.api.post(f"{RUNS}/{run_id}/claim", {"producer": "agent:1"})
        assert claimed.status_code == 200
        assert gateway.api.post(f"{RUNS}/{run_id}/end", {"producer": "agent:1", "epoch": 1, "seq": 0, "end": {"status": "completed"}}).status_code == 200
    assert len(hook.posted) == 5


def test_an_answer_that_is_cut_begins_anew(gateway, hook, client, made):
    hook.answer = in_turn(text("Once", " up", cut=True), text("Twice", " more"))
    run = ended(gateway, ask(client))
    assert (run["status"], run["log"]) == ("completed", "Twice more")
    assert run["epoch"] > 1
    assert len(hook.posted) == 2


def test_the_end_of_the_connection_alone_is_no_end(gateway, hook, client, made):
    def until_close(reply):
        reply.head(200, "text/plain")
        reply.raw(b"half")

    hook.answer = in_turn(until_close, text("whole"))
    run = ended(gateway, ask(client))
    assert (run["status"], run["log"]) == ("completed", "whole")


def test_who_asked_is_told_that_all_attempts_failed(gateway, hook, client, made):
    hook.answer = text("half", " an", cut=True)
    run = ended(gateway, ask(client))
    assert (run["status"], run["log"], run["error"]["code"]) == ("failed", "half an", "webhook_failed")
    assert len(hook.posted) == 3


def test_a_cancel_reaches_the_server(gateway, hook, client, made):
    def endless(reply):
        reply.chunked(200, "text/plain")
        while not hook.gone.is_set():
            reply.chunk("word ")
            time.sleep(0.02)

    hook.answer = endless
    run_id = ask(client)
    eventually(lambda: record(gateway, run_id)["pos"] > 20)
    client.send({"type": "cancel", "run_id": run_id, "id": "c1"})
    assert ended(gateway, run_id, 5)["status"] == "cancelled"
    eventually(lambda: hook.errors)
    eventually(lambda: figures(gateway)["gateway_webhooks_waiting"] == 0)
    assert len(hook.posted) == 1


def test_ten_gigabytes_are_not_read(gateway, hook, client, made):
    written = [0]

    def huge(content_type):
        def answer(reply):
            reply.head(200, content_type, Content_Length=str(10 << 30))
            while not hook.gone.is_set():
                reply.raw(b"x" * 65536)
                written[0] += 65536

        return answer

    hook.answer = huge("text/plain")
    run = ended(gateway, ask(client))
    assert (run["status"], run["error"]["code"]) == ("failed", "answer_too_large")
    hook.answer = huge("text/html")
    client.say()
    eventually(lambda: len(hook.errors) >= 2)
    assert written[0] < 64 << 20
    hook.answer = in_turn(huge("application/json"), whole_json({"message": "small"}))
    assert ended(gateway, ask(client, 3))["log"] == "small"


def test_what_is_no_answer_is_a_failure(gateway, hook, client, made):
    def not_http(reply):
        reply.raw(b"SSH-2.0-x\r\n\r\n")
        reply._handler.close_connection = True

    for number, bad in enumerate([not_http, lambda r: r.whole(200, b"\xff", "text/plain"), lambda r: r.whole(200, "[", "application/json")]):
        hook.answer = in_turn(bad, text("good"))
        assert ended(gateway, ask(client, number))["log"] == "good"


# Subscriptions.


def test_one_is_listed_shown_and_deleted(gateway, hook, client):
    made = subscribe(gateway.api, hook, "pillar:insights")
    path = f"{SUBSCRIBE}/{made['subscription_id']}"
    shown = gateway.api.get(path).json()
    assert shown["callback"] == hook.url() and shown["group"] == made["subscription_id"] and "secret" not in shown
    assert shown["here"] == {"member": True, "circuit_state": "closed", "waiting": 0, "in_flight": 0, "last_failure": None}
    assert [one["subscription_id"] for one in gateway.api.get(SUBSCRIPTIONS).json()["subscriptions"]] == [made["subscription_id"]]
    unsubscribe(gateway.api, made)
    assert_refused(gateway.api.get(path), 404)
    assert_refused(gateway.api.delete(path), 404)
    client.say("pillar:insights")
    time.sleep(0.3)
    assert hook.waiting() == 0
    for what in ("webhook.create", "webhook.delete"):
        assert f"what={what} whom=webhook:{made['subscription_id']} result=ok" in gateway.log_text
    assert made["secret"] not in gateway.log_text


def test_one_that_is_deleted_ends_what_it_has_begun(gateway, hook, client):
    gate = threading.Event()
    hook.answer = text("a", "b", gate=gate)
    made = subscribe(gateway.api, hook, "pillar:operations")
    run_id = ask(client, channel="pillar:operations")
    hook.next()
    unsubscribe(gateway.api, made)
    client.say("pillar:operations", id="later")
    gate.set()
    assert ended(gateway, run_id)["log"] == "ab"
    time.sleep(0.3)
    assert len(hook.posted) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"callback": None}, {"callback": 5}, {"callback": ""}, {"callback": "ftp://127.0.0.1/"}, {"callback": "http://user@127.0.0.1/"},
        {"callback": "http://127.0.0.1/#x"}, {"callback": "http://2130706433/"}, {"callback": "http://0x7f.1/"}, {"callback": "http://127.1/"},
        {"callback": "http://a\\b/"}, {"callback": "http://127.0.0.1:99999/"}, {"callback": "http://[::1/"}, {"callback": "http://x/" + "a" * 3000},
        {"secret": "short"}, {"secret": "whsec_AAAA"}, {"max_in_flight": 0}, {"max_in_flight": 65}, {"group": "a/b"}, {"realm": None}, {"channel": "A"},
    ],
    ids=str,
)  # fmt: skip
def test_out_of_form_it_is_refused(gateway, hook, change):
    assert_refused(gateway.api.post(SUBSCRIBE, {"channel": "guide", "callback": hook.url(), "realm": "shop"} | change), 400)


def test_without_hosts_there_are_none(hook):
    with Gateway() as gateway:
        refused = gateway.api.post(SUBSCRIBE, {"channel": "guide", "callback": hook.url(), "realm": "shop"})
        assert_refused(refused, 409)
        assert "--webhook-hosts" in refused.json()["error"]
        assert gateway.api.get(SUBSCRIPTIONS).json()["subscriptions"] == []
