"""AI SDK's chats over SSE: POST /api/chat, GET …/stream, POST …/stop."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.api import assert_refused
from support.chats import DONE, AiSdk, answer_to, new_chat, text_of, user_message
from support.run_engines import ENGINES, instances, run_gateway
from support.runs import Run
from support.wait import eventually


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


@pytest.fixture
def user(gateway, closing):
    """Somebody of the test's own."""
    return lambda: AiSdk(gateway, closing, gateway.new_session(user_id=f"user-{uuid.uuid4().hex}"))


@pytest.fixture
def ada(user):
    return user()


@pytest.fixture
def chat():
    return new_chat()


class TestAnswers:
    def test_the_head_and_the_whole_answer(self, gateway, agent, ada, chat):
        stream = ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        run_id = answer.run.run_id
        assert stream.headers["x-workflow-run-id"] == run_id
        assert stream.headers["Location"] == f"/api/chat/{run_id}/stream"
        assert stream.headers["x-vercel-ai-ui-message-stream"] == "v1"
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.headers["X-Accel-Buffering"] == "no"
        for word in ("Once ", "upon ", "a time"):
            answer.say(word)
        answer.end()
        events = stream.rest()
        assert stream.was_cut is False
        assert events[-1].data == DONE
        chunks = [event.json() for event in events[:-1]]
        assert text_of(chunks) == "Once upon a time"
        assert chunks[0] == {"type": "start", "messageId": run_id}
        assert [chunk["type"] for chunk in chunks].count("finish") == 1
        assert chunks[-1]["type"] == "finish"

    def test_the_agent_hears_who_asks_and_what(self, gateway, agent, ada, chat):
        message = user_message("What is a run?")
        ada.send(chat, message, extra={"model": "large"})
        envelope = agent.envelope()
        assert envelope["message"] == {"channel": "guide", "payload": ada.body(chat, message, extra={"model": "large"})}
        run_id = envelope["run"]["run_id"]
        assert envelope["run"] == {"run_id": run_id, "thread_id": chat, "format": "ai-sdk", "protocol": "ai-sdk"}
        assert envelope["user_id"].startswith("user-")
        assert envelope["session_ref"]
        assert envelope["connection_id"] is None
        record = gateway.api.get(f"/api/post-office/runs/{run_id}").json()
        assert (record["status"], record["to"], record["thread_id"]) == ("queued", {"user_id": envelope["user_id"]}, chat)

    def test_chunks_of_the_agents_own_pass_as_they_are(self, gateway, agent, ada, chat):
        stream = ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        answer.items({"type": "start-step"}, {"type": "data-weather", "data": {"°C": 21.50}})
        answer.end()
        assert {"type": "data-weather", "data": {"°C": 21.5}} in stream.chunks()

    @pytest.mark.parametrize(
        ("how", "reason", "last"),
        [("completed", "stop", "finish-step"), ("failed", "error", "error"), ("cancelled", "other", "abort")],
    )
    def test_i25_one_finish_at_the_end_whatever_happened(self, gateway, agent, ada, chat, how, reason, last):
        stream = ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        answer.say("so far")
        error = {"error": {"code": "broken", "message": "no more"}} if how == "failed" else {}
        answer.end(how, **error)
        chunks = stream.chunks()
        assert chunks[-1] == {"type": "finish", "finishReason": reason}
        assert chunks[-2]["type"] == last
        assert [chunk["type"] for chunk in chunks].count("text-end") == 1


    def test_i25_an_ended_session_cuts_it(self, gateway, agent, ada, chat):
        stream = ada.send(chat, user_message())
        answer_to(gateway, agent).say("half")
        gateway.api.delete_session(ada.token)
        assert all(event.data != DONE for event in stream.rest())
        assert stream.was_cut is True
        assert ada.resume(chat).status == 401


