"""Who writes runs: over the JSON API, one batch in flight, the same again until it is answered, as the agents' contract asks.

    producer = Producer(journal, urls, key, "agent-1")
    writer = await producer.claim("run_…", keep="all")
    await writer.append(text="Once upon")
    await writer.end("completed")
"""

import asyncio
import contextlib
import itertools
import json
import os
import random

import httpx

from torture.fold import EMPTY, fold, text_of
from torture.run_history import bytes_of
from torture.journal import dumps

RUNS = "/api/post-office/runs"
AGAIN = (408, 429, 500, 502, 503, 504)
ANSWER_SECONDS = 8.0
PATIENCE = 60.0
LOST = (httpx.TransportError, httpx.InvalidURL, OSError, ValueError)


class Refused(Exception):
    """For good: `code`, and the answer that says so."""

    def __init__(self, status, answer):
        super().__init__(f"{status} {answer}")
        self.status, self.answer, self.code = status, answer, answer.get("code", "")

    @property
    def run(self) -> dict:
        return self.answer.get("run") or {}


class NoAnswer(Exception):
    """Not within its patience."""


class Producer:
    """`urls`: the instances, by number. Everything it asks and is answered goes into the journal."""

    def __init__(self, journal, urls, key, name, *, rng=None, home=None):
        self.journal, self.urls, self.key = journal, list(urls), key
        self.name = f"{name}-{os.urandom(8).hex()}"
        self.rng = rng or random.Random(name)
        self.home = self.rng.randrange(len(self.urls)) if home is None else home
        self._numbers = itertools.count()
        limits = httpx.Limits(max_keepalive_connections=16, keepalive_expiry=4)
        self._http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=ANSWER_SECONDS, trust_env=False,
                                       verify=False, limits=limits)  # fmt: skip

    async def close(self):
        await self._http.aclose()

    async def ask(self, call, method, path, run, body=None, *, gateway=None, patience=ANSWER_SECONDS, journaled=True):
        """One request: (status, answer), or None when there came none."""
        gateway = self.home if gateway is None else gateway
        number = f"{self.name}:{next(self._numbers)}"
        if journaled:
            self.journal.note("asked", n=number, call=call, run=run, body=body, gateway=gateway)
        content = None if body is None else dumps(body).encode()
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            async with asyncio.timeout(patience):
                response = await self._http.request(method, self.urls[gateway] + path, content=content, headers=headers, timeout=patience + 1)
            answer = json.loads(response.content or b"{}")
        except (*LOST, TimeoutError) as error:
            if journaled:
                self.journal.note("unanswered", n=number, why=repr(error))
            return None
        if journaled:
            self.journal.note("answered", n=number, status=response.status_code, body=answer)
        return response.status_code, answer

    async def until_answered(self, call, method, path, run, body=None, *, patience=PATIENCE, answer_within=ANSWER_SECONDS):
        """The same again, with full jitter, at the next instance where one is silent; Refused, or the answer."""
        end, wait = asyncio.get_running_loop().time() + patience, 0.05
        while True:
            told = await self.ask(call, method, path, run, body, patience=answer_within)
            if told is not None and told[0] not in AGAIN:
                status, answer = told
                if status >= 400:
                    raise Refused(status, answer)
                return answer
            if asyncio.get_running_loop().time() > end:
                raise NoAnswer(f"{call} {run}")
            if told is None or told[0] == 503:
                self.home = (self.home + 1) % len(self.urls)
            await asyncio.sleep(self.rng.random() * wait)
            wait = min(2.0, wait * 2)

    # What it begins.

    async def create(self, channel, *, to=None, format="text", heals=True, **fields) -> "Writer":
        token, run = os.urandom(16).hex(), f"made-{os.urandom(12).hex()}"
        body = {"run_id": run, "channel": channel, "to": to, "format": format, "producer": self.name, "token": token, **fields}
        body = {name: value for name, value in body.items() if value is not None}
        answer = await self.until_answered("create", "POST", RUNS, run, body)
        return Writer(self, run, format, answer, heals)

    async def claim(self, run, *, format="text", keep="all", heals=True, **fields) -> "Writer":
        body = {"producer": self.name, "token": os.urandom(16).hex(), "keep": keep, **fields}
        answer = await self.until_answered("claim", "POST", f"{RUNS}/{run}/claim", run, body)
        return Writer(self, run, format, answer, heals)

    async def cancel(self, run, reason="changed my mind") -> dict:
        return await self.until_answered("cancel", "POST", f"{RUNS}/{run}/cancel", run, {"reason": reason})

    async def read(self, run, gateway, *, log=True) -> dict | None:
        """The record as an instance has it, into the journal; None when it gave none."""
        told = await self.ask("get", "GET", f"{RUNS}/{run}" + ("?include=log" if log else ""), run, gateway=gateway, journaled=False)
        if told is None or told[0] != 200:
            return None
        record = told[1].get("run", told[1])
        text = record.pop("log", None)
        self.journal.note("record", run=run, gateway=gateway, record=record, log=text if log else None)
        return record


