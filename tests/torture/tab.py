"""A browser's tab: one client that comes back with its cursors until it is closed, and shows what it holds of its runs."""

import asyncio
import contextlib
import itertools
import os

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from support.async_client import AsyncClient
from support.wait import end_tasks
from torture.fold import parse_cursor
from torture.view import View

DIAL_SECONDS = 10.0
SILENCE, PONG_WITHIN = 6.0, 10.0
GIVE_UP_ON = (1008, 4001, 4003, 4010)
ATTACH_EVERY = 0.3  # seconds, of one run
BROKEN = (OSError, ConnectionClosed, InvalidHandshake, InvalidMessage, TimeoutError, EOFError)


class Tab:
    """`urls`: WebSocket addresses of the instances, by number. `gateway` pins it to one."""

    _numbers = itertools.count(1)

    def __init__(self, journal, urls, session, rng, *, gateway=None, client_id=None):
        self.journal, self.urls, self.session, self.rng = journal, urls, session, rng
        self.name = f"tab-{next(self._numbers)}"
        self.client_id = client_id or f"c{os.urandom(8).hex()}"
        self.views = {}  # run_id -> View
        self.gone = False  # its session is over
        self.connected = asyncio.Event()
        self._pinned = gateway
        self._conn = self._connection = None
        self._lives, self._ids = itertools.count(1), itertools.count(1)
        self._unsaid = {}  # id -> (message, future of its ack)
        self._answers = {}  # id of a cancel -> future
        self._attached_at = {}
        self._attaching = {}  # id -> (run_id, cursor)
        self._followed = set()  # runs whose end is still to come
        self._changed = asyncio.Condition()
        self._task = self._last_said = None

    async def __aenter__(self):
        self._task = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_):
        await end_tasks([self._task])
        if not self._task.cancelled():
            self._task.result()

    # What its user does.

    async def say(self, channel, payload, *, format=None, thread_id=None, patience=40.0) -> str | None:
        """Asks for a run: its id, or None when that was refused or never acknowledged. Said again after each reconnect."""
        id = f"m{os.urandom(8).hex()}"
        run = {name: value for name, value in (("format", format), ("thread_id", thread_id)) if value}
        message = {"channel": channel, "intent": "chat", "payload": payload, "id": id, "run": run}
        future = asyncio.get_running_loop().create_future()
        self._unsaid[id] = message, future
        await self._send(message)
        try:
            async with asyncio.timeout(patience):
                ack = await future
        except TimeoutError:
            return None
        finally:
            self._unsaid.pop(id, None)
        self._last_said = message
        return ack.get("run_id")

    async def say_again(self):
        """The last message, word for word: a duplicate."""
        await self._send(self._last_said)

    async def attach(self, run, cursor=None):
        """Without a cursor from the start: as a tab that has just been opened."""
        id = f"a{next(self._ids)}"
        self._attaching[id] = run, cursor
        self._attached_at[run] = asyncio.get_running_loop().time()
        self._followed.add(run)
        await self._send({"type": "attach", "run_id": run, "id": id} | ({"cursor": cursor} if cursor else {}))

    async def detach(self, run):
        self._followed.discard(run)
        await self._send({"type": "detach", "run_id": run})

    async def cancel(self, run, patience=5.0) -> dict | None:
        """What it is answered: an ack or an error."""
        return await self.question({"type": "cancel", "run_id": run}, patience)

    async def question(self, message, patience=5.0) -> dict | None:
        """The ack or the error that answers it."""
        id = f"x{next(self._ids)}-{os.urandom(4).hex()}"
        future = self._answers[id] = asyncio.get_running_loop().create_future()
        await self._send(message | {"id": id})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                return await future
        return None

    async def drop(self):
        """Its connection ends; it comes back."""
        if self._connection is not None:
            self._connection.socket.transport.abort()

    async def until(self, run, predicate, patience) -> bool:
        """Waits until what it holds of a run is so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience), self._changed:
                await self._changed.wait_for(lambda: self.gone or (run in self.views and predicate(self.views[run])))
        return run in self.views and predicate(self.views[run])

    async def ended(self, run, patience=60.0) -> bool:
        return await self.until(run, lambda view: view.ended, patience)

    # Its connection.

    async def _live(self):
        while not self.gone:
            gateway = self.rng.randrange(len(self.urls)) if self._pinned is None else self._pinned
            with contextlib.suppress(*BROKEN):
                await self._live_once(gateway)
            self.connected.clear()
            self._connection = None
            await asyncio.sleep(self.rng.random() * 0.5)
        for future in [future for _, future in self._unsaid.values()] + list(self._answers.values()):
            if not future.done():
                future.set_result({})
        async with self._changed:
            self._changed.notify_all()

    async def _live_once(self, gateway):
        async with asyncio.timeout(DIAL_SECONDS):
            connection = await AsyncClient.dial(self.urls[gateway], self.session, query=f"client_id={self.client_id}", name=self.name)
        self._conn = f"{self.name}.{next(self._lives)}"
        self._connection = connection
        self.journal.note("opened", conn=self._conn, tab=self.name, gateway=gateway, session=self.session, client_id=self.client_id)
        by = "us"
        try:
            self._attaching.clear()
            if self.rng.random() < 0.5:  # it need not wait for the welcome
                await self._come_back()
                await self._read(connection, welcomed=True)
            else:
                await self._read(connection, welcomed=False)
            by = "them"
        finally:
            code = connection.socket.close_code
            self.journal.note("closed", conn=self._conn, tab=self.name, code=code, by=by)
            self.gone |= code in GIVE_UP_ON
            connection.socket.transport.abort()
            await asyncio.wait([connection._reader], timeout=5)

    async def _come_back(self):
        for run in list(self._followed):
            view = self.views.get(run)
            await self.attach(run, view.cursor if view and not view.fresh else None)

    async def _read(self, connection, *, welcomed):
        asked = None
        while True:
            try:
                message = await connection.next(lambda _: True, SILENCE if asked is None else PONG_WITHIN)
            except AssertionError:  # how an inbox says that nothing came, or that it ended
                if not connection.is_open or asked is not None:
                    return
                asked = True
                await self._send({"type": "ping"})
                continue
            asked = None
            self.journal.note("heard", conn=self._conn, tab=self.name, message=message)
            if message.get("event") == "welcome":
                self.connected.set()
                if not welcomed:
                    await self._come_back()
                for unsaid, _ in list(self._unsaid.values()):
                    await self._send(unsaid)
            await self._take(message)
            async with self._changed:
                self._changed.notify_all()

    async def _send(self, message):
        """What cannot be sent is lost: who wants it said says it again."""
        if self._connection is None:
            return
        if message.get("type") != "ping":
            self.journal.note("sent", conn=self._conn, tab=self.name, message=message)
        with contextlib.suppress(*BROKEN):
            async with asyncio.timeout(DIAL_SECONDS):
                await self._connection.send(message)

    # What it hears.

    async def _take(self, message):
        kind, id = message.get("type"), message.get("id")
        if kind == "run":
            return await self._take_run(message)
        if kind in ("ack", "error"):
            if id in self._unsaid and not self._unsaid[id][1].done():
                self._unsaid[id][1].set_result(message)
                if "run_id" in message:
                    self._followed.add(message["run_id"])
            if id in self._answers and not self._answers[id].done():
                self._answers[id].set_result(message)
            if message.get("attached") is False:  # the run could not be read just then
                await self.attach(message["run_id"])
            if kind == "error" and id in self._attaching:
                await self._attach_later(*self._attaching.pop(id), message.get("code"))
        return None

    async def _attach_later(self, run, cursor, code):
        if code == "unknown_run":
            self._followed.discard(run)
        elif run in self._followed:
            await asyncio.sleep(ATTACH_EVERY)
            await self.attach(run, cursor)

    async def _take_run(self, message):
        run = message["run_id"]
        view = self.views.setdefault(run, View())
        if (asked := self._attaching.pop(message.get("id"), None)) is not None:
            view.go_back(parse_cursor(asked[1]), message)
        problems = view.apply(message)
        if view.ended and not view.wants:
            self._followed.discard(run)
        elif view.wants and all(run != asked for asked, _ in self._attaching.values()):
            now = asyncio.get_running_loop().time()
            if now - self._attached_at.get(run, 0) > ATTACH_EVERY:
                view.ended = False
                await self.attach(run, view.cursor if view.wants == "hole" and not problems else None)


def forged(cursor, rng) -> str:
    """One that fits nowhere: another hash, an epoch to come, or further than there is."""
    epoch, pos, hash = parse_cursor(cursor)
    wrong = f"{(int(hash, 16) ^ rng.randrange(1, 1 << 20)) & ((1 << 56) - 1):014x}"
    return rng.choice((f"{epoch}.{max(pos, 1)}.{wrong}", f"{epoch + 40}.{pos}.{hash}", f"{epoch}.{pos + 200_000}.{hash}"))
