"""A run as its agent writes it."""

import asyncio
import contextlib
import inspect
import logging
import time
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .api import Api, NoAnswer
from .backoff import Backoff
from .chunks import text_of
from .envelope import Envelope
from .errors import AgentError, GatewayError, Refused, RunOver
from .writer import ANOTHERS, OVER, Request, Writer

if TYPE_CHECKING:
    from .agent import Agent, Keep

Stream = AsyncIterable[Any] | Iterable[Any] | AbstractAsyncContextManager[Any]

FORMATS = ("text", "json")  # any other is a protocol's, whose frames the gateway writes
STOP_SECONDS = 5.0  # how long a process that is stopped waits for the end of its runs to be stored
UNSENT_BYTES_MAX = 64 * 1024  # of one run: then append() waits
MESSAGE_CHARACTERS_MAX = 500

log = logging.getLogger("websocket_gateway")


class Answer:
    """`async with gw.run(envelope) as run`: claimed inside, ended at its end, kept alive in between.

    Leaving it ends the run as `completed`, or `cancelled` when somebody asked for that; an exception as `failed`.
    """

    def __init__(self, agent: "Agent", envelope: Envelope, keep: "Keep", lease_ms: int | None, acknowledge: bool) -> None:
        self.envelope = envelope
        self.earlier = ""  # what an earlier owner wrote, as far as it stays
        self._agent, self._keep, self._lease_ms, self._acknowledge = agent, keep, lease_ms, acknowledge
        self._path = f"/runs/{envelope.run_id}"
        self._writer: Writer | None = None
        self._wake, self._news, self._cancel = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._end: dict[str, Any] | None = None

    # What is known of it.

    @property
    def run_id(self) -> str:
        return str(self.envelope.run_id)

    @property
    def cancelled(self) -> bool:
        """Whether its end was asked for, or it is not ours any more: nobody needs the rest."""
        return self._cancel.is_set()

    async def until_cancelled(self) -> None:
        await self._cancel.wait()

    @property
    def text(self) -> str:
        """All of it, with what an earlier owner wrote, said or on its way."""
        return self.earlier + self._open.written.decode() + b"".join(self._open.unsent._parts).decode()

    @property
    def epoch(self) -> int:
        return self._open.epoch

    @property
    def pos(self) -> int:
        """Bytes of the log that the gateway has answered for."""
        return self._open.pos

    # What the agent says.

    async def append(self, text: str) -> None:
        """Taken into the batch: on its way within 25 ms. Raises RunOver when the run is not ours any more."""
        self._check(is_text=True)
        self._open.unsent.add_text(text, time.monotonic())
        await self._taken()

    async def append_item(self, item: Any) -> None:
        """One item of a run of format `json`: whatever json.dumps() takes."""
        self._check(is_text=False)
        self._open.unsent.add_item(item, time.monotonic())
        await self._taken()

    async def pipe(self, stream: Stream) -> bool:
        """Appends what a model streams; False when it was cancelled first, and the stream closed.

        Takes strings, and the chunks and events of openai, anthropic and langchain-core; synchronous streams run in a thread.
        """
        async with contextlib.AsyncExitStack() as closing:
            if isinstance(stream, AbstractAsyncContextManager) and not isinstance(stream, AsyncIterable):
                stream = await closing.enter_async_context(stream)  # anthropic's messages.stream()
            writing = asyncio.ensure_future(self._write_all(stream))
            cancel = asyncio.ensure_future(self._cancel.wait())
            try:
                await asyncio.wait((writing, cancel), return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    await writing
                    return True
                return False
            finally:
                for task in (writing, cancel):
                    task.cancel()
                await asyncio.gather(writing, cancel, return_exceptions=True)
                await close(stream)

    async def flush(self) -> None:
        """Returns when the gateway has answered for all that was said."""
        writer = self._open
        writer.hurry()
        self._wake.set()
        while not writer.is_idle and not self._tasks[0].done():
            await self._heard()
        self._raise_trouble()

    def end(self, status: str = "completed", *, result: Any = None) -> None:
        """How it ends when the block is left: `completed`, `failed` or `cancelled`, with a result for the client."""
        self._end = {"status": status} | ({} if result is None else {"result": result})

    def fail(self, message: str, code: str = "agent_error") -> None:
        """It ends as `failed`, with words that are for the client."""
        self._end = failed(code, message)

    # Its life.

    async def __aenter__(self) -> Self:
        claimed, earlier = await self._claim()
        kind = self.envelope.format
        self.earlier = earlier
        self._agent._writing.add(self.run_id)
        self._writer = Writer(
            self._agent.producer,
            claimed,
            is_text=kind != "json",
            is_framed=kind not in FORMATS,
            kept=earlier.encode(),
            claim=self.envelope.claim_fields(self._lease_ms),
        )
        self._tasks = [asyncio.create_task(self._pump()), asyncio.create_task(self._beat())]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        try:
            if self._is_left_to_others(error):
                return False
            self._open.finish(self._ending(error), time.monotonic())
            self._wake.set()
            is_stopping = error is not None and not isinstance(error, Exception)
            done, _ = await asyncio.wait((self._tasks[0],), timeout=STOP_SECONDS if is_stopping else None)
            for task in done:
                task.result()
            if self._acknowledge and self._is_done():
                await self._agent._done_with(self.envelope)
        finally:
            self._agent._writing.discard(self.run_id)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None and isinstance(refused := self._open.failure or self._open.trouble, Refused):
            raise refused
        return isinstance(error, RunOver) or (error is not None and error is self._open.trouble and self._open.ended)

    def _is_left_to_others(self, error: BaseException | None) -> bool:
        """A process that ends leaves a group's run to the next member, which is given the message again."""
        is_stopping = isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit | GeneratorExit)
        return is_stopping and self.envelope.group is not None and not self.cancelled

    def _ending(self, error: BaseException | None) -> dict[str, Any]:
        if error is None:
            if trouble := self._open.trouble:
                return failed(trouble.code, trouble.message)
            return self._end or {"status": "cancelled" if self.cancelled else "completed"}
        if isinstance(error, AgentError | Refused):
            return failed(error.code, error.message)
        if not isinstance(error, Exception):
            return {"status": "cancelled"} if self.cancelled else failed("agent_stopped", "the agent was stopped")
        log.error("run %s failed", self.run_id, exc_info=error)
        return failed("agent_error", type(error).__name__)  # its words may be nobody else's business

    def _is_done(self) -> bool:
        """Whether the message needs no answer any more."""
        failure = self._open.failure
        return self._open.ended or (isinstance(failure, RunOver) and failure.code in OVER)

    async def _claim(self) -> tuple[Mapping[str, Any], str]:
        was_ours = bool(self.envelope.claims)
        claimed = self.envelope.claims.pop() if was_ours else await self._agent._claim(self.envelope, "all", self._lease_ms)
        earlier = str(claimed.get("text") or "")
        kept = kept_of(self._keep, earlier)
        if kept != earlier:
            try:
                return await self._agent._claim(self.envelope, len(kept.encode()), self._lease_ms), kept
            except Refused as error:
                if not was_ours or error.code not in (*OVER, *ANOTHERS):
                    raise
                # It was ours a moment ago, and the first append says what has become of it.
        return claimed, earlier

    # The tasks.

    async def _pump(self) -> None:
        """Makes the requests that the writer asks for, one at a time."""
        writer = self._open
        while not writer.is_over:
            self._wake.clear()
            todo = writer.next(time.monotonic())
            if isinstance(todo, Request):
                await self._make(todo)
                self._tell()
            else:
                await wait_for(self._wake, None if todo is None else todo - time.monotonic())
        self._tell()

    async def _make(self, request: Request) -> None:
        writer = self._open
        try:
            writer.answered(await self._agent._api.post(f"{self._path}/{request.verb}", request.body))
        except NoAnswer as error:
            writer.unanswered(time.monotonic(), error.floor)
        except Refused as error:
            writer.refused(error, time.monotonic())

    async def _beat(self) -> None:
        """Renews the lease while the agent thinks, and hears at once when somebody cancels."""
        writer, backoff = self._open, Backoff(0.1, 2.0)
        while not writer.is_over:
            epoch, wait_ms = writer.epoch, 0 if writer.cancelled else int(writer.lease_ms * 0.45)
            body: dict[str, Any] = {"producer": self._agent.producer, "epoch": epoch}
            body |= {"wait_ms": wait_ms} if wait_ms else {}
            began, pause = time.monotonic(), 0.0
            try:
                answer = await self._agent._api.post(f"{self._path}/heartbeat", body, seconds=wait_ms / 1000 + 10)
                backoff.reset()
                writer.heartbeat(answer, epoch)
                # A gateway that shuts down answers at once; and who knows of a cancel has nothing to wait for.
                pause = writer.lease_ms / 3000 if writer.cancelled else 0.2 - (time.monotonic() - began)
            except NoAnswer as error:
                pause = backoff.next(error.floor)
            except Refused as error:
                writer.heartbeat_refused(error, epoch)
                pause = 0.5
            self._tell()
            self._wake.set()
            await asyncio.sleep(max(pause, 0.0))

    def _tell(self) -> None:
        if self._open.cancelled or self._open.failure is not None:
            self._cancel.set()
        news, self._news = self._news, asyncio.Event()
        news.set()

    # Inside.

    @property
    def _open(self) -> Writer:
        if self._writer is None:
            raise GatewayError("the run is not entered yet: `async with gw.run(envelope) as run`")
        return self._writer

    def _check(self, *, is_text: bool) -> None:
        self._raise_trouble()
        writer = self._open
        if writer.is_text != is_text:
            if not writer.is_framed or writer.batches or writer.unsent.size:
                raise TypeError("a run takes text, or items if its format is json; one of another protocol either, not both")
            writer.is_text = writer.unsent.is_text = is_text

    def _raise_trouble(self) -> None:
        if error := self._open.failure or self._open.trouble:
            raise error

    async def _taken(self) -> None:
        self._wake.set()
        while self._open.unsent.size > UNSENT_BYTES_MAX and not self._open.is_over:
            await self._heard()
            self._raise_trouble()

    async def _heard(self) -> None:
        await self._news.wait()

    async def _write_all(self, stream: Any) -> None:
        put = self.append if self._open.is_text else self.append_item
        read = text_of if self._open.is_text else (lambda item: item)
        if isinstance(stream, AsyncIterable):
            async for chunk in stream:
                await put(read(chunk))
        elif isinstance(stream, str | list | tuple):
            for chunk in [stream] if isinstance(stream, str) else stream:
                await put(read(chunk))
        else:
            chunks, over = iter(stream), object()
            while (chunk := await asyncio.to_thread(next, chunks, over)) is not over:
                await put(read(chunk))


def kept_of(keep: "Keep", earlier: str) -> str:
    if keep == "all":
        return earlier
    if isinstance(keep, int):
        return earlier.encode()[:keep].decode("utf-8", "ignore")
    if callable(keep):
        kept = keep(earlier)
        if not earlier.startswith(kept):
            raise ValueError("what is kept has to be the beginning of what was written")
        return kept
    raise TypeError(f"keep is \"all\", a number of bytes, or a function of the text: {keep!r}")


def failed(code: str, message: str) -> dict[str, Any]:
    return {"status": "failed", "error": {"code": code, "message": message[:MESSAGE_CHARACTERS_MAX]}}


async def wait_for(event: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def close(stream: Any) -> None:
    """A stream that is not read to its end holds a connection to the model."""
    for name in ("aclose", "close"):
        if callable(end := getattr(stream, name, None)):
            with contextlib.suppress(Exception):
                if inspect.isawaitable(ending := end()):
                    await ending
            return
