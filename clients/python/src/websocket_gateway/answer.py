"""A run as its agent writes it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from .api import ANSWER_SECONDS, NoAnswer
from .backoff import Backoff
from .chunks import text_of
from .endings import checked_code, ended, failed
from .envelope import Envelope
from .errors import AgentError, GatewayError, Refused, RunOver
from .streams import Stream, close, entered, write_all
from .writer import ANOTHERS, OVER, Request, Writer

if TYPE_CHECKING:
    from .agent import Agent, Keep

FORMATS = ("text", "json")  # any other is a protocol's, whose frames the gateway writes
STOP_SECONDS = 5.0  # how long a process that is stopped waits for the end of its runs to be stored
UNSENT_BYTES_MAX = 64 * 1024  # of one run: then append() waits

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
        self._broken: Exception | None = None  # a fault of this package's: nothing more is sent

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
        before = self._open.base_text
        before = self.earlier.encode() if before is None else before
        return (before + self._open.written + self._open.unsent.data).decode("utf-8", "replace")

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
            stream = await entered(stream, closing)
            writing = asyncio.ensure_future(write_all(stream, self._append_chunk))
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
        self._end = ended(status, result)

    def fail(self, message: str, code: str = "agent_error") -> None:
        """It ends as `failed`, with words that are for the client."""
        self._end = failed(checked_code(code), message)

    # Its life.

    async def __aenter__(self) -> Self:
        self._agent._writing.add(self.run_id)  # given to this process again meanwhile, it is not claimed again
        try:
            claimed, earlier = await self._claim()
        except BaseException:
            self._agent._writing.discard(self.run_id)
            raise
        kind = self.envelope.format
        self.earlier = earlier
        self._writer = Writer(
            self._agent.producer,
            claimed,
            is_text=kind != "json",
            is_framed=kind not in FORMATS,
            kept=earlier.encode(),
            claim=self.envelope.claim_fields(self._lease_ms),
        )
        self._tasks = [asyncio.create_task(self._run_task(task)) for task in (self._pump, self._beat)]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        try:
            if self._is_left_to_others(error):
                return False
            self._open.finish(self._ending(error), time.monotonic())
            self._wake.set()
            await self._ended(is_stopping=error is not None and not isinstance(error, Exception))
            if self._acknowledge and self._is_done():
                await self._agent._done_with(self.envelope)
        finally:
            self._agent._writing.discard(self.run_id)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        failure, trouble = self._open.failure, self._open.trouble
        if error is None:
            if (wrong := self._broken or failure or trouble) is not None and not is_taken(wrong):
                raise wrong
            return False
        return (error is failure and is_taken(failure)) or (error is trouble and self._open.ended)

    async def _ended(self, *, is_stopping: bool) -> None:
        """Waits until the end is stored; who is stopped while it waits still gives it some seconds."""
        pump = self._tasks[0]
        try:
            await asyncio.wait((pump,), timeout=STOP_SECONDS if is_stopping else None)
        except asyncio.CancelledError:
            await asyncio.wait((pump,), timeout=STOP_SECONDS)
            raise

    def _is_left_to_others(self, error: BaseException | None) -> bool:
        """A process that ends leaves a group's run to the next member, which is given the message again."""
        is_stopping = isinstance(error, asyncio.CancelledError | KeyboardInterrupt | SystemExit | GeneratorExit)
        return is_stopping and self.envelope.group is not None and not self.cancelled

    def _ending(self, error: BaseException | None) -> dict[str, Any]:
        if error is None:
            if trouble := self._open.trouble:
                return failed(trouble.code, trouble.message)
            if self._broken is not None:
                return failed("agent_error", type(self._broken).__name__)
            return self._end or {"status": "cancelled" if self.cancelled else "completed"}
        if isinstance(error, AgentError | Refused):
            return failed(error.code, error.message)
        if not isinstance(error, Exception):
            return {"status": "cancelled"} if self.cancelled else failed("agent_stopped", "the agent was stopped")
        return failed("agent_error", type(error).__name__)  # its words may be nobody else's business

    def _is_done(self) -> bool:
        """Whether the message needs no answer any more."""
        failure = self._open.failure
        return self._open.ended or (isinstance(failure, RunOver) and failure.code in OVER)

    async def _claim(self) -> tuple[Mapping[str, Any], str]:
        was_ours = bool(self.envelope.claims)
        claimed = self._agent._take(self.envelope) if was_ours else await self._agent._claim(self.envelope, "all", self._lease_ms)
        earlier = str(claimed.get("text") or "")
        kept = kept_of(self._keep, earlier)
        has_lease = self._lease_ms is None or claimed["lease_ms"] == self._lease_ms
        if kept != earlier or (was_ours and not has_lease):
            keep: Literal["all"] | int = "all" if kept == earlier else len(kept.encode())
            try:
                return await self._agent._claim(self.envelope, keep, self._lease_ms), kept
            except Refused as error:
                if not was_ours or error.code not in (*OVER, *ANOTHERS):
                    raise
                # It was ours a moment ago, and the first append says what has become of it.
        return claimed, earlier

    # The tasks.

    async def _run_task(self, task: Callable[[], Awaitable[None]]) -> None:
        """What goes wrong in one is told to whoever writes: silence would look as if all were stored."""
        try:
            await task()
        except Exception as error:
            log.exception("run %s cannot be written on", self.run_id)
            self._broken = self._broken or error
            self._tell()

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
            seconds = min(ANSWER_SECONDS, writer.lease_ms / 3000)  # who waits longer for a lost answer loses the lease
            writer.answered(await self._agent._api.post(f"{self._path}/{request.verb}", request.body, seconds=seconds))
        except NoAnswer as error:
            writer.unanswered(time.monotonic(), error.floor)
        except Refused as error:
            writer.refused(error, time.monotonic())

    async def _beat(self) -> None:
        """Renews the lease while the agent thinks, and hears at once when somebody cancels."""
        writer, backoff = self._open, Backoff(0.1, 2.0)
        while not writer.is_over:
            # One that hangs and its repetition have to fit into the lease.
            epoch, wait_ms = writer.epoch, 0 if writer.cancelled else writer.lease_ms // 3
            seconds = wait_ms / 1000 + writer.lease_ms / 4000
            body: dict[str, Any] = {"producer": self._agent.producer, "epoch": epoch}
            body |= {"wait_ms": wait_ms} if wait_ms else {}
            began, pause = time.monotonic(), 0.0
            try:
                answer = await self._agent._api.post(f"{self._path}/heartbeat", body, seconds=seconds)
                backoff.reset()
                writer.heartbeat(answer, epoch)
                # A gateway that shuts down answers at once; and who knows of a cancel has nothing to wait for.
                pause = writer.lease_ms / 3000 if writer.cancelled else 0.2 - (time.monotonic() - began)
            except NoAnswer as error:
                pause = min(backoff.next(error.floor), writer.lease_ms / 10_000)
            except Refused as error:
                writer.heartbeat_refused(error, epoch)
                pause = 0.5
            self._tell()
            self._wake.set()
            await asyncio.sleep(max(pause, 0.0))

    def _tell(self) -> None:
        if self._open.cancelled or self._open.failure is not None or self._broken is not None:
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
        if error := self._broken or self._open.failure or self._open.trouble:
            raise error

    async def _taken(self) -> None:
        self._wake.set()
        while self._open.unsent.size > UNSENT_BYTES_MAX and not self._open.is_over:
            self._raise_trouble()
            await self._heard()
        self._raise_trouble()

    async def _heard(self) -> None:
        await self._news.wait()

    async def _append_chunk(self, chunk: Any) -> None:
        if self._open.is_text:
            await self.append(text_of(chunk))
        else:
            await self.append_item(chunk)


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


def is_taken(error: BaseException | None) -> bool:
    """Whether it only says that the run is over, or another's by now: for an agent that is no failure."""
    return isinstance(error, RunOver) and error.code in (*OVER, *ANOTHERS)


async def wait_for(event: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
