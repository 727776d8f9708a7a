"""Who is on a channel, and who comes and goes, for those who may see it."""

import pytest

from support.gateway import Gateway
from support.wait import eventually

GATEWAY_FLAGS = ["--presence", "guide,pillar:content", "--session-policy", "optional"]
PRESENCE = "/api/post-office/websocket/channels/{}/presence"


def ask(client, channel="guide", **fields):
    """The answer; what is told before it is in it."""
    fields = {"id": "asked"} | fields
    client.send({"type": "presence", "channel": channel, **fields})
    answer = next(message for message in iter(client.receive, None) if message.get("id") == fields["id"])
    client.seen = answer.get("revision", 0)
    return answer


def event(client):
    """The next that is told and is not in the list already: what, and of whom."""
    told = client.receive()
    assert told["type"] == "presence" and "event" in told, told
    if told.get("revision", client.seen + 1) <= client.seen:
        return event(client)
    return told["event"], told.get("user_id")


class Room:
    """Connections of one tenant, which nobody else of these tests is in."""

    def __init__(self, gateway, tenant):
        self.gateway = gateway
        self.tenant = tenant

    def enter(self, user, **context):
        session = self.gateway.new_session(user_id=user, context={"tenant_id": self.tenant} | context)
        return self.gateway.connect(session)

    def watched_by(self, user, channel="guide"):
        """Somebody who watches, and has seen himself come."""
        client = self.enter(user)
        ask(client, channel, watch=True)
        if channel == "guide":
            eventually(lambda: user in ask(client)["users"])
        return client


@pytest.fixture
def room(gateway, request):
    return Room(gateway, f"t-{abs(hash(request.node.name))}")


def test_it_names_the_users_each_once(room):
    watcher = room.watched_by("ada")
    room.enter("bob")
    room.enter("bob")
    assert event(watcher) == ("join", "bob")
    shown = ask(watcher, id="p1")
    assert (shown["type"], shown["id"], shown["users"], shown["whole"]) == ("presence", "p1", ["ada", "bob"], True)
    watcher.assert_silent()


def test_a_join_and_a_leave_are_told_and_the_list_is_newer(room):
    watcher = room.watched_by("ada")
    bob = room.enter("bob")
    joined = watcher.receive()
    assert (joined["event"], joined["user_id"], joined["channel"]) == ("join", "bob", "guide")
    assert ask(watcher)["revision"] >= joined["revision"]
    bob.close()
    left = watcher.receive()
    assert (left["event"], left["user_id"]) == ("leave", "bob")
    assert left["revision"] > joined["revision"]
    assert ask(watcher)["users"] == ["ada"]


def test_who_reloads_has_not_left(room):
    watcher = room.watched_by("ada")
    tab = room.enter("bob")
    assert event(watcher) == ("join", "bob")
    again = room.enter("bob")
    tab.close()
    room.enter("carl")
    assert event(watcher) == ("join", "carl"), "nothing of bob in between"
    again.close()
    assert event(watcher) == ("leave", "bob")


def test_subscribing_is_coming_and_unsubscribing_is_going(room):
    watcher = room.watched_by("ada", "pillar:content")
    assert ask(watcher, "pillar:content")["users"] == []
    bob = room.enter("bob")
    bob.ask({"type": "subscribe", "channel": "pillar:content"})
    assert event(watcher) == ("join", "bob")
    bob.ask({"type": "unsubscribe", "channel": "pillar:content"})
    assert event(watcher) == ("leave", "bob")


def test_whoever_does_not_watch_is_told_nothing(room):
    watcher, quiet = room.watched_by("ada"), room.enter("bob")
    assert event(watcher) == ("join", "bob")
    assert ask(quiet)["watch"] is False
    room.enter("carl")
    assert event(watcher) == ("join", "carl")
    quiet.assert_silent()
    assert ask(watcher, watch=False)["watch"] is False
    room.enter("dora")
    eventually(lambda: "dora" in ask(quiet)["users"])
    watcher.assert_silent()