class TestOnce:
    def test_i22_the_same_message_is_one_run_and_one_envelope(self, gateway, agent, ada, chat, closing):
        message = user_message()
        askers = [AiSdk(instance, closing, ada.token) for instance in instances(gateway)]
        with ThreadPoolExecutor(8) as pool:
            streams = list(pool.map(lambda n: askers[n % len(askers)].send(chat, message), range(8)))
        answer = answer_to(gateway, agent)
        assert {stream.headers["x-workflow-run-id"] for stream in streams} == {answer.run.run_id}
        answer.say("once")
        answer.end()
        assert [text_of(stream.chunks()) for stream in streams] == ["once"] * 8
        assert agent.waiting() == 0
        # And when it is over, for as long as the record is there.
        assert text_of(ada.send(chat, message).chunks()) == "once"
        assert agent.waiting() == 0

    def test_another_one_waits_for_its_end(self, gateway, agent, ada, chat):
        ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        refused = assert_refused(ada.post(ada.body(chat, user_message("And?"))), 409, "run_active")
        assert refused["run_id"] == answer.run.run_id
        answer.end()
        ada.send(chat, user_message("And?"))
        assert answer_to(gateway, agent).run.run_id != answer.run.run_id

    def test_an_edited_message_is_another_one(self, gateway, agent, ada, chat):
        ada.send(chat, user_message("one", "m1"))
        answer_to(gateway, agent).end()
        ada.send(chat, user_message("two", "m1"), messageId="m1")
        assert agent.envelope()["message"]["payload"]["messages"][0]["parts"][0]["text"] == "two"

    def test_another_answer_after_one_that_went_wrong(self, gateway, agent, ada, chat):
        message = user_message()
        again = {"trigger": "regenerate-message"}
        ada.send(chat, message)
        answer_to(gateway, agent).end("failed")
        ada.send(chat, message, **again)
        second = answer_to(gateway, agent)
        second.end("failed")
        ada.send(chat, message, **again)
        third = answer_to(gateway, agent)
        assert third.run.run_id != second.run.run_id
        # The same click, sent twice.
        assert ada.send(chat, message, **again).headers["x-workflow-run-id"] == third.run.run_id

    def test_another_answer_after_one_that_is_over(self, gateway, agent, ada, chat):
        message = user_message()
        ada.send(chat, message)
        answer_to(gateway, agent).end()

        def click():
            stream = ada.send(chat, message, trigger="regenerate-message")
            return stream.headers["x-workflow-run-id"]

        told = [click()]
        for _ in range(2):
            answer_to(gateway, agent).end()
            # At once it is the same click, sent twice.
            assert click() == told[-1]
            told.append(eventually(lambda: (now := click()) not in told and now))
        assert len(set(told)) == 3

    def test_the_same_words_of_two_users_are_two_runs(self, gateway, agent, user, chat):
        message = user_message()
        ids = {user().send(chat, message).headers["x-workflow-run-id"] for _ in range(2)}
        assert len(ids) == 2

    def test_a_message_without_a_chat_is_always_new(self, gateway, agent, ada):
        body = {"messages": [user_message()]}
        ids = [ada.stream("/api/chat", {"channel": "guide"}, post=body).headers["x-workflow-run-id"] for _ in range(2)]
        assert ids[0] != ids[1]


