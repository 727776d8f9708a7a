"""A gateway's side of one run, as docs/PROTOCOL.md describes it: what the writer is tested on."""

import asyncio
import json

import httpx

from websocket_gateway import Agent, Envelope
from websocket_gateway.errors import Refused
from websocket_gateway.hashing import EMPTY, fold, hash_text


class FakeRun:
    """calls() raises Refused as the service API refuses. kept() and restore() lose a tail."""

    def __init__(self, format="text", lease_ms=10_000):
        self.format, self.lease_ms = format, lease_ms
        self.data, self.epoch, self.producer = b"", 0, None
        self.stored = []  # of this claim: (body, pos, hash)
        self._folded = (0, EMPTY)
        self.status, self.end, self.cancel_requested = "queued", None, False
        self.tokens = {}
        self.is_lapsed = False  # the owner's lease

    def kept(self):
        return self.__dict__ | {"stored": list(self.stored), "tokens": dict(self.tokens)}

    def restore(self, kept):
        self.__dict__ = dict(kept) | {"stored": list(kept["stored"]), "tokens": dict(kept["tokens"])}

    def top(self):
        return {"status": self.status, "epoch": self.epoch, "pos": len(self.data), "hash": self.hash()}

    def hash(self):
        pos, value = self._folded if self._folded[0] <= len(self.data) else (0, EMPTY)
        self._folded = (len(self.data), fold(self.data[pos:], value))
        return hash_text(self._folded[1])

    def refuse(self, status, code, **fields):
        raise Refused(code, code, status=status, body={"code": code, "run": self.top(), **fields})

    def call(self, verb, body):
        return {"append": self.append, "end": self.append}.get(verb, getattr(self, verb))(body)

    def claim(self, body):
        if "token" in body and body["token"] in self.tokens:
            before, answer = self.tokens[body["token"]]
            return answer if before == body else self.refuse(409, "run_moved")
        if self.end is not None:
            self.refuse(409, "run_ended")
        if self.producer not in (None, body["producer"]) and not self.is_lapsed:
            self.refuse(409, "run_held", retry_after_ms=1)
        if body["keep"] != "all":
            if body["keep"] > len(self.data):
                self.refuse(409, "run_moved")
            self.data, self._folded = self.data[: body["keep"]], (0, EMPTY)
        self.epoch = max(self.epoch, body.get("epoch", 0)) + 1
        self.producer, self.stored, self.status = body["producer"], [], "in_progress"
        self.is_lapsed, self.lease_ms = False, body.get("lease_ms", self.lease_ms)
        answer = self.top() | {"lease_ms": self.lease_ms}
        if body.get("include_text"):
            answer["text"] = self.data.decode()
        self.tokens = {body["token"]: (body, answer)} if "token" in body else {}
        return answer

    def append(self, body):
        if (body["producer"], body["epoch"]) != (self.producer, self.epoch):
            self.refuse(403, "fenced", epoch=self.epoch)
        seq = body["seq"]
        if seq < len(self.stored):
            before, pos, value = self.stored[seq]
            if before != body:
                self.refuse(409, "sequence_conflict")
            return self.answer("duplicate", seq, pos, value)
        if self.end is not None:
            self.refuse(409, "run_ended")
        if seq > len(self.stored):
            self.refuse(409, "sequence_gap", expected_seq=len(self.stored))
        self.data += body.get("text", "").encode()
        self.data += b"".join(json.dumps(item, separators=(",", ":")).encode() + b"\n" for item in body.get("items", []))
        if "end" in body:
            self.end, self.status = body["end"], body["end"]["status"]
        self.stored.append((body, len(self.data), self.hash()))
        return self.answer("appended", seq, *self.stored[-1][1:])

    def answer(self, status, seq, pos, value):
        return {"status": status, "seq": seq, "pos": pos, "hash": value, "run_status": self.status, "cancel_requested": self.cancel_requested}

    def heartbeat(self, body):
        if (body["producer"], body["epoch"]) != (self.producer, self.epoch):
            self.refuse(403, "fenced", epoch=self.epoch)
        if self.end is not None:
            self.refuse(409, "run_ended")
        return {"run_status": self.status, "cancel_requested": self.cancel_requested, "lease_ms": self.lease_ms} | self.top()


class FakeGateway(httpx.AsyncBaseTransport):
    """The service API, with runs by their ids. `acked` has what was acknowledged; `calls` each verb, in order.

    `messages` go to whoever subscribes. `hangs` are verbs that get no answer, `headers` those of the last call.
    """

    def __init__(self):
        self.runs, self.acked, self.calls, self.messages, self.headers = {}, [], [], asyncio.Queue(), {}
        self.hangs, self.answers = set(), {}

    async def handle_async_request(self, request):
        self.headers = request.headers
        path = request.url.path
        if path in self.answers:
            return self.answers[path]
        if path.endswith("/subscribe"):
            return httpx.Response(200, content=self.events())
        body = json.loads(await request.aread() or b"{}")
        *_, run_id, verb = request.url.path.split("/")
        self.calls.append(verb)
        if verb in self.hangs:
            await asyncio.Event().wait()
        if verb in ("ack", "working", "send"):
            self.acked += body["ids"] if verb == "ack" else []
            return httpx.Response(200, json={"success": True})
        try:
            return httpx.Response(200, json=self.runs[run_id].call(verb, body))
        except Refused as error:
            return httpx.Response(error.status, json={"success": False, "error": error.code, **error.body})

    async def events(self):
        while True:
            raw = await self.messages.get()
            yield f"id: {raw['message_id']}\ndata: {json.dumps(raw)}\n\n".encode()


class Stage:
    """An agent, and one run that it is asked for."""

    def __init__(self, format="text", group="g"):
        self.gateway = FakeGateway()
        self.run = self.gateway.runs["run_1"] = FakeRun(format, lease_ms=2000)
        self.agent = Agent("http://gateway", "key", http_options={"transport": self.gateway})
        self.raw = {"channel": "guide", "message_id": "m", "message": {"payload": {}}, "run": {"run_id": "run_1", "format": format}}
        self.group = group

    def enter(self, **options):
        return self.agent.run(Envelope(self.raw, "event-1", self.group), **options)
