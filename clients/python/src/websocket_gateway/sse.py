"""Server-Sent Events (WHATWG HTML, 9.2.6): lines in, events out."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    id: str
    kind: str
    data: str


@dataclass
class Parser:
    """line() with each line, without its end, answers the event that the line completes. `last_id` is that of the last one
    that was whole: an id whose event was cut is none to go on behind."""

    last_id: str = ""
    _id: str = ""
    _kind: str = "message"
    _data: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Of a new connection: half an event that the last one left is none."""
        self._id, self._kind, self._data = self.last_id, "message", []

    def line(self, line: str) -> Event | None:
        if not line:
            self.last_id = self._id
            event = Event(self.last_id, self._kind, "\n".join(self._data)) if self._data else None
            self._kind, self._data = "message", []
            return event
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._id = value
        return None


@dataclass
class Lines:
    """Bytes in, however they were cut; whole lines out. LF, CR LF and CR end a line."""

    _rest: bytes = b""

    def feed(self, data: bytes) -> list[str]:
        data = self._rest + data
        # A CR at the end may be the first half of CR LF.
        held = data[-1:] if data.endswith(b"\r") else b""
        whole = data[: len(data) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = whole.split(b"\n")
        self._rest = rest + held
        return [line.decode("utf-8", "replace") for line in lines]