class TestGoingOn:
    def test_by_chat_from_the_start(self, gateway, agent, ada, chat):
        ada.send(chat, user_message()).close()
        answer = answer_to(gateway, agent)
        answer.say("Once ")
        stream = ada.resume(chat)
        answer.say("more")
        answer.end()
        assert text_of(stream.chunks()) == "Once more"

    def test_by_run_from_a_chunk_on(self, gateway, agent, ada, chat):
        whole = ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        answer.say("Once ")
        answer.say("more")
        answer.end()
        events = whole.rest()[:-1]
        for start in (0, 1, len(events) - 1):
            some = ada.resume(answer.run.run_id, startIndex=start).rest()
            assert [event.data for event in some] == [event.data for event in events[start:]] + [DONE]
        tail = ada.resume(answer.run.run_id, startIndex=-2)
        assert tail.headers["x-workflow-stream-tail-index"] == str(len(events) - 1)
        assert [event.data for event in tail.rest()] == [event.data for event in events[-2:]] + [DONE]
        behind = ada.resume(answer.run.run_id, headers={"Last-Event-ID": events[2].id})
        assert [event.data for event in behind.rest()][:-1] == [event.data for event in events[3:]]

    def test_i26_there_is_nothing_behind_the_end(self, gateway, agent, ada, chat):
        whole = ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        answer.end()
        count = len(whole.rest()) - 1
        assert ada.resume(answer.run.run_id, startIndex=count).status == 204
        beyond = ada.resume(answer.run.run_id, startIndex=count + 1)
        assert (beyond.status, beyond.body["code"]) == (400, "invalid_argument")

    def test_204_where_nothing_is(self, ada):
        assert ada.resume(new_chat()).status == 204

    def test_i28_a_foreign_one_is_as_one_that_is_not_there(self, gateway, agent, ada, user, chat):
        ada.send(chat, user_message())
        run_id = answer_to(gateway, agent).run.run_id
        eve, nobodys = user(), f"run_{uuid.uuid4().hex}"
        api = gateway.api_with(None)

        def bytes_of(method, path):
            response = api.request(method, path, headers=eve.headers())
            return response.status_code, response.content

        assert bytes_of("GET", f"/api/chat/{run_id}/stream") == bytes_of("GET", f"/api/chat/{nobodys}/stream")
        assert bytes_of("GET", f"/api/chat/{run_id}/stream")[0] == 404
        assert bytes_of("GET", f"/api/chat/{chat}/stream") == bytes_of("GET", f"/api/chat/{new_chat()}/stream") == (204, b"")
        for name, other in ((run_id, nobodys), (chat, new_chat())):
            assert bytes_of("POST", f"/api/chat/{name}/stop") == bytes_of("POST", f"/api/chat/{other}/stop")
            assert bytes_of("POST", f"/api/chat/{name}/stop")[0] == 404


class TestStopping:
    @pytest.mark.parametrize("by", ["chat", "run"])
    def test_it_reaches_the_agent_and_everybody_hears_of_it(self, gateway, agent, ada, chat, by):
        stream = ada.send(chat, user_message())
        answer = answer_to(gateway, agent)
        answer.say("half")
        stopped = ada.stop(chat if by == "chat" else answer.run.run_id)
        assert (stopped.status_code, stopped.json()["status"]) == (202, "asked")
        assert answer.run.heartbeat().json()["cancel_requested"] is True
        answer.end("cancelled")
        assert [chunk["type"] for chunk in stream.chunks()][-2:] == ["abort", "finish"]
        assert ada.stop(chat).json()["status"] == "ended"

    def test_i14_closing_stops_nothing(self, gateway, agent, ada, chat):
        ada.send(chat, user_message()).close()
        answer = answer_to(gateway, agent)
        answer.say("still")
        assert answer.run.record()["cancel_requested"] is False


class TestForeignThreads:
    def test_a_thread_of_ag_ui_is_no_chat(self, gateway, agent, ada, chat):
        body = {"threadId": chat, "runId": uuid.uuid4().hex, "messages": []}
        ada.stream("/ag-ui/agent/guide/run", {}, post=body)
        run = answer_to(gateway, agent).run
        assert ada.resume(chat).status == 204
        assert ada.stop(chat).status_code == 404
        assert_refused(ada.stop(run.run_id), 409, "wrong_format")
        assert run.record()["cancel_requested"] is False
        # And nothing to wait for.
        ada.send(chat, user_message())
        assert answer_to(gateway, agent).envelope["run"]["format"] == "ai-sdk"

    def test_a_chat_of_another_channel(self, gateway, agent, ada, chat):
        ada.send(chat, user_message())
        run = answer_to(gateway, agent).run
        other = {"channel": "pillar:content"}
        assert ada.resume(chat, **other).status == 204
        assert ada.resume(run.run_id, **other).status == 404
        assert ada.resume(chat, channel="guide").status == 200


