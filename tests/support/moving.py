"""Clients that move from instance to instance as clients/js does, many in one process, and the proxy before those."""

import asyncio
import base64
import itertools
import json
import os
import random
import re
import time


AT_ONCE = 200  # handshakes, when all connect at first


class Fleet:
    """All clients, and the proxy in front of the instances: it deals out to those that are ready."""

    def __init__(self, gateways, sessions):
        self.ready = list(gateways)
        self.sessions = sessions
        self.turns = itertools.count()
        self.handshakes, self.waits = [], []
        self.open = 0
        self.errors = []

    def next(self):
        return self.ready[next(self.turns) % len(self.ready)]


class Connection(asyncio.Protocol):
    """One connection of a client; `ended` is answered with the last `draining`, or nothing."""

    def __init__(self, path, host):
        self.loop = asyncio.get_running_loop()
        self.welcomed, self.ended = self.loop.create_future(), self.loop.create_future()
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n\r\n"
        ).encode()
        self._input, self._is_open = b"", False
        self._told = None

    def connection_made(self, transport):
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data):
        self._input += data
        if not self._is_open:
            head, end, rest = self._input.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head[:16]:
                return self._transport.abort()
            self._is_open, self._input = True, rest
        while self._frame():
            pass

    def _frame(self):
        data = self._input
        if len(data) < 2:
            return False
        size, at = data[1] & 127, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        if len(data) < at + size:
            return False
        payload, self._input = data[at : at + size], data[at + size :]
        if data[0] & 15 == 1:
            self._message(json.loads(payload))
        elif data[0] & 15 == 8:
            self._transport.write(b"\x88\x82\0\0\0\0" + payload[:2])
            self._transport.close()
        return True

    def _message(self, message):
        if message.get("event") == "welcome" and not self.welcomed.done():
            self.welcomed.set_result(True)
        elif message.get("event") == "draining":
            self._told = message

    def cut(self):
        self._transport.abort()

    def connection_lost(self, _):
        if not self.welcomed.done():
            self.welcomed.set_result(False)
        if not self.ended.done():
            self.ended.set_result(self._told)


async def live(fleet, session, turn):
    ticket, left, failures = "", None, 0
    while True:
        gateway = fleet.next()
        if left is not None:
            fleet.handshakes.append(time.monotonic())
        path = f"/ws?session_token={session}" + (f"&ticket={ticket}" if ticket else "")
        ticket = ""
        try:
            async with turn if left is None else asyncio.timeout(10):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda path=path, gateway=gateway: Connection(path, f"{gateway.host}:{gateway.port}"), gateway.host, gateway.port
                )
                is_welcome = await connection.welcomed
        except (OSError, TimeoutError):
            is_welcome = False
        if is_welcome:
            if left is not None:
                fleet.waits.append(time.monotonic() - left)
            fleet.open += 1
            try:
                failures, told = 0, await connection.ended
            finally:
                fleet.open -= 1
                connection.cut()
            left, ticket = time.monotonic(), (told or {}).get("ticket", "")
            if told and told["retry_after_ms"] == 0:
                continue
            fleet.errors.append(f"sent away with {told}")
        await asyncio.sleep(random.random() * min(20, 0.25 * 2**failures))
        failures += 1


def most_within(times, seconds):
    most = first = 0
    for last, moment in enumerate(times):
        while moment - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def tickets(*gateways):
    """How many of all of these were issued, accepted, refused."""
    text = "".join(gateway.api.get("/metrics").text for gateway in gateways)
    found = re.findall(r'^gateway_tickets_total\{.*?outcome="(\w+)".*?\} (\S+)$', text, re.MULTILINE)
    return {outcome: sum(int(float(count)) for name, count in found if name == outcome) for outcome, _ in found}


async def moved(fleet, count, replace, deadline=60):
    """So many connect; then `replace` runs in a thread of its own, until all are there again. What it returned."""
    turn = asyncio.Semaphore(AT_ONCE)
    tasks = [asyncio.create_task(live(fleet, fleet.sessions[n % len(fleet.sessions)], turn)) for n in range(count)]

    async def all_there():
        async with asyncio.timeout(deadline):
            while fleet.open < count:
                await asyncio.sleep(0.05)
                for task in tasks:
                    if task.done():
                        task.result()  # it raises

    try:
        await all_there()
        result = await asyncio.to_thread(replace)
        await all_there()
        return result
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def mean_rate(times):
    """Of handshakes, while any are made: while it is waited for the next instance, nobody moves."""
    pauses = sum(after - before for before, after in itertools.pairwise(times) if after - before > 0.5)
    return len(times) / (times[-1] - times[0] - pauses)
