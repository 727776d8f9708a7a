"""AG-UI in CopilotKit's layout: POST /ag-ui/agent/{channel}/run, its Location, …/connect, …/stop, and /ag-ui/info."""

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from support.api import assert_refused
from support.chats import AiSdk, ChatStream, answer_to, new_chat, text_of, user_message
from support.run_engines import ENGINES, instances, run_gateway

COLON = "team:one"


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--channels", f"guide,{COLON}") as started:
        yield started


class AgUi:
    def __init__(self, gateway, closing, channel="guide"):
        self.gateway, self.closing = gateway, closing
        self.user = f"user-{uuid.uuid4().hex}"
        self.token = gateway.new_session(user_id=self.user)
        self.path = f"/ag-ui/agent/{quote(channel, safe='')}"

    def body(self, thread, run, **more):
        messages = [{"id": "u1", "role": "user", "content": "Hello"}]
        return {"threadId": thread, "runId": run, "messages": messages, "tools": [], "context": [], **more}

    def stream(self, path, instance=None, **options):
        return self.closing(ChatStream((instance or self.gateway).url, path, {}, self.token, **options))

    def run(self, thread, run, instance=None):
        return self.stream(f"{self.path}/run", instance, post=self.body(thread, run))

    def connect(self, thread):
        return self.stream(f"{self.path}/connect", post=self.body(thread, "ignored"))

    def request(self, method, path, **options):
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.gateway.api_with(None).request(method, path, headers=headers, **options)

    def stop(self, thread, **body):
        return self.request("POST", f"{self.path}/stop/{thread}", **({"json": body} if body else {}))


@pytest.fixture
def user(gateway, closing):
    return lambda *channel: AgUi(gateway, closing, *channel)


@pytest.fixture
def ada(user):
    return user()


@pytest.fixture
def thread():
    return new_chat()


@pytest.fixture
def run_id():
    return str(uuid.uuid4())


class TestRuns:
    def test_a_run_from_its_first_event_to_its_last(self, gateway, agent, ada, thread, run_id):
        stream = ada.run(thread, run_id)
        answer = answer_to(gateway, agent)
        ours = answer.run.run_id
        assert stream.headers["Location"] == f"/ag-ui/agent/guide/run/{ours}"
        assert stream.headers["Content-Type"] == "text/event-stream"
        # Named by whose it is and what he calls it.
        text = f"\nuser::{ada.user}\n{run_id}"
        assert ours == f"run_{hashlib.sha256(text.encode()).hexdigest()[:32]}"
        answer.say("Hel")
        answer.say("lo")
        answer.end()
        events = stream.rest()
        assert stream.was_cut is False
        told = [event.json() for event in events]
        assert (told[0]["type"], told[0]["threadId"], told[0]["runId"]) == ("RUN_STARTED", thread, run_id)
        assert (told[1]["type"], told[1]["messages"]) == ("MESSAGES_SNAPSHOT", ada.body(thread, run_id)["messages"])
        assert text_of(told) == "Hello"
        assert told[-1]["type"] == "RUN_FINISHED"
        ids = [event.id for event in events]
        assert ids == sorted(set(ids))

    def test_the_agent_hears_who_asks_and_what(self, agent, ada, thread, run_id):
        ada.run(thread, run_id)
        envelope = agent.envelope()
        assert envelope["message"] == {"channel": "guide", "payload": ada.body(thread, run_id)}
        assert (envelope["run"]["thread_id"], envelope["run"]["format"], envelope["run"]["protocol"]) == (thread, "ag-ui", "ag-ui")
        assert envelope["user_id"] == ada.user

    def test_i22_the_same_run_id_is_one_run_and_one_envelope(self, gateway, agent, ada, thread, run_id):
        at = instances(gateway)
        with ThreadPoolExecutor(6) as pool:
            streams = list(pool.map(lambda n: ada.run(thread, run_id, at[n % len(at)]), range(6)))
        answer = answer_to(gateway, agent)
        answer.say("once")
        answer.end()
        logs = [[event.data for event in stream.rest()] for stream in streams]
        assert logs == [logs[0]] * 6
        assert agent.waiting() == 0

    def test_a_channel_with_a_colon(self, gateway, user, thread, run_id):
        ada = user(COLON)
        agent = gateway.subscribe(COLON)
        stream = ada.run(thread, run_id)
        answer = answer_to(gateway, agent)
        assert stream.headers["Location"] == f"/ag-ui/agent/team%3Aone/run/{answer.run.run_id}"
        answer.end()
        assert stream.rest()
        assert ada.stream(stream.headers["Location"]).rest()
        assert ada.stream(f"/ag-ui/agent/{COLON}/run/{answer.run.run_id}").rest()


