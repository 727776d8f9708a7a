"""What a client gets is what it wants and its session grants, whenever either changes."""

import time

import pytest

from support.wait import eventually

GUIDE, CONTENT, INSIGHTS = "guide", "pillar:content", "pillar:insights"
CHANNELS = (GUIDE, CONTENT, INSIGHTS)
# context.channels; None: left out, and so all of them.
GRANTS = [None, [], [GUIDE], [CONTENT], [GUIDE, CONTENT], [CONTENT, INSIGHTS]]


def granted(grant) -> set:
    return set(CHANNELS if grant is None else grant)


def context(grant) -> dict:
    return {} if grant is None else {"channels": grant}


@pytest.fixture
def user():
    return f"user-{time.monotonic_ns()}"


@pytest.fixture
def connect(gateway, user):
    def connect(grant):
        session = gateway.new_session(user_id=user, context=context(grant))
        return gateway.connect(session), session

    return connect


def receives(gateway, client) -> set:
    """The channels whose publications reach the client."""
    for channel in CHANNELS:
        gateway.api.publish(channel, {"probe": channel})
    received = [message["probe"] for message in gateway.received_by(client)]
    assert len(received) == len(set(received)), received
    return set(received)


def recorded(gateway, client) -> set:
    """The channels on which the registry lists it."""
    return {c for c in CHANNELS if client.connection_id in gateway.api.channel_connections(c)}


def assert_gets(gateway, client, channels):
    assert receives(gateway, client) == channels
    eventually(lambda: recorded(gateway, client) == channels)


def assert_answer(answer, kind, allowed):
    if allowed:
        assert answer["type"] == kind, answer
    else:
        assert (answer["type"], answer["code"]) == ("error", "forbidden_channel"), answer


def control(client, kind, channel):
    return client.ask({"type": kind, "channel": channel})


@pytest.mark.parametrize("grant", GRANTS, ids=str)
class TestGranted:
    def test_from_the_start(self, gateway, connect, grant):
        client, _ = connect(grant)
        assert_gets(gateway, client, {GUIDE} & granted(grant))

    def test_by_subscribing(self, gateway, connect, grant):
        client, _ = connect(grant)
        for channel in CHANNELS:
            assert_answer(control(client, "subscribe", channel), "subscribe", channel in granted(grant))
        assert_gets(gateway, client, granted(grant))

    def test_by_sending(self, gateway, connect, grant):
        client, _ = connect(grant)
        for channel in CHANNELS:
            assert_answer(client.say(channel, id=channel), "ack", channel in granted(grant))
        assert_gets(gateway, client, granted(grant))

    def test_unsubscribing_is_always_allowed(self, gateway, connect, grant):
        client, session = connect(grant)
        for channel in CHANNELS:
            assert_answer(control(client, "unsubscribe", channel), "unsubscribe", True)
        gateway.api.patch_session(session, context=context(None))
        assert_gets(gateway, client, set())

    @pytest.mark.parametrize("later", GRANTS, ids=str)
    def test_after_the_session_has_changed(self, gateway, connect, grant, later):
        client, session = connect(grant)
        for channel in granted(grant):
            control(client, "subscribe", channel)
        wanted = {GUIDE} | granted(grant)
        for now in (later, [], None, grant):
            gateway.api.patch_session(session, context=context(now))
            assert_gets(gateway, client, wanted & granted(now))

    @pytest.mark.parametrize("later", GRANTS, ids=str)
    def test_after_a_fresh_session(self, gateway, connect, user, grant, later):
        client, _ = connect(grant)
        for channel in granted(grant):
            control(client, "subscribe", channel)
        wanted = {GUIDE} | granted(grant)
        for now in (later, None):
            fresh = gateway.new_session(user_id=user, context=context(now))
            assert client.ask({"type": "authenticate", "session_token": fresh})["type"] == "authenticated"
            assert_gets(gateway, client, wanted & granted(now))


def test_what_was_taken_away_can_be_left_for_good(gateway, connect):
    client, session = connect([GUIDE, CONTENT])
    control(client, "subscribe", CONTENT)
    gateway.api.patch_session(session, context=context([GUIDE]))
    assert_answer(control(client, "unsubscribe", CONTENT), "unsubscribe", True)
    gateway.api.patch_session(session, context=context(None))
    assert_gets(gateway, client, {GUIDE})


def test_a_refused_subscription_is_not_remembered(gateway, connect):
    client, session = connect([GUIDE])
    assert_answer(control(client, "subscribe", CONTENT), "subscribe", False)
    assert_answer(client.say(INSIGHTS, id=1), "ack", False)
    gateway.api.patch_session(session, context=context(None))
    assert_gets(gateway, client, {GUIDE})


def test_an_unknown_channel_can_not_be_left(gateway, connect):
    client, _ = connect(None)
    assert control(client, "unsubscribe", "nowhere")["code"] == "unknown_channel"


class TestAnonymous:
    @pytest.fixture
    def anonymous(self, gateway_factory):
        def connect(*flags):
            gateway = gateway_factory("--session-policy", "optional", *flags)
            return gateway, gateway.connect("")

        return connect

    def test_by_default_it_may_use_every_channel(self, anonymous):
        gateway, client = anonymous()
        for channel in CHANNELS:
            assert_answer(control(client, "subscribe", channel), "subscribe", True)
        assert_gets(gateway, client, set(CHANNELS))

    @pytest.mark.parametrize("grant", [[GUIDE], [CONTENT], [CONTENT, INSIGHTS]], ids=str)
    def test_the_setting_narrows_it(self, anonymous, grant):
        gateway, client = anonymous("--anonymous-channels", ",".join(grant))
        assert_gets(gateway, client, {GUIDE} & granted(grant))
        for channel in CHANNELS:
            assert_answer(control(client, "subscribe", channel), "subscribe", channel in grant)
            assert_answer(client.say(channel, id=channel), "ack", channel in grant)
        assert_gets(gateway, client, set(grant))

    def test_a_session_is_not_narrowed_by_it(self, anonymous):
        gateway, _ = anonymous("--anonymous-channels", GUIDE)
        client = gateway.connect()
        assert control(client, "subscribe", CONTENT)["status"] == "ok"
        assert_gets(gateway, client, {GUIDE, CONTENT})

    def test_a_token_that_is_refused_gets_no_more_than_none(self, anonymous):
        gateway, _ = anonymous("--anonymous-channels", CONTENT)
        assert_gets(gateway, gateway.connect("unknown"), set())
