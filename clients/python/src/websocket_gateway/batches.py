"""What an agent says, before it is a batch: text or items, in bytes as they will stand in the log."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .characters import well_formed

# Events of AI SDK and AG-UI that end a stream: beside the run's end they are it, before that the gateway leaves them out.
LASTS = ("finish", "abort", "RUN_FINISHED", "RUN_ERROR")
LONE_HIGH = re.compile("[\ud800-\udbff]\\Z")


@dataclass
class Batch:
    """One append. The same bytes go out under the same seq until they are answered for."""

    data: bytes  # as they stand in the log
    end: dict[str, Any] | None = None

    def fields(self, is_text: bool) -> str:
        """Its members of the request's body, always in the same bytes."""
        parts = []
        if self.data:
            text = self.data.decode()
            lines = text.removesuffix("\n").split("\n")
            parts.append(f'"text":{json.dumps(text)}' if is_text else f'"items":[{",".join(lines)}]')
        if self.end is not None:
            parts.append(f'"end":{json.dumps(self.end)}')
        return ",".join(parts)


class Unsent:
    """Collects until it is time for a batch. Halves of a character that come apart are put together again, and of a framed
    run the events that end its stream wait for the end."""

    def __init__(self, is_text: bool, *, is_framed: bool = False) -> None:
        self.is_text, self._is_framed = is_text, is_framed
        self.since: float | None = None  # when the oldest of it was said
        self._parts: list[bytes] = []
        self._half = ""
        self._lasts: dict[str, bytes] = {}  # by their type
        self.size = 0

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)

    def add_text(self, text: str, now: float) -> None:
        text = self._half + text
        self._half = ""
        if LONE_HIGH.search(text):
            text, self._half = text[:-1], text[-1]
        self._add(well_formed(text).encode(), now)

    def add_item(self, item: Any, now: float) -> None:
        line = line_of(item)
        kind = str(item.get("type")) if self._is_framed and isinstance(item, Mapping) else ""
        if kind != "finish" or kind in self._lasts:  # an abort may stand before it
            self._followed(now)
        if kind in LASTS:
            self._lasts[kind] = line
        else:
            self._add(line, now)

    def _add(self, data: bytes, now: float) -> None:
        if data:
            self._parts.append(data)
            self.size += len(data)
            self.since = now if self.since is None else self.since

    def _followed(self, now: float) -> None:
        """What was to be the end was none. Of it the gateway would say the metadata alone."""
        metadata = json.loads(self._lasts.get("finish", b"{}")).get("messageMetadata")
        self._lasts.clear()
        if metadata is not None:
            self._add(line_of({"type": "message-metadata", "messageMetadata": metadata}), now)

    def close(self, now: float) -> None:
        """Nothing more comes: half a character that has stayed alone is none."""
        for line in self._lasts.values():
            self._add(line, now)
        self._lasts.clear()
        if self._half:
            self._half = ""
            self._add("\ufffd".encode(), now)

    def clear(self) -> None:
        self._parts, self.size, self.since, self._half = [], 0, None, ""
        self._lasts.clear()

    def take(self, most: int, items_max: int) -> bytes:
        """Up to so many bytes, in whole characters and whole lines."""
        data = self.data
        cut = self._place(data, most, items_max)
        self._parts = [data[cut:]] if cut < len(data) else []
        self.size = len(data) - cut
        if not self.size:
            self.since = None
        return data[:cut]

    def _place(self, data: bytes, most: int, items_max: int) -> int:
        if not self.is_text:
            return end_of_lines(data, most, items_max)
        cut = min(most, len(data))
        while cut < len(data) and data[cut] & 0xC0 == 0x80:
            cut -= 1
        return cut


def line_of(item: Any) -> bytes:
    return json.dumps(item, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def end_of_lines(data: bytes, most: int, lines_max: int) -> int:
    """Where the last line ends that fits; the first always does."""
    end = 0
    for _ in range(lines_max):
        after = data.find(b"\n", end) + 1
        if not after or (end and after > most):
            break
        end = after
    return end
