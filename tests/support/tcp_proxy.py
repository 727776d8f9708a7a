"""A TCP proxy on loopback that is slow, deaf or broken when told to: the network between two processes.

    with TcpProxy(("127.0.0.1", redis.port)) as proxy:
        proxy.set(latency_ms=200)                                   # either way: 400 ms a round trip
        proxy.set("down", stalled=True, only=sent(b"SUBSCRIBE"))    # towards those that had sent that
        proxy.clear()
        proxy.cut()

"up" is from the client to the target, "down" from the target to the client.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from support.tcp_link import Link, Shape

DEADLINE = 20.0


def sent(text: bytes) -> Callable[[bytes], bool]:
    """Selects the connections whose client sent `text` (in any case) among its first 4096 bytes."""
    return lambda opening: text.lower() in opening.lower()


def not_sent(text: bytes) -> Callable[[bytes], bool]:
    return lambda opening: text.lower() not in opening.lower()


@dataclass(frozen=True)
class Rule:
    direction: str
    only: Callable[[bytes], bool] | None
    settings: dict


class TcpProxy:
    """Listens on `port` of loopback from `with` on. What set() says holds for connections to come, too."""

    def __init__(self, target, host="127.0.0.1"):
        self.target = target
        self.host = host
        self.port = None
        self.accepted = 0
        self._rules = []
        self._links = set()
        self._listener = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._do(self._listen)
        return self

    def __exit__(self, *_):
        self._do(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    @property
    def address(self):
        return self.host, self.port

    # What may be wrong with a network.

    def set(self, direction="both", *, only=None, latency_ms=None, bandwidth=None, stalled=None):
        """Adds to what holds: latency one way, bytes a second, or stalled: accepted, kept, not passed on.

        `only`, given what a connection's client sent first, selects connections.
        """
        assert direction in ("up", "down", "both"), direction
        settings = {"latency": None if latency_ms is None else latency_ms / 1000}
        settings |= {"bandwidth": bandwidth, "stalled": stalled}
        given = {name: value for name, value in settings.items() if value is not None}
        self._do(lambda: self._rules.append(Rule(direction, only, given)))
        self._do(self._reshape_all)

    def clear(self):
        """Takes back all that set() said; what was kept is passed on. Half-open connections stay so."""
        self._do(self._rules.clear)
        self._do(self._reshape_all)

    def cut(self, *, only=None, reset=True) -> int:
        """Ends connections on both sides, at once by RST, or by FIN; returns how many."""
        return self._each(only, lambda link: link.close(reset=reset))

    def half_open(self, *, dead="target", only=None) -> int:
        """One side is closed, the other is told nothing and swallowed from now on; returns how many."""
        return self._each(only, lambda link: link.half_open(dead))

    def refuse(self):
        """New connections are refused, those there are stay."""
        self._do(self._refuse)

    def accept(self):
        """Ends refuse()."""
        self._do(self._listen)

    # What can be known of the connections.

    def connections(self, only=None) -> int:
        """How many there are that both sides hold."""
        return self._do(lambda: len(self._selected(only)))

    def passed(self, direction, only=None) -> int:
        """Bytes passed on by the connections there are."""
        return self._do(lambda: sum(link.flow(direction).passed for link in self._selected(only)))

    # On the loop.

    def _do(self, call):
        async def run():
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(DEADLINE)

    def _listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port or 0))
        listener.listen(1024)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._loop.add_reader(listener, self._accept, listener)

    def _refuse(self):
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._listener = None

    def _accept(self, listener):
        with contextlib.suppress(BlockingIOError):
            client, _ = listener.accept()
            self.accepted += 1
            link = Link(self._loop, client, self.target, on_change=self._changed)
            self._links.add(link)
            self._changed(link)

    def _changed(self, link):
        if link.closed:
            self._links.discard(link)
        else:
            self._reshape(link)

    def _selected(self, only):
        return [link for link in self._links if link.whole and (only is None or only(link.opening))]

    def _each(self, only, act):
        def run():
            selected = self._selected(only)
            for link in selected:
                act(link)
            return len(selected)

        return self._do(run)

    def _reshape_all(self):
        for link in list(self._links):
            self._reshape(link)

    def _reshape(self, link):
        for direction in ("up", "down"):
            settings = {}
            for rule in self._rules:
                if rule.direction in (direction, "both") and (rule.only is None or rule.only(link.opening)):
                    settings |= rule.settings
            link.flow(direction).reshape(Shape(**settings))

    def _close(self):
        if self._listener is not None:
            self._refuse()
        for link in list(self._links):
            link.close(reset=True)
