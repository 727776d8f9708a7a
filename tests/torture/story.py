"""Histories as the checker's tests tell them: a gateway that does as it should, up to what a test makes it do wrong.

    story = Story()
    run = story.ask_for_run("tab-1")
    run.claim().append("Once ").append("upon").end()
    story.check()["I5"]
"""

from torture.checker import check
from torture.fold import hash_text


class Story:
    def __init__(self, engine="redis"):
        self.engine = engine
        self.entries, self.now = [], 100.0
        self._numbers, self._conns, self._runs = 0, {}, 0

    def wait(self, seconds):
        self.now += seconds
        return self

    def note(self, what, **fields):
        self.now += 0.001
        self.entries.append({"t": self.now, "what": what, **fields})
        return self.entries[-1]

    def check(self, margin=0.5) -> dict:
        self.wait(120).note("end of the story")
        return check(self.entries, engine=self.engine, margin=margin)

    # Tabs.

    def open(self, tab, **fields) -> str:
        conn = f"{tab}.{sum(entry['what'] == 'opened' and entry['tab'] == tab for entry in self.entries) + 1}"
        self._conns[tab] = conn
        fields = {"session": f"session of {tab}", "client_id": f"client of {tab}", "gateway": 0} | fields
        self.note("opened", conn=conn, tab=tab, **fields)
        return conn

    def close(self, tab, code=1006):
        self.note("closed", conn=self._conns.pop(tab), tab=tab, code=code, by="them")

    def send(self, tab, message):
        if tab not in self._conns:
            self.open(tab)
        self.note("sent", conn=self._conns[tab], tab=tab, message=message)

    def hear(self, tab, message):
        self.note("heard", conn=self._conns[tab], tab=tab, message=message)

    def hear_run(self, tab, event, run, **fields):
        self.hear(tab, {"type": "run", "event": event, "run_id": run, **fields})

    def ask_for_run(self, tab, id="m1", name=None, envelope="e1") -> "RunStory":
        self._runs += 1
        run = RunStory(self, name or f"run_{self._runs:032x}")
        self.say(tab, id)
        self.ack(tab, id, run.name)
        run.follow(tab)
        self.hear_run(tab, "top", run.name, **run.top)
        if envelope:
            self.envelope(id, envelope, run.name)
        return run

    def say(self, tab, id):
        self.send(tab, {"channel": "guide", "payload": {}, "id": id, "run": {}})

    def ack(self, tab, id, run, status="published"):
        self.hear(tab, {"type": "ack", "id": id, "status": status, "run_id": run})

    def envelope(self, id, message_id, run):
        self.note("envelope", agent="agent-1", event_id="1-0", envelope={"message_id": message_id, "message": {"id": id}, "run": {"run_id": run}})

    # Agents.

    def request(self, call, run, body, status, answer, took=0.01):
        self._numbers += 1
        self.note("asked", n=self._numbers, call=call, run=run, body=body, gateway=0)
        number = self._numbers
        self.wait(took)
        if status is None:
            self.note("unanswered", n=number, why="cut")
        else:
            self.note("answered", n=number, status=status, body=answer)

    def begin_request(self, call, run, body) -> int:
        self._numbers += 1
        self.note("asked", n=self._numbers, call=call, run=run, body=body, gateway=0)
        return self._numbers


