"""What everybody writes down while a run of the torture lasts: one list of entries, each a dict with `t` and `what`.

| what | fields | who writes it |
| --- | --- | --- |
| `settings` | `start_timeout`, `ack_wait` of the gateways, in seconds; `wall_ahead`: time.time() less these times | the world |
| `opened`, `closed` | `conn`, `tab`, `gateway`, `session`, `client_id`; `code`, `by` (`us`, `them`) | tabs |
| `sent`, `heard` | `conn`, `tab`, `message` | tabs, each message as it was on the wire |
| `asked` | `n`, `call`, `run`, `body`, `gateway`, `key`? | agents, before a request leaves |
| `answered`, `unanswered` | `n`, `status`, `body`; `why` | agents |
| `envelope` | `agent`, `event_id`, `envelope` | agents |
| `died` | `producers`: who owned runs there | whoever killed or stopped them |
| `record` | `run`, `gateway`, `record`, `log` | observers: GET /runs/{id}?include=log |
| `stream` | `run`, `gateway`, `format`, `text`, `last_id`, `clean` | readers of /v1/stream/{id}, at the end |
| `fault` | `kind`, `target`, `since`, `until`, and `copied_at` where data was lost from then on | faults |
| `foreign` | `address`, `foreign`, `absent`: two answers, `seconds` | those who look for what is not theirs |
| `memory` | `gateway`, `bytes`, `idle_bytes` | slow readers |
| `intended` | `run`, `epoch`, `text`, `heals` | producers, once their end was answered: what the log has to be |

Times are time.monotonic(), which all processes of a machine share.
"""

import json
import os
import threading
import time


class Journal:
    """`echo` also gets each entry, as a line: the pipe of a process that may be killed at any moment."""

    def __init__(self, echo=None, keep=True):
        self.entries = []
        self._echo, self._keep = echo, keep
        self._lock = threading.Lock()

    def note(self, what, **fields) -> dict:
        entry = {"t": time.monotonic(), "what": what, **fields}
        self.add(entry)
        return entry

    def add(self, entry):
        with self._lock:
            if self._keep:
                self.entries.append(entry)
            if self._echo is not None:
                write_all(self._echo, (json.dumps(entry) + "\n").encode())

    def in_order(self) -> list:
        with self._lock:
            return sorted(self.entries, key=lambda entry: entry["t"])


def write_all(descriptor, data):
    while data:
        data = data[os.write(descriptor, data) :]


def dumps(value) -> str:
    """As every agent here writes JSON: so a log of items can be foretold byte for byte."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
