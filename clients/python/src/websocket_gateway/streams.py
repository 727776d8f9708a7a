"""What a model streams, read to its end or closed before."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

Stream = AsyncIterable[Any] | Iterable[Any] | AbstractAsyncContextManager[Any] | AbstractContextManager[Any]


async def entered(stream: Stream, closing: contextlib.AsyncExitStack) -> Any:
    """The stream itself, where it has to be entered first: anthropic's messages.stream()."""
    if isinstance(stream, AsyncIterable | Iterable):
        return stream
    if isinstance(stream, AbstractAsyncContextManager):
        return await closing.enter_async_context(stream)
    if isinstance(stream, AbstractContextManager):
        inner = await asyncio.to_thread(stream.__enter__)
        closing.push(stream)
        return inner
    return stream


async def write_all(stream: Any, put: Callable[[Any], Awaitable[None]]) -> None:
    """Each piece; those of a synchronous stream are waited for in a thread."""
    if isinstance(stream, AsyncIterable):
        async for chunk in stream:
            await put(chunk)
    elif isinstance(stream, str | list | tuple):
        for chunk in [stream] if isinstance(stream, str) else stream:
            await put(chunk)
    else:
        chunks, over = iter(stream), object()
        while (chunk := await asyncio.to_thread(next, chunks, over)) is not over:
            await put(chunk)


async def close(stream: Any) -> None:
    """A stream that is not read to its end holds a connection to the model."""
    for name in ("aclose", "close"):
        if callable(end := getattr(stream, name, None)):
            with contextlib.suppress(Exception):
                if inspect.isawaitable(ending := end()):
                    await ending
            return
