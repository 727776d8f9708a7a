"""Durable runs from both sides: an agent that owns one over the service API, and a client's copy of its text that
checks everything it is told."""

import socket
import time
import uuid

from support.runs import RUNS, fold


class Owner:
    """An agent with a claimed run. `append` counts the batches itself."""

    def __init__(self, api, run_id, epoch, producer):
        self.api, self.run_id, self.epoch, self.producer = api, run_id, epoch, producer
        self.seq = 0
        self.answer = None

    @classmethod
    def claim(cls, api, run_id, producer=None, **fields):
        producer = producer or f"test-{uuid.uuid4().hex}"
        response = api.post(f"{RUNS}/{run_id}/claim", {"producer": producer, **fields})
        assert response.status_code == 200, response.text
        return cls(api, run_id, response.json()["epoch"], producer)

    @classmethod
    def create(cls, api, run_id=None, channel="guide", **fields):
        producer = f"test-{uuid.uuid4().hex}"
        run_id = run_id or f"made-{uuid.uuid4().hex}"
        body = {"run_id": run_id, "channel": channel, "producer": producer, **fields}
        response = api.post(RUNS, body)
        assert response.status_code == 201, response.text
        return cls(api, run_id, 1, producer)

    def claimed_for(self, lease_ms, **fields):
        """Its own next claim, whose lease is so long: nothing before it has to be quick."""
        return Owner.claim(self.api, self.run_id, self.producer, lease_ms=lease_ms, **fields)

    def call(self, verb, **fields):
        body = {"producer": self.producer, "epoch": self.epoch, **fields}
        return self.api.post(f"{RUNS}/{self.run_id}/{verb}", body)

    def append(self, text=None, **fields):
        if text is not None:
            fields["text"] = text
        response = self.call("append", seq=self.seq, **fields)
        assert response.status_code == 200, response.text
        self.seq += 1
        self.answer = response.json()
        return self.answer

    def end(self, status="completed", **fields):
        response = self.call("end", seq=self.seq, end={"status": status, **fields})
        assert response.status_code == 200, response.text
        self.seq += 1

    def record(self, **params):
        response = self.api.get(f"{RUNS}/{self.run_id}", params=params)
        assert response.status_code == 200, response.text
        return response.json()


class Copy:
    """What a client has of a run. take() asserts I1, I2, I3 and the order of epochs."""

    def __init__(self, run_id, *, epoch=None, data=b""):
        self.run_id = run_id
        self.epoch = epoch
        self.data = data
        self.hash = fold(data)
        self.events = []
        self.end = None
        self.tops = 0
        self.first = None

    @property
    def text(self):
        return self.data.decode()

    @property
    def cursor(self):
        return f"{self.epoch or 0}.{len(self.data)}.{self.hash}"

    def take(self, message):
        assert message["type"] == "run" and message["run_id"] == self.run_id, message
        assert self.end is None, f"after the end: {message}"
        event = message["event"]
        self.first = self.first or message
        if event == "snapshot":
            self._hold(message["epoch"], message["text"].encode())
        elif event == "reset":
            assert self.epoch is None or message["epoch"] > self.epoch, message
            assert message["pos"] <= len(self.data), message
            self._hold(message["epoch"], self.data[: message["pos"]])
        elif event == "delta":
            assert message["epoch"] == self.epoch, (self.epoch, message)
            assert message["from"] == len(self.data), (len(self.data), message)
            assert message["text"] or message["from"] == message["pos"], message
            more = message["text"].encode()
            self.data, self.hash = self.data + more, fold(more, self.hash)
        elif event == "top":
            self.tops += 1
            assert self.epoch is None or message["epoch"] >= self.epoch
            self.epoch = message["epoch"] if self.epoch is None else self.epoch
            return event
        else:
            assert event == "end", message
            assert message["epoch"] == self.epoch, (self.epoch, message)
            self.end = message
        self.events.append(event)
        assert message["pos"] == len(self.data), (len(self.data), message)
        assert message["hash"] == self.hash, message
        return event

    def _hold(self, epoch, data):
        self.epoch, self.data, self.hash = epoch, data, fold(data)

    def read_until(self, client, done, timeout=60):
        """Takes what `client` hears of this run until `done(self)`; the messages that are of other kinds."""
        others = []
        end = time.monotonic() + timeout  # of all of them: tops never cease
        while not done(self):
            message = client.receive(max(end - time.monotonic(), 0.001))
            if message.get("type") == "run" and message.get("run_id") == self.run_id:
                self.take(message)
            else:
                others.append(message)
        return others

    def read_text(self, client, text, timeout=60):
        return self.read_until(client, lambda copy: copy.text == text, timeout)

    def read_end(self, client, timeout=60):
        self.read_until(client, lambda copy: copy.end is not None, timeout)
        return self.end


def ask(client, text="hello", *, id, channel="guide", **run):
    """Asks with a run; the ack, and the client's empty copy of the run."""
    client.send({"channel": channel, "payload": {"message": text}, "id": id, "run": run})
    before = set()
    while (ack := client.receive())["type"] == "run":
        before.add(ack["run_id"])  # of others that it reads
    assert ack["type"] == "ack", ack
    assert ack.get("run_id") not in before or ack["status"] == "duplicate", "something of the run before its ack"
    return ack, Copy(ack.get("run_id"))


def attach(client, run_id, *, copy=None, **fields):
    """Sends the attach; a copy that hears the answer."""
    if copy is not None:
        fields["cursor"] = copy.cursor
    client.send({"type": "attach", "run_id": run_id, **fields})
    return copy or Copy(run_id)


def asked(gateway, agent, client, **run):
    """A question whose run an agent has claimed."""
    ack, copy = ask(client, id="q", **run)
    return Owner.claim(gateway.api, ack["run_id"]), copy


def cut(client):
    """The connection goes without a word."""
    client.socket.socket.shutdown(socket.SHUT_RDWR)


def next_but_tops(client):
    """The next message that is no top: those come by the clock."""
    while (message := client.receive()).get("event") == "top":
        pass
    return message


def assert_hears_nothing(client):
    client.send({"type": "ping"})
    assert next_but_tops(client)["type"] == "pong"