class Writer:
    """One claim of a run. It keeps what it wrote, and heals a log whose tail the engine lost."""

    def __init__(self, producer, run, format, claimed, heals=True):
        self.producer, self.run, self.format, self.heals = producer, run, format, heals
        self.lease = claimed.get("lease_ms", 10_000) / 1000
        self.cancel_requested = False
        self._from_start = True
        self._base = b""
        self._begin(claimed)

    def _begin(self, claimed):
        self.epoch, self.pos = claimed["epoch"], claimed["pos"]
        self.seq, self.kept = 0, []
        self._from_start &= self.pos == len(self._base)

    @property
    def text(self) -> bytes:
        """Of the log, as far as it is this writer's."""
        return self._base + b"".join(bytes_of(body) for body in self.kept)

    async def append(self, *, text=None, items=None, end=None):
        body = {"producer": self.producer.name, "epoch": self.epoch, "seq": self.seq}
        body |= {name: value for name, value in (("text", text), ("items", items), ("end", end)) if value is not None}
        self.seq += 1
        self.kept.append(body)
        await self._until_stored(body)

    async def end(self, status="completed", **fields):
        body = {"producer": self.producer.name, "epoch": self.epoch, "seq": self.seq, "end": {"status": status, **fields}}
        self.seq += 1
        self.kept.append(body)
        await self._until_stored(body)
        if self._from_start:  # then it knows what the log has to be
            self.producer.journal.note("intended", run=self.run, epoch=self.epoch, text=self.text.decode(), heals=self.heals)

    async def heartbeat(self, wait_ms=0) -> dict | None:
        body = {"producer": self.producer.name, "epoch": self.epoch} | ({"wait_ms": wait_ms} if wait_ms else {})
        told = await self.producer.ask("heartbeat", "POST", f"{RUNS}/{self.run}/heartbeat", self.run, body, patience=wait_ms / 1000 + ANSWER_SECONDS)
        if told is None or told[0] in AGAIN:
            return None
        if told[0] >= 400:
            raise Refused(*told)
        self.cancel_requested |= told[1].get("cancel_requested", False)
        return told[1]

    async def keep_alive(self):
        """Heartbeats that wait for a cancel, until it is told to end."""
        with contextlib.suppress(Refused, KeyError):  # the next append will say it
            while True:
                waits = not self.cancel_requested  # else it is answered at once
                await self.heartbeat(int(self.lease * 450) if waits else 0)
                await asyncio.sleep(0.02 if waits else self.lease / 3)

    # What no sound agent does, and what has to be refused.

    async def ask_conflicting(self):
        """The last seq with other bytes."""
        if self.kept:
            await self._probe(self.kept[-1] | {"text" if self.format == "text" else "items": "conflict" if self.format == "text" else [{"conflict": 1}]})

    async def ask_with_gap(self):
        body = {"producer": self.producer.name, "epoch": self.epoch, "seq": self.seq + self.producer.rng.randint(1, 20)}
        await self._probe(body | ({"text": "behind a gap "} if self.format == "text" else {"items": [{"gap": 1}]}))

    async def ask_again(self):
        """What was answered is asked for once more."""
        if self.kept:
            await self._probe(self.producer.rng.choice(self.kept[-8:]))

    async def ask_and_leave(self, text):
        """Its answer is not waited for."""
        body = {"producer": self.producer.name, "epoch": self.epoch, "seq": self.seq, "text": text}
        await self.producer.ask("append", "POST", f"{RUNS}/{self.run}/append", self.run, body, patience=0.001)

    async def ask_late(self, text):
        """After another's claim: with the next seq, as one does who was asleep."""
        await self._probe({"producer": self.producer.name, "epoch": self.epoch, "seq": self.seq, "text": text})

    async def _probe(self, body):
        with contextlib.suppress(Refused):
            await self.producer.until_answered("append", "POST", f"{RUNS}/{self.run}/append", self.run, body)

    # Inside.

    async def _store(self, body):
        call = "end" if "end" in body and not bytes_of(body) else "append"
        path = f"{RUNS}/{self.run}/{call}"
        if self.producer.rng.random() < 0.04:  # its answer is lost
            told = await self.producer.ask(call, "POST", path, self.run, body, patience=self.producer.rng.random() * 0.01)
            if told is not None and 200 <= told[0] < 300:
                return told[1]
        return await self.producer.until_answered(call, "POST", path, self.run, body)

    async def _until_stored(self, body):
        for _ in range(20):
            try:
                answer = await self._store(body)
            except Refused as refused:
                if not self.heals or not await self._heal(refused):
                    raise
                body = self.kept[-1]
                continue
            self.cancel_requested |= answer.get("cancel_requested", False)
            if self._is_whole(answer):
                self.pos = answer["pos"]
                return
            if not self.heals:
                return
        raise NoAnswer(f"{self.run} cannot be healed")

    def _is_whole(self, answer) -> bool:
        if not self._from_start:
            return True
        return (answer["pos"], answer["hash"]) == (len(self.text), text_of(fold(self.text, EMPTY)))

    async def _heal(self, refused) -> bool:
        """The engine came back without what it had answered for."""
        expected = refused.answer.get("expected_seq")
        if refused.code == "sequence_gap" and expected is not None and expected < self.kept[-1]["seq"]:
            for body in self.kept[expected:-1]:
                await self.producer.until_answered("append", "POST", f"{RUNS}/{self.run}/append", self.run, body)
            return True
        epoch = refused.answer.get("epoch", refused.run.get("epoch", self.epoch))
        if refused.code == "fenced" and epoch < self.epoch and self._from_start:
            await self._claim_again(refused.run.get("pos", 0))
            return True
        return False

    async def _claim_again(self, pos):
        """Its claim was lost: what stands beyond `pos` goes out again, under new seqs."""
        whole, last = self.text, self.kept[-1]
        claim = {"producer": self.producer.name, "token": os.urandom(16).hex(), "keep": pos}
        claimed = await self.producer.until_answered("claim", "POST", f"{RUNS}/{self.run}/claim", self.run, claim)
        self._base = whole[: claimed["pos"]]
        self._begin(claimed)
        body = {"producer": self.producer.name, "epoch": self.epoch, "seq": 0}
        rest = whole[claimed["pos"] :].decode()
        if self.format == "text":
            body["text"] = rest
        elif rest:
            body["items"] = [json.loads(line) for line in rest.splitlines()]
        if "end" in last:
            body["end"] = last["end"]
        self.seq, self.kept = 1, [body]
