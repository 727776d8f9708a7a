"""A log as the gateway keeps it, for tests of the state machines."""

import pytest

from websocket_gateway.hashing import fold, hash_text


class Log:
    """What a gateway would say of it."""

    def __init__(self, data=b"", epoch=1):
        self.data, self.epoch = data, epoch

    def top(self, pos=None):
        data = self.data if pos is None else self.data[:pos]
        return {"epoch": self.epoch, "pos": len(data), "hash": hash_text(fold(data))}

    def message(self, event, pos=None, **fields):
        return {"type": "run", "event": event, "run_id": "run_1", **self.top(pos), **fields}

    def snapshot(self, pos=None, **fields):
        data = self.data if pos is None else self.data[:pos]
        return self.message("snapshot", pos, status="in_progress", cause="attach", text=data.decode(), **fields)

    def delta(self, start, end=None, **fields):
        end = len(self.data) if end is None else end
        return self.message("delta", end, **{"from": start, "text": self.data[start:end].decode()}, **fields)

    def told(self, pos=None, **fields):
        return self.message("top", pos, status="in_progress", owner="live", idle_ms=5, cancel_requested=False, **fields)

    def end(self, status="completed", **fields):
        return self.message("end", status=status, error=None, result=None, **fields)


@pytest.fixture
def log():
    return Log(b"Once upon a time", epoch=1)
