"""Clients of other protocols, as far as HTTP shows them: AI SDK's chats and AG-UI's agents, and an agent that answers them."""

import json
import uuid
from urllib.parse import quote

from support.runs import RUNS, Run
from support.sse import EventStream

DONE = "[DONE]"


def new_chat():
    return f"chat-{uuid.uuid4().hex}"


def user_message(text="Hello", message_id=None):
    return {"id": message_id or uuid.uuid4().hex, "role": "user", "parts": [{"type": "text", "text": text}]}


class ChatStream(EventStream):
    """A stream of chunks or events. `was_cut` once it has ended: it was no clean end."""

    def __init__(self, *args, **options):
        self.was_cut = None
        super().__init__(*args, **options)

    def _lines(self):
        self.was_cut = True
        yield from super()._lines()
        self.was_cut = False

    def rest(self):
        """All events up to the end of the stream."""
        events = []
        while True:
            try:
                events.append(self.next())
            except EOFError:
                return events

    def chunks(self):
        """The same, parsed and without what is said behind the last one."""
        return [event.json() for event in self.rest() if event.data != DONE]


class AiSdk:
    """One user's AI SDK. `gateway`: where it asks."""

    def __init__(self, gateway, closing, token=None, channel="guide"):
        self.gateway, self.closing, self.token, self.channel = gateway, closing, token, channel

    def headers(self):
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def body(self, chat, message, **more):
        return {"id": chat, "messages": [message], "trigger": "submit-message", **more}

    def post(self, body, **headers):
        """The answer as it came, for refusals."""
        url = f"/api/chat?channel={self.channel}"
        return self.gateway.api_with(None).request("POST", url, json=body, headers=self.headers() | headers)

    def send(self, chat, message, **more):
        return self.stream("/api/chat", {"channel": self.channel}, post=self.body(chat, message, **more))

    def resume(self, name, headers=None, **query):
        return self.stream(f"/api/chat/{quote(name, safe='')}/stream", query, headers=headers)

    def stop(self, name):
        return self.gateway.api_with(None).request("POST", f"/api/chat/{name}/stop", headers=self.headers())

    def stream(self, path, query, **options):
        return self.closing(ChatStream(self.gateway.url, path, query, self.token, **options))


class Answering:
    """The run of an envelope, claimed by an agent of the tests'."""

    def __init__(self, api, envelope):
        self.envelope = envelope
        self.run = Run(api, envelope["run"]["run_id"])
        claimed = self.run.claim("agent:1")
        assert claimed.status_code == 200, claimed.text

    def items(self, *items):
        response = self.run.append(items=list(items))
        assert response.status_code == 200, response.text

    def say(self, text):
        self.run.say(text)

    def end(self, status="completed", **fields):
        return self.run.end(status, **fields)


def answer_to(gateway, agent):
    """The next question that the agent's stream has."""
    return Answering(gateway.api, agent.envelope())


def open_runs(api):
    return [run for run in api.get(RUNS).json()["runs"] if run["status"] in ("queued", "in_progress")]


def text_of(chunks):
    return "".join(chunk["delta"] for chunk in chunks if chunk["type"] in ("text-delta", "TEXT_MESSAGE_CONTENT"))


def dumps(item):
    return json.dumps(item)
