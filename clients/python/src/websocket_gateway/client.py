"""A client of /ws: asks, and reads the runs of the answers over any number of connections."""

import asyncio
import contextlib
import inspect
import logging
import random
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from .conversation import Conversation, Held, Pending, held_at, new_id
from .errors import ConnectionFailed
from .link import REFUSED, HeardConnection, open_socket
from .reconnect import OUR_FAULT, Again, Reconnect, Stop
from .run import Run

Token = str | Callable[[], str | None | Awaitable[str | None]] | None
Message = Mapping[str, Any]

SILENCE_SECONDS = 6.0  # with an open run something comes every 2 s
TICK_SECONDS = 0.5

log = logging.getLogger("websocket_gateway")


class Client:
    """See connect(). `state` is `connecting`, `open`, `waiting` (for the next try) or `closed`."""

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        client_id: str | None = None,
        runs: bool = False,
        on_message: Callable[[Message], None] | None = None,
        on_run: Callable[[Run], None] | None = None,
        on_state: Callable[[str], None] | None = None,
        websocket_options: Mapping[str, Any] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.client_id = client_id or new_id()
        self.state = "connecting"
        self.error: Exception | None = None  # why it is closed
        self.connection_id: str | None = None
        self._url = with_query(url, self.client_id, runs)
        self._token, self._options = token, dict(websocket_options or {})
        self._on_run, self._on_state = on_run, on_state
        self._on_message = on_message
        self._conversation = Conversation(on_message=lambda message: self._tell(self._on_message, message), on_pushed=self._pushed)
        self._reconnect = Reconnect(can_renew=callable(token), rng=rng)
        self._socket: HeardConnection | None = None
        self._welcomed: asyncio.Future[None] | None = None
        self._has_been_welcomed = False
        self._task: asyncio.Task[None] | None = None
        self._has_more = asyncio.Event()  # something to send
        self._at_once = asyncio.Event()
        self._ticket: str | None = None  # for the next connection
        self._opened_at = 0.0

    # What it is for.

    async def ask(
        self,
        channel: str,
        payload: Mapping[str, Any],
        *,
        thread_id: str | None = None,
        format: str | None = None,
        intent: str | None = None,
        id: str | None = None,
    ) -> Run:
        """Returns the run of the answer as soon as the gateway holds the question."""
        run_fields = {"thread_id": thread_id, "format": format}
        message = {"channel": channel, "intent": intent, "payload": payload, "id": id or new_id()}
        message = {name: value for name, value in message.items() if value is not None}
        message["run"] = {name: value for name, value in run_fields.items() if value is not None}
        run = Run(self)
        run._held.thread_id, run._held.channel = thread_id, channel
        await self._say(message, run._held)
        return same_run(run)

    async def send(self, channel: str, payload: Mapping[str, Any], *, intent: str | None = None, id: str | None = None) -> Message:
        """A message that asks for no run; the gateway's ack of it."""
        message = {"channel": channel, "intent": intent, "payload": payload, "id": id or new_id()}
        return await self._say({name: value for name, value in message.items() if value is not None})

    async def attach(
        self,
        run_id: str | None = None,
        *,
        cursor: str | None = None,
        text: str = "",
        thread_id: str | None = None,
        coalesce_ms: int | None = None,
    ) -> Run:
        """Reads a run from its start, on from a cursor (and the text up to it, if that was kept), or a thread's latest.

        Returns when the gateway has answered; raises Refused (`unknown_run`, `too_many_runs`, …) when it says no. One that
        this client reads already is that one.
        """
        if (run_id is None) == (thread_id is None):
            raise ValueError("attach to a run_id or to a thread_id")
        if cursor is not None:
            if run_id is None:
                raise ValueError("a cursor is of one run: say its run_id")
            held = held_at(cursor, text, lambda: None, run_id)
        else:
            held = Held(lambda: None, run_id, thread_id)
        held.coalesce_ms = coalesce_ms
        self._check_open()
        if run_id in self._conversation.runs:
            read: Run = self._conversation.runs[run_id].reader
            return read
        run = Run(self, held)
        self._conversation.attach(held, time.monotonic())
        self._flush()
        try:
            while not held.known and held.failure is None:
                await run.changed()
        except asyncio.CancelledError:
            run.detach()
            raise
        if held.failure is not None:
            raise held.failure
        return same_run(run)

    async def close(self) -> None:
        """Ends the connection, and no run."""
        self._end(ConnectionFailed("closed by its owner", 1000))
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def retry_now(self) -> None:
        """Tries at once where it waits for the next try: the network has come back."""
        self._at_once.set()

    # Inside: for Run.

    async def _cancel(self, run_id: str, reason: str | None) -> str:
        message = {"type": "cancel", "run_id": run_id, "id": new_id()}
        answer = await self._say(message | ({"reason": reason} if reason else {}))
        return str(answer["status"])

    def _detach(self, held: Held) -> None:
        self._conversation.detach(held)
        self._flush()

    def _pushed(self, message: Message) -> Held | None:
        if self._on_run is None:
            return None
        run = Run(self)
        held = run._held
        held.run_id, held.known = message["run_id"], True
        held.channel, held.thread_id = message.get("channel"), message.get("thread_id")
        self._tell(self._on_run, run)
        return None if run.detached else held

    def _tell(self, callback: Callable[[Any], None] | None, what: Any) -> None:
        """What a callback raises is its author's to read, and no reason to stop."""
        if callback is not None:
            try:
                callback(what)
            except Exception:
                log.exception("a callback of the client's raised")

    async def _say(self, message: dict[str, Any], held: Held | None = None) -> Message:
        self._check_open()
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

        def resolve(told: Message) -> None:
            if not answer.done():
                answer.set_result(told)

        def reject(error: Exception) -> None:
            if not answer.done():
                answer.set_exception(error)

        pending = Pending(message, resolve, reject, held)
        self._conversation.say(pending, time.monotonic())
        self._flush()
        try:
            return await answer
        finally:
            self._conversation.forget(pending)

    def _check_open(self) -> None:
        if self.state == "closed":
            raise ConnectionFailed("the client is closed")
        if self._task is None:
            raise ConnectionFailed("not connected: `await connect(…)`, or `async with connect(…)`")

    # Inside: the connection.

    async def _start(self, timeout: float | None) -> None:
        self._welcomed = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._keep_connected(), name="websocket-gateway-client")
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._welcomed)
        except TimeoutError:
            await self.close()
            raise ConnectionFailed(f"not welcomed within {timeout:g} s") from None
        except BaseException:
            await self.close()
            raise

    async def _keep_connected(self) -> None:
        try:
            await self._connect_again_and_again()
        except Exception as error:
            failure = ConnectionFailed(f"the client cannot go on: {error!r}")
            failure.__cause__ = error
            self._end(failure)

    async def _connect_again_and_again(self) -> None:
        while True:
            self._set_state("connecting")
            self._opened_at = time.monotonic()
            code, reason = await self._live_once()
            self.connection_id = None
            self._conversation.closed(ours=code in OUR_FAULT)
            if self.state == "closed":
                return
            refused = code is not None and code in REFUSED
            if refused and not self._has_been_welcomed:
                return self._end(ConnectionFailed(reason, code))
            if self._conversation.draining_ms is not None:
                self._reconnect.draining(self._conversation.draining_ms)
                self._ticket = self._conversation.ticket
            decision = self._reconnect.closed(None if refused else code, reason, lived=time.monotonic() - self._opened_at)
            if isinstance(decision, Stop):
                return self._end(ConnectionFailed(decision.reason, decision.code))
            await self._wait(decision, code)

    async def _wait(self, decision: Again, code: int | None) -> None:
        log.debug("connection ended (%s); again in %.2f s", code, decision.delay)
        self._set_state("waiting")
        self._at_once.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(decision.delay):
                await self._at_once.wait()

    async def _ask_for_token(self) -> str | None:
        told = self._token() if callable(self._token) else self._token
        return await told if inspect.isawaitable(told) else told

    async def _live_once(self) -> tuple[int | None, str]:
        """One connection from beginning to end; its close code, or the HTTP status that refused it."""
        try:
            token = await self._ask_for_token()
        except Exception as error:
            log.exception("the token cannot be had")
            return None, str(error)
        try:
            socket = await open_socket(self._url + self._take_ticket(), token, self._options)
        except ConnectionFailed as error:
            return error.code, str(error)
        except InvalidURI as error:
            return REFUSED[0], str(error)
        except (OSError, TimeoutError, InvalidHandshake, EOFError, ConnectionClosed) as error:
            return None, str(error)
        self._socket = socket
        self._opened_at = time.monotonic()
        self._conversation.opened(self._opened_at, token or None)
        helpers = [asyncio.create_task(self._help(socket, work)) for work in (self._write, self._watch)]
        try:
            self._flush()
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    self._heard(text)
            return socket.close_code, socket.close_reason or ""
        finally:
            self._socket = None
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            if self.state == "closed":
                with contextlib.suppress(ConnectionClosed, TimeoutError):
                    await socket.close()
            socket.transport.abort()

    def _take_ticket(self) -> str:
        """It spares the gateway a look at the session, beside the token of that; once."""
        ticket, self._ticket = self._ticket, None
        return f"&ticket={quote(ticket, safe='')}" if ticket else ""

    def _heard(self, text: str | bytes) -> None:
        try:
            self._conversation.received(text if isinstance(text, str) else text.decode(), time.monotonic())
        except Exception:
            log.exception("a message that cannot be understood: %.200r", text)
        if self._conversation.is_welcomed and self.state != "open":
            self._has_been_welcomed = True
            self.connection_id = self._conversation.connection_id
            self._reconnect.welcomed()
            self._set_state("open")
            if self._welcomed is not None and not self._welcomed.done():
                self._welcomed.set_result(None)
        self._flush()

    async def _help(self, socket: HeardConnection, work: Callable[[HeardConnection], Awaitable[None]]) -> None:
        try:
            await work(socket)
        except Exception:
            log.exception("the connection cannot be kept, and is made anew")
            socket.transport.abort()

    async def _write(self, socket: HeardConnection) -> None:
        out = self._conversation.out
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._has_more.clear()
                while out and self._socket is socket:
                    await socket.send(out.pop(0))
                await self._has_more.wait()

    async def _watch(self, socket: HeardConnection) -> None:
        """The clock of the conversation, and the end of a connection that has fallen silent."""
        quiet_until = time.monotonic()  # until then nothing had to come
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            if not self._conversation.expects_tops:
                quiet_until = now
            elif now - max(socket.last_heard, quiet_until) > SILENCE_SECONDS:
                socket.transport.abort()
            self._conversation.tick(now)
            self._flush()

    def _flush(self) -> None:
        if self._conversation.out:
            self._has_more.set()

    def _end(self, error: Exception) -> None:
        if self.state == "closed":
            return
        self.error = error
        self._set_state("closed")
        self._conversation.ended(error)
        if self._welcomed is not None and not self._welcomed.done():
            self._welcomed.set_exception(error)
            self._welcomed.exception()  # whoever waits for it has it; nobody may be there to

    def _set_state(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self._tell(self._on_state, state)


class Connecting:
    """What connect() returns: to be awaited, or entered."""

    def __init__(self, client: Client, timeout: float | None) -> None:
        self._client, self._timeout = client, timeout

    async def _connected(self) -> Client:
        await self._client._start(self._timeout)
        return self._client

    def __await__(self) -> Generator[Any, None, Client]:
        return self._connected().__await__()

    async def __aenter__(self) -> Client:
        return await self._connected()

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


def connect(url: str, *, open_timeout: float | None = 30.0, **options: Any) -> Connecting:
    """`client = await connect("wss://…/ws", token=…)`, or `async with connect(…) as client`: welcomed by the gateway.

    It comes back by itself, goes on where it was, and asks again, in the same session, what was not acknowledged. Options:
    those of Client.
    """
    return Connecting(Client(url, **options), open_timeout)


def same_run(run: Run) -> Run:
    """The one that is read already, where it turned out to be that."""
    read: Run = run._held.same_as.reader if run._held.same_as is not None else run
    return read


def with_query(url: str, client_id: str, runs: bool) -> str:
    query = f"client_id={quote(client_id, safe='')}" + ("&runs=1" if runs else "")
    return f"{url}{'&' if '?' in url else '?'}{query}"
