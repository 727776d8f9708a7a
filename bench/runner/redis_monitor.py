"""Which commands a Redis server executes, phase by phase, as MONITOR tells it.

INFO commandstats alone can't say which commands came over the wire: a script's calls count there too. MONITOR marks
those with `lua`. The sums of both are compared at the end, so that nothing was missed.
"""

import collections
import re
import socket
import threading

LINE = re.compile(rb'\+([\d.]+) \[\d+ (\S+)\] "(\w+)"(?: "([^"]*)")?')
DEADLINE_S = 20


class Client:
    """One blocking connection for inline commands with one reply."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self.stream = self.socket.makefile("rb")

    def ask(self, command):
        self.socket.sendall(command.encode() + b"\r\n")
        line = self.stream.readline()
        if line[:1] == b"$":
            return self.stream.read(int(line[1:]) + 2).decode()
        if line[:1] != b"+":
            raise ConnectionError(f"Redis: {command}: {line!r}")
        return line.decode()

    def close(self):
        self.stream.close()
        self.socket.close()


class Phase:
    """What was executed between a mark and the next one."""

    def __init__(self):
        self.seconds = 0.0
        self.wire = collections.Counter()  # by command
        self.in_scripts = 0


class Monitor:
    """Counts from `with` on. Whoever sends a mark (ECHO phase:<name>, empty: none) is no part of what is counted."""

    def __init__(self, port):
        self.phases = collections.defaultdict(Phase)
        self._observed = Client(port)
        self._asking = Client(port)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._phase, self._since = "", 0.0
        self._observers = set()
        self._total = 0
        self._at_info = []  # how many commands had been seen before each INFO
        self._changed = threading.Condition()

    def __enter__(self):
        self._observed.ask("MONITOR")
        self._observed.socket.settimeout(None)
        self._reader.start()
        self._calls_before = self._calls()
        return self

    def __exit__(self, *_):
        self._observed.socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._observed.close()
        self._asking.close()

    def mark(self, phase):
        self._asking.ask(f"ECHO phase:{phase}")

    def check(self):
        """To be called last: everything that Redis counted was seen here."""
        calls = self._calls() - self._calls_before
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._at_info) == 2, DEADLINE_S):
                raise ConnectionError("MONITOR went silent")
        seen = self._at_info[1] - self._at_info[0]
        if seen != calls:
            raise ConnectionError(f"MONITOR showed {seen} commands of {calls} in INFO commandstats")

    def _calls(self):
        return sum(int(calls) for calls in re.findall(r"^cmdstat_\S+:calls=(\d+)", self._asking.ask("INFO commandstats"), re.M))

    def _read(self):
        for line in self._observed.stream:
            match = LINE.match(line)
            if match:
                with self._changed:
                    self._take(float(match[1]), match[2], match[3].upper().decode(), match[4] or b"")
                    self._changed.notify_all()

    def _take(self, time, client, name, argument):
        if name == "INFO" and argument == b"commandstats":  # instances ask for other sections
            self._at_info.append(self._total)
        self._total += 1
        if name == "ECHO" and argument.startswith(b"phase:"):
            self._observers.add(client)
            if self._phase:
                self.phases[self._phase].seconds += time - self._since
            self._phase, self._since = argument[6:].decode(), time
        elif self._phase and client not in self._observers:
            phase = self.phases[self._phase]
            if client == b"lua":
                phase.in_scripts += 1
            else:
                phase.wire[name] += 1
