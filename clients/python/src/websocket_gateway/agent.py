"""An agent: hears what clients say on a channel, and answers in runs."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import uuid
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Self

import httpx

from .answer import Answer
from .api import AGAIN, Api, NoAnswer, answer_of, floor_of
from .backoff import Backoff
from .envelope import Envelope
from .errors import Refused
from .sse import Event, Lines, Parser
from .writer import OVER

Keep = Literal["all"] | int | Callable[[str], str]

# Keep-alive comments come more often; silence for longer means that the connection is dead.
SILENCE_SECONDS = 60.0
# Messages that were delivered to a group and wait here for their turn are told to be in work so often.
WORKING_SECONDS = 8.0
WAITING_MAX = 256  # messages that were heard and wait for the agent; then it is not read on

log = logging.getLogger("websocket_gateway")


def new_producer() -> str:
    """Names one process's life."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:16]}"


class Agent:
    """`async with Agent("https://…", key="…") as gw`."""

    def __init__(self, url: str, key: str, *, producer: str | None = None, http_options: Mapping[str, Any] | None = None) -> None:
        self.producer = producer or new_producer()
        self._writing: set[str] = set()  # the runs that this process has entered
        self._handed_out: dict[str, asyncio.Task[None]] = {}  # those that it was given, and will enter
        self._api = Api(url, key, **(http_options or {}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        for task in self._handed_out.values():
            task.cancel()
        await asyncio.gather(*self._handed_out.values(), return_exceptions=True)
        await self._api.close()

    # Hearing.

    async def subscribe(
        self,
        channel: str,
        group: str | None = None,
        *,
        plain: bool = False,
        on_gap: Callable[[str], None] | None = None,
        lease_ms: int | None = None,
    ) -> AsyncGenerator[Envelope, None]:
        """The messages on a channel that ask for a run, each claimed for this agent; with a group each goes to one member.

        It comes back by itself. `plain`: the messages that ask for no run as well. `on_gap` hears when some were missed.
        """
        async with contextlib.aclosing(self._waiting(channel, group, on_gap)) as waiting:
            async for envelope in waiting:
                if envelope.run is None:
                    if plain:
                        yield envelope
                    else:
                        log.warning("a message on %s asks for no run, and is left: subscribe(plain=True) hears it", channel)
                elif (claimed := await self._claim_or_leave(envelope, lease_ms)) is not None:
                    self._hand_out(envelope, claimed)
                    yield envelope

    async def serve(
        self,
        channel: str,
        answer: Callable[[Answer], Awaitable[None]],
        group: str | None = None,
        *,
        at_once: int = 16,
        keep: Keep = 0,
        lease_ms: int | None = None,
        on_gap: Callable[[str], None] | None = None,
    ) -> None:
        """Calls `answer` with each run, several at once, until it is cancelled."""
        places = asyncio.Semaphore(at_once)

        async def write(envelope: Envelope) -> None:
            try:
                async with self.run(envelope, keep=keep, lease_ms=lease_ms) as run:
                    await answer(run)
            except Exception:  # the run has failed with it
                log.exception("run %s was not answered", envelope.run_id)
            finally:
                places.release()

        try:
            async with asyncio.TaskGroup() as tasks:
                messages = self.subscribe(channel, group, lease_ms=lease_ms, on_gap=on_gap)
                async with contextlib.aclosing(messages) as envelopes:
                    await places.acquire()
                    async for envelope in envelopes:
                        tasks.create_task(write(envelope))
                        await places.acquire()  # before the next is claimed
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None  # hearing has failed; what fails a run is logged

    # Answering.

    def run(self, envelope: Envelope | Mapping[str, Any], *, keep: Keep = 0, lease_ms: int | None = None, acknowledge: bool = True) -> Answer:
        """The run that the message asks for, to be entered.

        `keep`: what stays of what an earlier owner wrote, who died over it: 0 of it, `"all"`, a number of bytes, or what a
        function answers that is given the text. `acknowledge`: of a group's message, once the run's end is stored.
        """
        envelope = envelope if isinstance(envelope, Envelope) else Envelope(envelope)
        if envelope.run is None:
            raise ValueError("this message asks for no run")
        return Answer(self, envelope, keep, lease_ms, acknowledge)

    async def send(self, message: Any, **to: str) -> None:
        """A message outside of any run, to one of `connection_id`, `session_ref`, `session_id` and `user_id`."""
        await self._api.until_answered("/websocket/send", {"message": message, **to})

    async def ack(self, envelope: Envelope) -> None:
        """A group's message is done with. Leaving a run does this."""
        if envelope.group is not None and envelope.id:
            await self._tell_group("ack", envelope.channel, envelope.group, [envelope.id])

    async def working(self, envelope: Envelope) -> None:
        """A group's message takes long: it is given to nobody else for another `ack-wait`. A run that is written says this itself."""
        if envelope.group is not None and envelope.id:
            await self._tell_group("working", envelope.channel, envelope.group, [envelope.id])

    # Inside.

    async def _tell_group(self, verb: str, channel: str, group: str, ids: Sequence[str]) -> None:
        await self._api.until_answered(f"/websocket/{verb}", {"channel": channel, "group": group, "ids": list(ids)})

    async def _done_with(self, envelope: Envelope) -> None:
        """Acknowledged; where that is refused, nobody gets it again or everybody finds it over."""
        try:
            await self.ack(envelope)
        except Refused as error:
            log.warning("message %s cannot be acknowledged: %s", envelope.message_id, error)

    async def _claim(self, envelope: Envelope, keep: Literal["all"] | int, lease_ms: int | None) -> dict[str, Any]:
        body: dict[str, Any] = {"producer": self.producer, "token": uuid.uuid4().hex, "keep": keep, "include_text": True}
        body |= envelope.claim_fields(lease_ms)
        return await self._api.until_answered(f"/runs/{envelope.run_id}/claim", body)

    async def _claim_or_leave(self, envelope: Envelope, lease_ms: int | None) -> dict[str, Any] | None:
        """None where it is not for this agent: over already, which is acknowledged, or another's, who acknowledges it."""
        if envelope.run_id in self._writing or envelope.run_id in self._handed_out:
            return None  # delivered again while it is being answered, or waits for that
        try:
            return await self._claim(envelope, "all", lease_ms)
        except Refused as error:
            if error.code in OVER:
                await self._done_with(envelope)
            elif error.code not in ("run_held", "run_moved"):
                raise
            log.info("run %s is not for this agent: %s", envelope.run_id, error.code)
            return None

    def _hand_out(self, envelope: Envelope, claimed: dict[str, Any]) -> None:
        """Claimed, and kept until it is entered, or nobody has the envelope any more."""
        run_id = str(envelope.run_id)
        envelope.claims.append(claimed)
        task = asyncio.create_task(self._keep(weakref.ref(envelope), run_id, claimed))
        self._handed_out[run_id] = task

    def _take(self, envelope: Envelope) -> Mapping[str, Any]:
        """The claim of one that was handed out; whoever takes it keeps it."""
        if (task := self._handed_out.pop(str(envelope.run_id), None)) is not None:
            task.cancel()
        return envelope.claims.pop()

    async def _keep(self, envelope: weakref.ref[Envelope], run_id: str, claimed: Mapping[str, Any]) -> None:
        lease = claimed["lease_ms"] / 1000
        body, pause = {"producer": self.producer, "epoch": claimed["epoch"]}, lease / 3
        try:
            while await asyncio.sleep(pause, envelope() is not None):
                try:
                    await self._api.post(f"/runs/{run_id}/heartbeat", body, seconds=lease / 4)
                    pause = lease / 3
                except NoAnswer:
                    pause = lease / 10
        except Refused as error:
            log.info("run %s waits for its turn no more: %s", run_id, error.code)  # who enters it is told
        finally:
            if self._handed_out.get(run_id) is asyncio.current_task():
                del self._handed_out[run_id]

    async def _waiting(self, channel: str, group: str | None, on_gap: Callable[[str], None] | None) -> AsyncGenerator[Envelope, None]:
        """What was heard, in order. A group's messages that wait here are told to be in work."""
        heard: asyncio.Queue[Envelope | None] = asyncio.Queue(WAITING_MAX)
        waiting: dict[str, Envelope] = {}

        async def listen() -> None:
            try:
                async for event in self._events(channel, group):
                    if event.kind != "message":
                        log.warning("%s: %s: %s", channel, event.kind, event.data)
                        if on_gap is not None:
                            on_gap(event.data)
                    elif not (group and event.id in waiting):
                        envelope = Envelope(json.loads(event.data), event.id, group)
                        waiting[event.id] = envelope
                        await heard.put(envelope)
            except Exception:
                await heard.put(None)  # behind what was heard; who is cancelled waits for no place
                raise

        async def keep_waiting() -> None:
            while group:
                await asyncio.sleep(WORKING_SECONDS)
                if waiting:
                    with contextlib.suppress(Refused):  # they are delivered again then
                        await self._tell_group("working", channel, group, list(waiting))

        tasks = [asyncio.create_task(listen()), asyncio.create_task(keep_waiting())]
        try:
            while (envelope := await heard.get()) is not None:
                yield envelope
                waiting.pop(envelope.id, None)
            await tasks[0]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _events(self, channel: str, group: str | None) -> AsyncGenerator[Event, None]:
        """Over any number of connections. Refused when another try would not help."""
        parser, backoff = Parser(), Backoff(0.25, 20.0)
        while True:
            floor = 0.0
            try:
                async for event in self._events_once(channel, group, parser, backoff):
                    yield event
            except NoAnswer as error:
                log.info("%s: %s: %s; again", self._api.address(""), channel, error)
                floor = error.floor
            except (httpx.TransportError, OSError) as error:
                log.info("%s: %s: %r; again", self._api.address(""), channel, error)
            await asyncio.sleep(backoff.next(floor))

    async def _events_once(self, channel: str, group: str | None, parser: Parser, backoff: Backoff) -> AsyncGenerator[Event, None]:
        params = {"channel": channel} | ({"group": group} if group else {})
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": parser.last_id} if parser.last_id and not group else {})
        timeout = httpx.Timeout(10.0, read=SILENCE_SECONDS)
        address = self._api.address("/websocket/subscribe")
        async with self._api.http.stream("GET", address, params=params, headers=headers, timeout=timeout) as response:
            if response.status_code in AGAIN:
                raise NoAnswer(f"answered with {response.status_code}", floor_of(response))
            if response.status_code != 200:
                await response.aread()
                answer_of(response)
            backoff.reset()
            lines = Lines()
            parser.begin()
            async for data in response.aiter_raw():
                for line in lines.feed(data):
                    if (event := parser.line(line)) is not None:
                        yield event
