"""Durable runs as agents and readers see them (docs/PROTOCOL.md, "Runs over HTTP")."""

import uuid

from support.sse import EventStream

RUNS = "/api/post-office/runs"
MODULI = ((67108859, 31415927), (67108837, 27182819))


def fold(data: bytes, before="0" * 14) -> str:
    """The hash of a log's bytes, or of those behind what has the hash `before`."""
    digits = []
    for (modulus, base), start in zip(MODULI, (before[:7], before[7:]), strict=True):
        value = int(start, 16)
        for byte in data:
            value = (value * base + byte + 1) % modulus
        digits.append(f"{value:07x}")
    return "".join(digits)


EMPTY = fold(b"")


def cursor(epoch, data: bytes) -> str:
    return f"{epoch}.{len(data)}.{fold(data)}"


def sortable(epoch, data: bytes) -> str:
    return f"{epoch:04d}.{len(data):012d}.{fold(data)}"


class Run:
    """One run and its owner. The verbs answer the response as it came; `append` and `end` count their seqs."""

    def __init__(self, api, run_id=None, producer="agent:1", epoch=1):
        self.api = api
        self.run_id = run_id
        self.producer = producer
        self.epoch = epoch
        self.seq = 0

    @classmethod
    def create(cls, api, channel="guide", producer="agent:1", **fields):
        response = api.post(RUNS, {"channel": channel, "producer": producer, **fields})
        assert response.status_code == 201, response.text
        return cls(api, response.json()["run_id"], producer)

    @property
    def path(self):
        return f"{RUNS}/{self.run_id}"

    def call(self, verb, **body):
        return self.api.post(f"{self.path}/{verb}", body)

    def owner(self, **fields):
        return {"producer": self.producer, "epoch": self.epoch} | fields

    def append(self, text=None, **fields):
        body = self.owner(seq=self.seq, **({"text": text} if text is not None else {})) | fields
        response = self.call("append", **body)
        if response.status_code == 200 and response.json()["status"] == "appended":
            self.seq += 1
        return response

    def say(self, text, **fields):
        response = self.append(text, **fields)
        assert response.status_code == 200, response.text
        return response.json()

    def end(self, status="completed", **fields):
        response = self.call("end", **self.owner(seq=self.seq, end={"status": status, **fields}))
        assert response.status_code == 200, response.text
        return response.json()

    def claim(self, producer="agent:2", **fields):
        return self.call("claim", producer=producer, **fields)

    def heartbeat(self, **fields):
        return self.call("heartbeat", **self.owner(**fields))

    def cancel(self, **fields):
        return self.call("cancel", **fields)

    def get(self, **params):
        return self.api.get(self.path, params=params)

    def record(self, **params):
        response = self.get(**params)
        assert response.status_code == 200, response.text
        return response.json()

    def log(self):
        return self.record(include="log")["log"]


def new_name():
    return f"answer-{uuid.uuid4().hex}"


class RunStream(EventStream):
    """/v1/stream/{run_id} as Server-Sent Events. `was_cut` once it has ended: it was no clean end."""

    def __init__(self, base_url, run_id, key=None, query=None, **options):
        self.was_cut = None
        super().__init__(base_url, f"/v1/stream/{run_id}", query or {}, key, **options)

    def _lines(self):
        self.was_cut = True
        yield from super()._lines()
        self.was_cut = False

    def text(self):
        """All of it up to the terminal event, and that event."""
        text = b""
        while True:
            event = self.next()
            if event.event == "data":
                text += event.data.encode()
            elif event.event == "reset":
                text = text[: event.json()["pos"]]
            elif event.id.endswith(".end") and event.json().get("streamClosed"):
                return text.decode(), event


def stream_path(run):
    return f"/v1/stream/{run.run_id}"