class TestGoingOn:
    def test_behind_the_last_event_that_it_had(self, gateway, agent, ada, thread, run_id):
        stream = ada.run(thread, run_id)
        answer = answer_to(gateway, agent)
        for word in ("a ", "b ", "c"):
            answer.say(word)
        answer.end()
        events = stream.rest()
        path = stream.headers["Location"]
        for at in (0, 2, len(events) - 2):
            rest = ada.stream(path, headers={"Last-Event-ID": events[at].id}).rest()
            assert [event.data for event in rest] == [event.data for event in events[at + 1 :]]
        assert ada.stream(path, headers={"Last-Event-ID": events[-1].id}).status == 204
        wrong = ada.stream(path, headers={"Last-Event-ID": events[2].id[:-3] + "fff"})
        assert (wrong.status, wrong.body["code"]) == (410, "cursor_mismatch")

    def test_connect_gives_the_threads_latest_run(self, gateway, agent, ada, thread, run_id):
        ada.run(thread, run_id).close()
        answer = answer_to(gateway, agent)
        answer.say("all ")
        stream = ada.connect(thread)
        answer.say("of it")
        answer.end()
        assert text_of([event.json() for event in stream.rest()]) == "all of it"

    def test_a_thread_without_a_run_has_no_events(self, ada):
        stream = ada.connect(new_chat())
        assert (stream.status, stream.rest(), stream.was_cut) == (200, [], False)

    def test_i28_a_foreign_one_is_as_one_that_is_not_there(self, gateway, agent, ada, user, thread, run_id):
        ada.run(thread, run_id)
        ours = answer_to(gateway, agent).run.run_id
        eve, nobodys = user(), f"run_{uuid.uuid4().hex}"

        def told(method, path, **options):
            response = eve.request(method, f"/ag-ui/agent/guide/{path}", **options)
            return response.status_code, response.content

        assert told("GET", f"run/{ours}") == told("GET", f"run/{nobodys}")
        assert told("GET", f"run/{ours}")[0] == 404
        assert told("POST", f"stop/{thread}") == told("POST", f"stop/{new_chat()}")
        assert told("POST", f"stop/{thread}")[0] == 404
        assert told("POST", "connect", json=eve.body(thread, "r")) == told("POST", "connect", json=eve.body(new_chat(), "r"))
        # Her run of the same name is another one.
        assert eve.run(thread, run_id).headers["Location"].rsplit("/", 1)[1] != ours


class TestStopping:
    @pytest.mark.parametrize("named", [False, True])
    def test_by_thread_or_by_the_run_that_the_body_names(self, gateway, agent, ada, thread, run_id, named):
        stream = ada.run(thread, run_id)
        answer = answer_to(gateway, agent)
        answer.say("half")
        stopped = ada.stop(thread, **({"runId": run_id} if named else {}))
        assert (stopped.status_code, stopped.json()["stopped"], stopped.json()["run_id"]) == (202, True, answer.run.run_id)
        answer.end("cancelled")
        assert stream.rest()[-1].json()["outcome"] == {"type": "cancelled"}
        assert ada.stop(thread).json()["stopped"] is False

    def test_the_thread_of_another_agent_or_of_a_chat_is_none(self, gateway, agent, ada, thread, run_id):
        ada.run(thread, run_id)
        runs = [answer_to(gateway, agent).run]
        ada.path = f"/ag-ui/agent/{quote(COLON, safe='')}"
        self.assert_nothing(ada, thread)
        chat = new_chat()
        AiSdk(gateway, ada.closing, ada.token).send(chat, user_message())
        runs.append(answer_to(gateway, agent).run)
        ada.path = "/ag-ui/agent/guide"
        self.assert_nothing(ada, chat)
        assert [run.record()["cancel_requested"] for run in runs] == [False, False]

    def assert_nothing(self, ada, thread):
        stream = ada.connect(thread)
        assert (stream.status, stream.rest(), stream.was_cut) == (200, [], False)
        assert_refused(ada.stop(thread), 404)

    def test_a_failed_one_ends_with_run_error(self, gateway, agent, ada, thread, run_id):
        stream = ada.run(thread, run_id)
        answer = answer_to(gateway, agent)
        answer.end("failed", error={"code": "broken", "message": "no more"})
        last = stream.rest()[-1].json()
        assert (last["type"], last["code"], last["message"]) == ("RUN_ERROR", "broken", "no more")


class TestInfo:
    def test_agents_are_the_channels_that_one_may_use(self, gateway, ada):
        info = ada.request("GET", "/ag-ui/info").json()
        assert set(info["agents"]) == {"guide", COLON}
        ada.token = gateway.new_session(user_id="narrow", context={"channels": ["guide"]})
        assert set(ada.request("GET", "/ag-ui/info").json()["agents"]) == {"guide"}


class TestWrong:
    @pytest.mark.parametrize(
        ("change", "names"),
        [({"threadId": None}, "threadId"), ({"threadId": "a b"}, "threadId"), ({"runId": None}, "runId"),
         ({"runId": "r" * 300}, "runId"), ({"messages": None}, "messages")],
    )  # fmt: skip
    def test_a_body_is_told_what_is_wrong_with_it(self, ada, thread, run_id, change, names):
        response = ada.request("POST", f"{ada.path}/run", json=ada.body(thread, run_id) | change)
        assert names in assert_refused(response, 400, "invalid_argument")["error"]

    def test_channels(self, ada, thread, run_id):
        for channel, status in (("nobodys", 404), ("No%20Channel", 400)):
            response = ada.request("POST", f"/ag-ui/agent/{channel}/run", json=ada.body(thread, run_id))
            assert_refused(response, status)
