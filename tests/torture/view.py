"""What a client holds of one run, kept by the rules that the protocol gives to clients; the checker keeps the same.

    view = View()
    for message in heard:
        for invariant, what in view.apply(message): ...
"""

from torture.fold import EMPTY, cursor_text, fold, hash_text, text_of


class View:
    """`wants` says why it should attach again: "hole" (with its cursor), "differs" (without); None: it need not."""

    def __init__(self):
        self.epoch = 0
        self.text = bytearray()
        self.status = None
        self.ended = False
        self.wants = None
        self.fresh = True  # nothing has come yet
        self._hash = EMPTY

    @property
    def pos(self) -> int:
        return len(self.text)

    @property
    def hash(self) -> str:
        return text_of(self._hash)

    @property
    def cursor(self) -> str:
        return cursor_text(self.epoch, self.pos, self.hash)

    def cut(self, pos):
        if pos < self.pos:
            del self.text[pos:]
            self._hash = fold(bytes(self.text))

    def go_back(self, cursor, message):
        """`message` is the first that answers an attach with this cursor (epoch, pos, hash): it goes on from there, wherever
        the view has come meanwhile."""
        if cursor is None:
            return
        if message["event"] == "delta" and message["epoch"] == self.epoch and message["from"] == cursor[1]:
            self.cut(message["from"])
        elif message["event"] == "reset" and cursor[0] < message["epoch"]:
            self.epoch = min(self.epoch, cursor[0])

    def apply(self, message) -> list:
        """Takes one `run` message; what is wrong with it, as (invariant, words)."""
        self.wants = None
        self.fresh = False
        try:
            return list(getattr(self, f"_{message['event']}")(message))
        except (KeyError, AttributeError, TypeError) as error:
            return [("I3", f"no such message: {error!r} in {message}")]

    def _snapshot(self, message):
        text = message["text"].encode()
        self.text, self._hash = bytearray(text), fold(text)
        self.epoch, self.status = message["epoch"], message["status"]
        if message["pos"] != len(text):
            yield "I3", f"a snapshot of {len(text)} bytes says pos {message['pos']}"
        yield from self._compare(message)

    def _delta(self, message):
        text = message["text"].encode()
        if message["epoch"] != self.epoch:
            self.wants = "hole"
            yield "I3", f"a delta of epoch {message['epoch']} without a reset from {self.epoch}"
            return
        if message["from"] != self.pos:
            self.wants = "hole" if message["from"] > self.pos else None
            yield "I3", f"a delta from {message['from']} at pos {self.pos}"
            return
        self.text += text
        self._hash = fold(text, self._hash)
        if message["pos"] != self.pos:
            yield "I3", f"a delta of {len(text)} bytes from {message['from']} says pos {message['pos']}"
        yield from self._compare(message)

    def _reset(self, message):
        if message["epoch"] <= self.epoch:
            yield "I3", f"a reset to epoch {message['epoch']} in epoch {self.epoch}"
        self.epoch = message["epoch"]
        self.cut(message["pos"])
        if self.pos == message["pos"]:
            yield from self._compare(message)

    def _top(self, message):
        self.status = message["status"]
        if message["epoch"] < self.epoch or (message["epoch"] == self.epoch and message["pos"] < self.pos):
            self.wants = "differs"
            yield "I3", f"top {message['epoch']}.{message['pos']} behind {self.epoch}.{self.pos}"
        elif message["epoch"] > self.epoch or message["pos"] > self.pos:
            self.wants = "hole"
        else:
            yield from self._compare(message)

    def _end(self, message):
        self.status, self.ended = message["status"], True
        if (message["epoch"], message["pos"]) == (self.epoch, self.pos):
            yield from self._compare(message)
        else:
            self.wants = "hole"
            yield "I3", f"end at {message['epoch']}.{message['pos']} of what is at {self.epoch}.{self.pos}"

    def _compare(self, message):
        if message["hash"] != self.hash:
            self.wants = "differs"
            yield "I2", f"hash {message['hash']} at {message['pos']}, own text has {self.hash}"


def snapshot_of(epoch, text, status="in_progress", cause="attach", **fields) -> dict:
    """As a gateway says it; for tests."""
    data = text.encode()
    return {"type": "run", "event": "snapshot", "epoch": epoch, "pos": len(data), "hash": hash_text(data), "status": status,
            "cause": cause, "text": text, **fields}  # fmt: skip