class TestWrong:
    @pytest.mark.parametrize(
        ("body", "names"),
        [
            ([], "JSON object"),
            ({}, "messages"),
            ({"messages": []}, "messages"),
            ({"messages": [1]}, "messages"),
            ({"id": "a b", "messages": [{}]}, "id (of the chat)"),
            ({"id": 5, "messages": [{}]}, "id (of the chat)"),
            ({"trigger": "now", "messages": [{}]}, "trigger"),
        ],
    )
    def test_a_body_is_told_what_is_wrong_with_it(self, ada, body, names):
        assert names in assert_refused(ada.post(body), 400, "invalid_argument")["error"]

    def test_channels(self, gateway, ada, chat):
        body = ada.body(chat, user_message())
        for channel, status in (("nobodys", 404), ("", 400)):
            ada.channel = channel
            assert_refused(ada.post(body), status)
        narrow = gateway.new_session(user_id="narrow", context={"channels": ["pillar:content"]})
        ada.channel, ada.token = "guide", narrow
        assert_refused(ada.post(body), 403, "permission_denied")

    def test_who_shows_nothing_or_something_wrong(self, ada, chat):
        body = ada.body(chat, user_message())
        for token in (None, "nobodys"):
            ada.token = token
            assert_refused(ada.post(body), 401)

    def test_one_larger_than_a_message_may_be(self, ada, chat):
        refused = assert_refused(ada.post(ada.body(chat, user_message("x" * 70_000))), 413, "too_large")
        assert "max-message-bytes" in refused["error"]

    def test_a_chat_that_is_named_as_a_run(self, gateway, agent, ada):
        name = f"run_{uuid.uuid4().hex}"
        refused = assert_refused(ada.post(ada.body(name, user_message())), 400, "invalid_argument")
        assert "names a run" in refused["error"]
        # Shorter, it is a chat as any other.
        ada.send(name[:-1], user_message())
        answer_to(gateway, agent).say("found")
        assert ada.resume(name[:-1]).status == 200

    def test_a_run_of_another_format(self, gateway, api, user):
        ada = user()
        owner = gateway.api_with(None).get("/ag-ui/info", headers=ada.headers())
        assert owner.status_code == 200
        run = Run.create(api, format="text")
        wrong = gateway.api.get(f"/api/chat/{run.run_id}/stream")
        assert_refused(wrong, 409, "wrong_format")

    def test_too_many_at_a_time(self, gateway, agent, ada):
        answers = [ada.post]
        statuses = []
        for _ in range(40):
            stream = ada.send(new_chat(), user_message())
            statuses.append((stream.status, (stream.body or {}).get("code")))
        assert (429, "too_many_runs") in statuses
        assert statuses[0] == (200, None), answers


class TestKeys:
    def test_what_a_key_asks_is_its_channels_unless_it_says_whose(self, gateway, agent, closing):
        key = AiSdk(gateway, closing, gateway.api_key)
        key.send(new_chat(), user_message())
        run_id = answer_to(gateway, agent).run.run_id
        assert gateway.api.get(f"/api/post-office/runs/{run_id}").json()["to"] is None
        chat, query = new_chat(), {"channel": "guide", "user_id": "ada"}
        key.stream("/api/chat", query, post=key.body(chat, user_message()))
        run_id = answer_to(gateway, agent).run.run_id
        assert gateway.api.get(f"/api/post-office/runs/{run_id}").json()["to"] == {"user_id": "ada"}
        # And she finds it.
        ada = AiSdk(gateway, closing, gateway.new_session(user_id="ada"))
        eventually(lambda: ada.resume(chat).status == 200)

    def test_user_id_is_for_keys(self, gateway, ada):
        path = "/api/chat?channel=guide&user_id=eve"
        body = ada.body(new_chat(), user_message())
        response = gateway.api_with(None).request("POST", path, json=body, headers=ada.headers())
        assert_refused(response, 403, "permission_denied")
