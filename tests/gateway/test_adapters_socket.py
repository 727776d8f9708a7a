"""/ws?protocol=ai-sdk: AI SDK's own WebSocket frames, and no other message."""

import json
import uuid

import pytest

from support.api import POST_OFFICE, assert_refused
from support.chats import AiSdk, answer_to, new_chat, text_of, user_message
from support.client import DEADLINE, Client
from support.run_engines import ENGINES, run_gateway


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--heartbeat-interval", "500ms") as started:
        yield started


@pytest.fixture
def user():
    return f"user-{uuid.uuid4().hex}"


class Chats:
    """One connection. `answer()` is the frames of a request up to its end."""

    def __init__(self, url):
        self.client = Client(url)

    def close(self):
        self.client.close()

    def send(self, chat, message, request="r1", **more):
        frame = {"type": "send", "requestId": request, "id": chat, "trigger": "submit-message", "messages": [message],
                 "headers": {"Authorization": "secret"}, "body": {"model": "large"}, "metadata": None}  # fmt: skip
        self.client.send(frame | more)

    def resume(self, chat, request="r2", **more):
        self.client.send({"type": "resume", "requestId": request, "id": chat, "headers": {}, "body": {}} | more)

    def abort(self, request):
        self.client.send({"type": "abort", "requestId": request})

    def next(self, timeout=DEADLINE):
        """Whatever comes next: nothing is passed over."""
        return json.loads(self.client.socket.recv(timeout))

    def answer(self, request):
        """Frames of one request, when no other one is open."""
        frames = []
        while not frames or frames[-1]["type"] not in ("end", "error", "no-active"):
            frames.append(self.next())
            assert frames[-1]["requestId"] == request, frames[-1]
        return frames


@pytest.fixture
def connect(gateway, user, closing):
    def open_one(query="&channel=guide", token=None):
        token = token or gateway.new_session(user_id=user)
        return closing(Chats(f"{gateway.ws_url}?session_token={token}&protocol=ai-sdk{query}"))

    return open_one


def chunks_of(frames):
    assert [frame["sequence"] for frame in frames if frame["type"] == "chunk"] == list(
        range(sum(frame["type"] == "chunk" for frame in frames))
    )
    return [frame["chunk"] for frame in frames if frame["type"] == "chunk"]


def test_a_question_and_its_answer(gateway, agent, connect, user):
    chats, chat, message = connect(), new_chat(), user_message()
    chats.send(chat, message)
    answer = answer_to(gateway, agent)
    payload = answer.envelope["message"]["payload"]
    assert payload == {"model": "large", "id": chat, "messages": [message], "trigger": "submit-message"}
    assert answer.envelope["user_id"] == user
    # What an agent sends there he could not read.
    assert answer.envelope["connection_id"] is None
    answer.say("Once ")
    answer.say("upon")
    answer.end()
    frames = chats.answer("r1")
    assert (frames[0]["type"], frames[-1]["type"]) == ("start", "end")
    chunks = chunks_of(frames)
    assert text_of(chunks) == "Once upon"
    assert chunks[0] == {"type": "start", "messageId": answer.run.run_id}
    assert chunks[-1]["type"] == "finish"


def test_i22_the_same_message_over_http_and_here_is_one(gateway, agent, connect, user, closing):
    chats, chat, message = connect(), new_chat(), user_message()
    # As the transports over HTTP send it.
    chats.send(chat, message)
    http = AiSdk(gateway, closing, gateway.new_session(user_id=user))
    stream = http.send(chat, message)
    answer = answer_to(gateway, agent)
    answer.say("once")
    answer.end()
    assert text_of(stream.chunks()) == text_of(chunks_of(chats.answer("r1"))) == "once"
    assert agent.waiting() == 0


def test_resume_is_from_the_start_or_behind_a_chunk(gateway, agent, connect):
    first, chat = connect(), new_chat()
    first.send(chat, user_message())
    answer = answer_to(gateway, agent)
    answer.say("a")
    other = connect()
    other.resume(chat)
    answer.say("b")
    answer.end()
    whole = other.answer("r2")
    assert text_of(chunks_of(whole)) == "ab"
    other.resume(chat, "r3", lastSequence=1)
    rest = other.answer("r3")
    assert [frame["sequence"] for frame in rest if frame["type"] == "chunk"][0] == 2
    assert [f["chunk"] for f in rest if f["type"] == "chunk"] == chunks_of(whole)[2:]