class RunStory:
    """One run, its log, and who follows it."""

    def __init__(self, story, name):
        self.story, self.name = story, name
        self.log, self.epoch, self.status = b"", 0, "queued"
        self.producer, self.seq, self.error = "p1", 0, None
        self._followers = []

    @property
    def place(self) -> dict:
        return {"epoch": self.epoch, "pos": len(self.log), "hash": hash_text(self.log)}

    @property
    def top(self) -> dict:
        return self.place | {"status": self.status}

    @property
    def cursor(self) -> str:
        return f"{self.epoch}.{len(self.log)}.{hash_text(self.log)}"

    def follow(self, tab):
        self._followers.append(tab)
        return self

    def leave(self, tab):
        self._followers.remove(tab)
        return self

    def tell(self, event, **fields):
        for tab in self._followers:
            self.story.hear_run(tab, event, self.name, **fields)

    # Its owner.

    def claim(self, producer="p1", keep=None, epoch=None, asked=True, **fields):
        base = len(self.log) if keep is None else keep
        self.producer, self.seq = producer, 0
        cut, self.epoch, self.status = base < len(self.log), epoch or self.epoch + 1, "in_progress"
        self.log = self.log[:base]
        body = {"producer": producer, "token": f"token of {producer} {self.epoch}", "keep": "all" if keep is None else keep, **fields}
        self.story.request("claim", self.name, body, 200 if asked else None, self.place | {"lease_ms": 10_000, "status": "in_progress"})
        self.tell("reset", **self.place, cause="superseded" if cut else "claimed")
        return self

    def body(self, text, seq=None, **fields) -> dict:
        return {"producer": self.producer, "epoch": self.epoch, "seq": self.seq if seq is None else seq, "text": text} | fields

    def answer(self, status="appended") -> dict:
        return {"status": status, "seq": self.seq, "pos": len(self.log), "hash": hash_text(self.log), "run_status": self.status,
                "cancel_requested": False}  # fmt: skip

    def append(self, text, *, answered=True, told=True):
        before = len(self.log)
        self.log += text.encode()
        self.story.request("append", self.name, self.body(text), 200 if answered else None, self.answer())
        self.seq += 1
        if told:
            self.tell("delta", epoch=self.epoch, **{"from": before}, pos=len(self.log), hash=hash_text(self.log), text=text)
        return self

    def again(self, text):
        """The last batch once more."""
        self.story.request("append", self.name, self.body(text, self.seq - 1), 200, self.answer("duplicate") | {"seq": self.seq - 1})
        return self

    def refuse(self, body, code, status=409, **fields):
        self.story.request("append", self.name, body, status, {"success": False, "code": code, "run": self.top, **fields})
        return self

    def end(self, status="completed"):
        self.status = status
        body = {"producer": self.producer, "epoch": self.epoch, "seq": self.seq, "end": {"status": status}}
        self.story.request("end", self.name, body, 200, self.answer())
        self.tell("end", **self.top, error=None, result=None)
        return self.look()

    def end_by_gateway(self, status, code):
        self.epoch, self.status, self.error = self.epoch + 1, status, {"code": code, "message": code}
        self.tell("reset", **self.place, cause="ended")
        self.tell("end", **self.top, error=self.error, result=None)
        return self.look()

    def look(self, gateway=0, **fields):
        record = {"run_id": self.name, **self.top, "error": self.error, "result": None} | fields
        log = record.pop("log", self.log.decode())
        self.story.note("record", run=self.name, gateway=gateway, record=record, log=log)
        return self

    # Its readers.

    def attach(self, tab, cursor=None, id="a1"):
        self.story.send(tab, {"type": "attach", "run_id": self.name, "id": id} | ({"cursor": cursor} if cursor else {}))
        return self.follow(tab) if tab not in self._followers else self

    def snapshot(self, tab, id="a1", cause="attach", **fields):
        self.story.hear_run(tab, "snapshot", self.name, **(self.top | {"cause": cause, "text": self.log.decode(), "id": id} | fields))
        return self

    def delta_from(self, tab, pos, id="a1", **fields):
        text = self.log[pos:].decode()
        self.story.hear_run(tab, "delta", self.name, **(self.place | {"from": pos, "text": text, "id": id} | fields))
        return self

    # Cancelling.

    def cancel(self, tab, status, id="x1"):
        self.story.send(tab, {"type": "cancel", "run_id": self.name, "id": id})
        self.story.hear(tab, {"type": "ack", "id": id, "status": status})
        return self

    def begin_heartbeat(self) -> int:
        return self.story.begin_request("heartbeat", self.name, {"producer": self.producer, "epoch": self.epoch, "wait_ms": 4500})

    def end_heartbeat(self, number, cancel_requested=True):
        answer = {"run_status": self.status, "pos": len(self.log), "hash": hash_text(self.log), "cancel_requested": cancel_requested, "lease_ms": 10_000}
        self.story.note("answered", n=number, status=200, body=answer)
        return self
