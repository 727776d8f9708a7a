"""How many runs somebody may have, and whom that concerns: a user, a stranger, everybody who asks again."""

import pytest

from support.api import assert_refused
from support.run_copies import Owner, ask
from support.runs import RunStream, cursor


def ask_again(client, message_id):
    """The answer to the question; what it hears of runs meanwhile is passed over."""
    client.send({"channel": "guide", "payload": {}, "id": message_id, "run": {}})
    while (answer := client.receive())["type"] == "run":
        pass
    return answer


@pytest.fixture
def agent_of():
    return lambda gateway: gateway.subscribe("guide")


def strangers(gateway, count, **options):
    return [gateway.connect("", **options) for _ in range(count)]


def test_what_was_taken_is_a_duplicate_whatever_bound_is_reached(gateway_factory, agent_of):
    gateway = gateway_factory("--max-open-runs-per-user", "1")
    agent_of(gateway)
    client = gateway.connect(gateway.new_session(user_id="ada"), query="&client_id=tab")
    first, copy = ask(client, id="q1")
    owner = Owner.claim(gateway.api, first["run_id"])
    owner.end()
    copy.read_end(client)
    second, _ = ask(client, id="q2")
    for message_id, ack in (("q1", first), ("q2", second), ("q1", first)):
        again = ask_again(client, message_id)
        assert (again["type"], again["status"], again["run_id"]) == ("ack", "duplicate", ack["run_id"])
    refused = ask_again(client, "q3")
    assert (refused["type"], refused["code"], refused["id"]) == ("error", "too_many_runs", "q3")


def test_who_has_no_session_leaves_room_for_users(gateway_factory, agent_of):
    flags = ("--max-open-runs-per-user", "2", "--max-open-runs-per-realm", "3")
    gateway = gateway_factory("--session-policy", "optional", *flags)
    agent_of(gateway)
    greedy, other, late = strangers(gateway, 3)
    for message_id in ("q1", "q2"):
        assert ask_again(greedy, message_id)["status"] == "published"
    assert ask_again(greedy, "q3")["code"] == "too_many_runs"
    assert ask_again(other, "q1")["status"] == "published"
    assert ask_again(late, "q1")["code"] == "overloaded"
    user = gateway.connect(gateway.new_session(user_id="ada"))
    assert [ask_again(user, message_id)["status"] for message_id in ("q1", "q2")] == ["published"] * 2


def test_many_connections_of_one_address_leave_room_for_other_strangers(gateway_factory, agent_of):
    flags = ("--max-open-runs-per-user", "1", "--max-open-runs-per-realm", "24", "--trusted-proxy", "127.0.0.0/8")
    gateway = gateway_factory("--session-policy", "optional", *flags)
    agent_of(gateway)
    crowd = strangers(gateway, 24, headers={"X-Forwarded-For": "203.0.113.7"})
    answers = [ask_again(client, "q1") for client in crowd]
    refused = {answer["code"] for answer in answers if answer["type"] == "error"}
    assert refused == {"too_many_runs"}, "its address has a bound of its own"
    assert 2 <= sum(answer["type"] == "ack" for answer in answers) <= 8
    (other,) = strangers(gateway, 1, headers={"X-Forwarded-For": "203.0.113.8"})
    assert ask_again(other, "q1")["status"] == "published"


def test_a_list_that_is_not_over_says_where_it_goes_on(gateway_factory):
    gateway = gateway_factory()
    made = [Owner.create(gateway.api, to={"user_id": "ada"}).run_id for _ in range(3)]
    path = "/api/post-office/runs"
    assert gateway.api.get(path).json()["after"] is None
    page = gateway.api.get(path, params={"limit": 2}).json()
    assert [run["run_id"] for run in page["runs"]] == made[:0:-1]
    rest = gateway.api.get(path, params={"limit": 2, "after": page["after"]}).json()
    assert [run["run_id"] for run in rest["runs"]] == made[:1]
    assert gateway.api.get(path, params={"after": "@1"}).json() == {"success": True, "runs": [], "after": None}
    assert gateway.api.get(path, params={"after": "@x"}).status_code == 400


def test_a_log_that_has_made_room_is_expired_from_wherever_it_is_read(gateway_factory, closing):
    gateway = gateway_factory("--run-store-bytes", "1MiB")
    first, second = (Owner.create(gateway.api) for _ in range(2))
    part = "a" * (200 << 10)
    for owner in (first, second):
        for _ in range(3):
            owner.append(part)
        owner.end()
    path, whole = f"/v1/stream/{first.run_id}", (3 * part).encode()
    for offset in ("-1", cursor(1, b"a"), cursor(1, b"b"), cursor(1, whole + b"a")):
        assert_refused(gateway.api.get(path, params={"offset": offset}), 410, "expired")
        stream = closing(RunStream(gateway.url, first.run_id, gateway.api_key, {"offset": offset, "live": "sse"}))
        assert (stream.status, stream.body["code"]) == (410, "expired"), offset
    assert gateway.api.get(path, params={"offset": cursor(1, whole)}).text == ""