def test_nothing_to_resume(gateway, agent, connect, closing):
    chats = connect()
    chats.resume(new_chat())
    assert chats.next() == {"type": "no-active", "requestId": "r2"}
    # A foreign chat is none.
    eve, chat = AiSdk(gateway, closing, gateway.new_session(user_id="eve")), new_chat()
    eve.send(chat, user_message())
    chats.resume(chat)
    assert chats.next() == {"type": "no-active", "requestId": "r2"}


def test_abort_cancels_and_closing_does_not(gateway, agent, connect):
    chats = connect()
    chats.send(new_chat(), user_message(), "r1")
    first = answer_to(gateway, agent)
    chats.send(new_chat(), user_message(), "r2")
    second = answer_to(gateway, agent)
    chats.abort("r1")
    assert first.run.heartbeat(wait_ms=4000).json()["cancel_requested"] is True
    first.end("cancelled")
    chats.close()
    second.say("goes on")
    assert second.run.record()["cancel_requested"] is False


def test_two_requests_at_once(gateway, agent, connect):
    chats = connect()
    answers = {}
    for request in ("r1", "r2"):
        chats.send(new_chat(), user_message(), request)
        answers[request] = answer_to(gateway, agent)
    for request, answer in answers.items():
        answer.say(request)
        answer.end()
    frames = []
    while sum(frame["type"] == "end" for frame in frames) < 2:
        frames.append(chats.next())
    for request in answers:
        assert text_of(chunks_of([frame for frame in frames if frame["requestId"] == request])) == request


def test_nothing_but_its_frames(gateway, agent, api, connect, user):
    """No welcome, no JSON ping in two intervals, nothing that agents send or realms publish."""
    chats = connect()
    chats.resume(new_chat(), "r8")
    assert chats.next() == {"type": "no-active", "requestId": "r8"}
    api.publish("guide", {"for": "clients of the gateway's own"})
    # Nor is he counted among those who got it.
    assert_refused(gateway.api.post(f"{POST_OFFICE}/send", {"user_id": user, "message": {"for": "him"}}), 404, "not_found")
    with pytest.raises(TimeoutError):
        chats.next(timeout=1.2)
    chats.resume(new_chat(), "r9")
    assert chats.next() == {"type": "no-active", "requestId": "r9"}


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ({"type": "send", "id": "c", "messages": []}, "messages"),
        ({"type": "send", "id": "a b", "messages": [{}]}, "id (of the chat)"),
        ({"type": "resume"}, "id (of the chat)"),
        ({"type": "say"}, "type must be"),
    ],
)
def test_a_frame_is_told_what_is_wrong_with_it(connect, frame, says):
    chats = connect()
    chats.client.send({"requestId": "r1", **frame})
    told = chats.next()
    assert (told["type"], told["requestId"]) == ("error", "r1")
    assert says in told["errorText"]


def test_the_channel_may_stand_in_the_body(gateway, agent, connect):
    chats = connect("")
    chats.send(new_chat(), user_message(), "r1")
    assert "channel is missing" in chats.next()["errorText"]
    chats.send(new_chat(), user_message(), "r2", body={"channel": "nobodys"})
    assert "no such channel" in chats.next()["errorText"]
    chats.send(new_chat(), user_message(), "r3", body={"channel": "guide"})
    answer_to(gateway, agent).end()
    assert chats.answer("r3")[-1]["type"] == "end"


def test_the_same_request_twice(gateway, agent, connect):
    chats, chat, message = connect(), new_chat(), user_message()
    chats.send(chat, message)
    answer_to(gateway, agent)
    assert chats.next()["type"] == "start"
    chats.send(chat, message)
    frame = chats.next()
    while frame["type"] == "chunk":
        frame = chats.next()
    assert "requestId" in frame["errorText"]


def test_a_chat_that_has_grown_too_long_is_told_so(gateway, agent, connect):
    chats, chat = connect(), new_chat()
    chats.send(chat, user_message("x" * 100_000))
    told = chats.next()
    assert (told["type"], told["requestId"]) == ("error", "r1")
    assert "max-message-bytes" in told["errorText"]
    chats.send(chat, user_message(), "r2")
    answer_to(gateway, agent).end()
    assert chats.answer("r2")[-1]["type"] == "end"
