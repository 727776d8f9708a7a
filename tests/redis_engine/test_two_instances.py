"""Two gateways on one Redis are one gateway to those who use them."""

import time

import pytest

from support.cluster import seconds_until
from support.redis_agent import RedisAgent
from support.wait import eventually


@pytest.fixture
def pair(cluster):
    return cluster.start(), cluster.start()


def timed_receive(client, record_property):
    start = time.monotonic()
    message = client.receive()
    record_property("across instances after, s (promised 1)", time.monotonic() - start)
    return message


class TestSend:
    @pytest.mark.parametrize("by", ["connection_id", "session_id", "session_ref", "user_id"])
    def test_it_finds_the_connection_wherever_it_is(self, pair, record_property, by):
        here, there = pair
        session = here.new_session(user_id="ada")
        client = there.connect(session)
        targets = {
            "connection_id": client.connection_id,
            "session_id": session,
            "session_ref": here.api.session(session)["session_ref"],
            "user_id": "ada",
        }
        answer = here.api.send({"n": 1}, **{by: targets[by]})
        assert answer["delivered"] == 1 if by != "connection_id" else answer["status"] == "sent"
        assert timed_receive(client, record_property) == {"n": 1}

    def test_to_all_of_a_user_on_both(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada")
        clients = [here.connect(session), there.connect(session), there.connect(session)]
        assert here.api.send({"n": 2}, user_id="ada")["delivered"] == 3
        for client in clients:
            assert client.receive() == {"n": 2}
            client.assert_silent()

    def test_nobody_is_404_on_both(self, pair):
        here, there = pair
        client = there.connect()
        client.close()
        eventually(lambda: here.api.connection_record(client.connection_id).status_code == 404, 10)
        body = {"connection_id": client.connection_id, "message": {}}
        assert here.api.post("/api/post-office/websocket/send", body).status_code == 404

    def test_order_holds_across_instances(self, pair):
        here, there = pair
        client = there.connect()
        for n in range(200):
            here.api.send({"n": n}, connection_id=client.connection_id)
        assert [client.receive()["n"] for _ in range(200)] == list(range(200))


class TestPublish:
    def test_everyone_subscribed_receives_it_once(self, pair, record_property):
        here, there = pair
        clients = [here.connect(), there.connect()]
        here.api.publish("guide", {"news": 1})
        for client in clients:
            assert timed_receive(client, record_property) == {"news": 1}
            client.assert_silent()

    def test_of_that_tenant_alone(self, pair):
        here, there = pair
        acme = there.connect(here.new_session(context={"tenant_id": "acme"}))
        other = there.connect(here.new_session(user_id="eve", context={"tenant_id": "other"}))
        here.api.publish("guide", {"for": "acme"}, tenant_id="acme")
        here.api.publish("guide", {"for": "all"})
        assert [acme.receive(), acme.receive()] == [{"for": "acme"}, {"for": "all"}]
        assert other.receive() == {"for": "all"}


class TestAgentStreams:
    def test_an_agent_on_one_hears_clients_of_both(self, pair):
        here, there = pair
        agent = here.subscribe("guide")
        for gateway in pair:
            client = gateway.connect()
            assert client.say(id=1)["status"] == "published"
            assert agent.envelope()["connection_id"] == client.connection_id

    def test_agents_on_both_hear_all_once(self, pair):
        agents = [gateway.subscribe("guide") for gateway in pair]
        clients = [gateway.connect() for gateway in pair]
        for n in range(20):
            assert clients[n % 2].say(id=n)["status"] == "published"
        for agent in agents:
            assert [event.json()["message"]["id"] for event in agent.take(20)] == list(range(20))
            assert agent.waiting() == 0

    def test_what_waits_on_one_is_delivered_to_an_agent_on_the_other(self, pair, record_property):
        here, there = pair
        client = there.connect()
        for n in range(100):
            assert client.say(id=n)["status"] == "published", "the inbox holds it"
        agent = here.subscribe("guide")
        start = time.monotonic()
        assert [event.json()["message"]["id"] for event in agent.take(100)] == list(range(100))
        record_property("what waited is there after, s (promised 1)", time.monotonic() - start)


class TestSessions:
    def test_one_made_here_opens_a_connection_there(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada", context={"tenant_id": "acme"})
        told = there.api.session(session)
        assert (told["user_id"], told["status"], told["context"]) == ("ada", "active", {"tenant_id": "acme"})
        assert there.api.validate_session(session)["valid"] is True
        client = there.connect(session)
        assert here.api.session_connections(session) == [client.connection_id]

    def test_its_id_is_taken_everywhere(self, pair):
        here, there = pair
        here.new_session(session_id="chosen-by-a-caller")
        answer = there.api.post("/api/traffic-cop/sessions", {"session_id": "chosen-by-a-caller", "user_id": "eve"})
        assert answer.status_code == 409

    @pytest.mark.parametrize("end", ["suspend", "delete"])
    def test_its_end_closes_connections_everywhere(self, pair, record_property, end):
        here, there = pair
        session = here.new_session(user_id="ada")
        clients = [here.connect(session), there.connect(session)]
        bystander = there.connect(here.new_session(user_id="ada"))
        start = time.monotonic()
        if end == "suspend":
            assert here.api.patch_session(session, status="suspended")["status"] == "suspended"
        else:
            assert here.api.delete_session(session)["status"] == "inactive"
        for client in clients:
            assert client.closed()[0] == 4003
        record_property("closed everywhere after, s (promised 1)", time.monotonic() - start)
        bystander.assert_silent()
        assert there.api.validate_session(session)["valid"] is False

    def test_an_expiry_that_is_changed_here_counts_there(self, pair):
        here, there = pair
        session = here.new_session(ttl_seconds=3600)
        client = there.connect(session)
        here.api.patch_session(session, ttl_seconds=1)
        assert client.closed()[0] == 4003

    def test_it_may_be_renewed_by_another_made_elsewhere(self, pair):
        here, there = pair
        client = there.connect(here.new_session(user_id="ada", ttl_seconds=3))
        fresh = here.new_session(user_id="ada")
        assert client.ask({"type": "authenticate", "session_token": fresh})["type"] == "authenticated"
        eventually(lambda: here.api.session_connections(fresh) == [client.connection_id], 5)


class TestLimits:
    def test_a_users_limit_is_of_all_instances_together(self, cluster):
        pair = [cluster.start("--max-connections-per-user", "3") for _ in range(2)]
        session = pair[0].new_session(user_id="ada")
        clients = [pair[n % 2].connect(session) for n in range(3)]
        for gateway in pair:
            peer = gateway.raw_connect(session)
            frame = peer.next_frame()
            assert (frame.opcode, frame.close_code) == (8, 4004)
        clients[0].close()

        def admitted():
            peer = pair[1].raw_connect(session)
            return peer.next_frame().opcode == 1

        eventually(admitted, 10)

    def test_when_many_come_at_once_exactly_the_limit_gets_in(self, cluster):
        pair = [cluster.start("--max-connections-per-user", "5") for _ in range(2)]
        session = pair[0].new_session(user_id="ada")
        peers = [pair[n % 2].raw_connect(session) for n in range(30)]
        first = [peer.next_frame() for peer in peers]
        assert sorted(frame.opcode for frame in first) == [1] * 5 + [8] * 25


class TestCounts:
    def test_they_are_of_all_instances(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada")
        here.connect(session), there.connect(session)
        there.connect(here.new_session(user_id="grace")).ask({"type": "subscribe", "channel": "pillar:content"})

        def right():
            for gateway in pair:
                counts = gateway.api.connection_count()
                assert counts["global"] == 3
                assert counts["per_user"] == {"ada": 2, "grace": 1}
                assert counts["by_gateway"] == {here.instance_id: 1, there.instance_id: 2}
                assert counts["by_channel"]["guide"] == 3 and counts["by_channel"]["pillar:content"] == 1
            return True

        eventually(right, 10)

    def test_records_and_channels_are_seen_from_everywhere(self, pair):
        here, there = pair
        client = there.connect()
        assert here.api.connection_record(client.connection_id).status_code == 200
        assert here.api.channel_connections("guide") == [client.connection_id]
        client.close()
        seconds_until(lambda: here.api.channel_connections("guide") == [], 10)


class TestMessageIds:
    def test_a_clients_id_counts_on_any_instance(self, pair, redis, closing):
        agent = closing(RedisAgent(redis, "guide"))
        session = pair[0].new_session()
        first, second = (gateway.connect(session, query="&client_id=browser-1") for gateway in pair)
        assert first.say(id="m1")["status"] == "published"
        assert second.say(id="m1")["status"] == "duplicate"
        assert second.say(id="m2")["status"] == "published"
        assert first.say(id="m2")["status"] == "duplicate"
        assert [agent.next()["message"]["id"] for _ in range(2)] == ["m1", "m2"]
        assert agent.waiting() == 0

    def test_what_waits_is_known_too(self, pair):
        session = pair[0].new_session()
        first, second = (gateway.connect(session, query="&client_id=browser-1") for gateway in pair)
        assert first.say(id=7)["status"] == "published"
        assert second.say(id=7)["status"] == "duplicate"

    def test_without_a_client_id_it_is_the_connections_own(self, pair, redis, closing):
        closing(RedisAgent(redis, "guide"))
        session = pair[0].new_session()
        for gateway in pair:
            assert gateway.connect(session).say(id="m1")["status"] == "published"

    def test_another_sessions_client_of_the_same_name_is_another(self, pair, redis, closing):
        closing(RedisAgent(redis, "guide"))
        for gateway in pair:
            client = gateway.connect(gateway.new_session(), query="&client_id=browser-1")
            assert client.say(id="m1")["status"] == "published"


class TestOperating:
    """Who is where, as each of them tells; and closing it, wherever it is."""

    def test_both_list_the_connections_and_sessions_of_both(self, pair):
        here, there = pair
        clients = [here.connect(here.new_session(user_id="ada")), there.connect(here.new_session(user_id="ada"))]
        expected = {(client.connection_id, client.welcome["instance_id"]) for client in clients}
        for one in pair:
            listed = one.api.connections(user_id="ada", limit=1)
            assert {(record["connection_id"], record["gateway_instance_id"]) for record in listed} == expected
            assert len(one.api.connections(instance=there.instance_id)) == 1
            assert len(one.api.sessions(user_id="ada", limit=1)) == 2

    @pytest.mark.parametrize("code", [1012, 4010])
    def test_the_instance_of_a_connection_closes_it(self, pair, code):
        here, there = pair
        client = there.connect(here.new_session(user_id="ada"))
        assert here.api.disconnect(connection_id=client.connection_id, code=code)["closing"] == 1
        assert client.closed()[0] == code
        eventually(lambda: here.api.connections(user_id="ada") == [])

    def test_all_of_a_user_on_both(self, pair):
        here, there = pair
        session = here.new_session(user_id="ada")
        clients = [here.connect(session), there.connect(session), there.connect(session)]
        assert here.api.disconnect(user_id="ada")["closing"] == 3
        assert [client.closed()[0] for client in clients] == [1012] * 3

    def test_a_session_is_suspended_by_its_reference(self, pair):
        here, there = pair
        client = there.connect(here.new_session(user_id="ada"))
        (session,) = here.api.sessions(user_id="ada")
        here.api.patch_session(f"ref:{session['session_ref']}", status="suspended")
        assert client.closed()[0] == 4003

    def test_each_tells_of_both(self, pair):
        here, there = pair
        client = there.connect()
        eventually(lambda: here.api.instances().get(there.instance_id, {}).get("connections") == 1)
        assert set(here.api.instances()) == {here.instance_id, there.instance_id}
        assert client.welcome
