"""A run as a client reads it."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from .conversation import Held
from .errors import RunFailed
from .reading import Reading

if TYPE_CHECKING:
    from .client import Client


class Run:
    """`async for piece in run` is its text as it comes. What stands here is at any moment a prefix of the agent's log."""

    def __init__(self, client: "Client", held: Held | None = None) -> None:
        self._client = client
        self._held = held or Held(self._changed)
        self._held.changed, self._held.reader = self._changed, self
        self._news = asyncio.Event()
        self.detached = False

    # What is known of it.

    @property
    def run_id(self) -> str:
        return self._held.run_id or ""

    @property
    def thread_id(self) -> str | None:
        return self._held.thread_id

    @property
    def text(self) -> str:
        """The text so far; behind the cursor alone, if it was attached by a cursor without the text before it."""
        return self._held.view.text

    @property
    def status(self) -> str:
        """`queued`, `in_progress`; over: `completed`, `failed`, `cancelled`, `abandoned`."""
        return self._held.view.status

    @property
    def error(self) -> dict[str, Any] | None:
        """`{"code", "message"}` of one that did not end well."""
        return self._held.view.error

    @property
    def result(self) -> Any:
        return self._held.view.result

    @property
    def over(self) -> bool:
        return self._held.view.over

    @property
    def verified(self) -> bool:
        """Whether the text has the hash that the gateway told last for its place; after the end: for all of it."""
        return self._held.view.verified

    @property
    def cursor(self) -> str:
        """Where this text is: with it, and the text, attach() goes on in another process."""
        return self._held.view.cursor

    @property
    def epoch(self) -> int:
        return self._held.view.epoch

    @property
    def pos(self) -> int:
        """Bytes of the log up to here."""
        return self._held.view.pos

    @property
    def idle_ms(self) -> int:
        """How long the agent had written nothing, when the gateway last said so."""
        return self._held.view.idle_ms

    @property
    def owner(self) -> str:
        """`live`, `lost` (the agent is silent, and another may go on) or `none`."""
        return self._held.view.owner

    # Reading.

    async def __aiter__(self) -> AsyncIterator[str]:
        """Ends with the run; raises RunFailed where it failed, and Superseded where text was taken back."""
        reading = Reading(self._held.view)
        while True:
            news = self._news
            if piece := reading.next():
                yield piece
            elif self._is_at_end():
                self._raise_failure()
                return
            else:
                await news.wait()

    async def texts(self) -> AsyncIterator[str]:
        """All of the text, each time that it has changed: for a screen, on which nothing need be taken back."""
        shown: tuple[int, int, int] | None = None
        while True:
            news, view = self._news, self._held.view
            place = (view.cuts, view.base, view.pos)
            if place != shown:
                shown = place
                yield view.text
            elif self._is_at_end():
                self._raise_failure()
                return
            else:
                await news.wait()

    async def done(self) -> "Run":
        """This run, when it is over, however it ended. Raises only when that cannot be known any more."""
        while not self._is_at_end():
            await self._news.wait()
        if self._held.failure is not None:
            raise self._held.failure
        return self

    async def changed(self) -> None:
        """Waits for the next message about this run."""
        await self._news.wait()

    # Acting.

    async def cancel(self, reason: str | None = None) -> str:
        """Asks for its end: `asked`, `already` or `ended`. What the agent does about it comes as any other end."""
        return await self._client._cancel(self.run_id, reason)

    def detach(self) -> None:
        """Reads no more. The run goes on."""
        self.detached = True
        self._client._detach(self._held)

    # Inside.

    def _is_at_end(self) -> bool:
        return self.over or self.detached or self._held.failure is not None

    def _raise_failure(self) -> None:
        if self._held.failure is not None:
            raise self._held.failure
        if self.status in ("failed", "abandoned"):
            error = self.error or {}
            raise RunFailed(self.status, error.get("code", ""), error.get("message") or "")

    def _changed(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