def test_another_tenant_sees_nobody_of_this_one(gateway, room):
    watcher = room.watched_by("ada")
    other = Room(gateway, room.tenant + "-other")
    stranger = other.watched_by("eve")
    assert ask(stranger)["users"] == ["eve"]
    room.enter("bob")
    assert event(watcher) == ("join", "bob")
    stranger.assert_silent()
    watcher.assert_silent()


def test_anonymous_ones_are_not_there_and_see_nobody(gateway, room):
    watcher = room.watched_by("ada")
    nobody = gateway.connect("")
    refused = ask(nobody, watch=True, id=1)
    assert (refused["type"], refused["code"], refused["id"]) == ("error", "forbidden", 1)
    room.enter("bob")
    assert event(watcher) == ("join", "bob")
    nobody.assert_silent()
    assert ask(watcher)["users"] == ["ada", "bob"]


def test_a_channel_that_is_not_granted_or_not_kept_is_refused(room):
    client = room.enter("ada", channels=["guide"])
    assert ask(client, "pillar:content")["code"] == "forbidden_channel"
    assert ask(client, "nowhere")["code"] == "unknown_channel"
    assert ask(room.enter("bob"), "pillar:insights", id=7)["code"] == "forbidden"


def test_a_grant_that_goes_takes_the_watching_with_it(gateway, room):
    session = gateway.new_session(user_id="ada", context={"tenant_id": room.tenant})
    watcher = gateway.connect(session)
    ask(watcher, watch=True)
    context = {"tenant_id": room.tenant, "channels": ["pillar:content"]}
    assert gateway.api.patch(f"/api/traffic-cop/sessions/{session}", {"context": context}).status_code == 200
    eventually(lambda: ask(watcher).get("code") == "forbidden_channel")
    keeper = room.watched_by("bob")
    room.enter("carl")
    assert event(keeper) == ("join", "carl")
    told = [message for message in gateway.received_by(watcher) if message.get("user_id") in ("bob", "carl")]
    assert told == []


def test_a_slot_that_is_used_again_watches_nothing(gateway, room):
    room.watched_by("ada").close()
    eventually(lambda: gateway.api.get(PRESENCE.format("guide"), params={"tenant_id": room.tenant}).json()["users"] == [])
    successors = [room.enter(f"user-{n}") for n in range(20)]
    eventually(lambda: len(ask(successors[0])["users"]) == 20)
    for client in successors:
        client.assert_silent()


def test_the_api_shows_the_same(gateway, room):
    room.enter("ada")
    room.enter("auth0|o'brien@example.org")
    path = PRESENCE.format("guide")
    eventually(lambda: len(gateway.api.get(path, params={"tenant_id": room.tenant}).json()["users"]) == 2)
    shown = gateway.api.get(path, params={"tenant_id": room.tenant}).json()
    assert shown["users"] == ["ada", "auth0|o'brien@example.org"]
    assert (shown["channel"], shown["whole"]) == ("guide", True)
    assert gateway.api.get(PRESENCE.format("pillar:insights")).status_code == 409
    assert gateway.api.get(PRESENCE.format("nowhere")).status_code == 404


def test_where_there_are_too_many_it_says_so_and_is_silent():
    with Gateway("--presence", "*", "--presence-max", "2") as gateway:
        watcher = gateway.connect(gateway.new_session(user_id="ada"))
        ask(watcher, watch=True)
        others = []
        for user in ("bob", "carl", "dora"):
            others.append(gateway.connect(gateway.new_session(user_id=user)))
        told = iter(lambda: event(watcher), None)
        assert ("suspended", None) in told
        eventually(lambda: ask(watcher)["whole"] is False)
        assert ask(watcher)["users"] == ["ada", "bob"]
        for other in others:
            other.close()
        assert event(watcher) == ("refresh", None)
        eventually(lambda: ask(watcher)["users"] == ["ada"])


def test_it_is_off_unless_it_is_asked_for():
    with Gateway() as gateway:
        client = gateway.connect(gateway.new_session(user_id="ada"))
        assert ask(client)["code"] == "forbidden"
        assert gateway.api.get(PRESENCE.format("guide")).status_code == 409
