"""Waiting for a condition with a wide deadline, and doing something again and again until then."""

import asyncio
import inspect
import time


def eventually(predicate, deadline=15.0, message="", interval=0.02):
    """Polls `predicate` until it returns something truthy, and returns that.

    An AssertionError inside the predicate counts as "not yet", so it may itself assert.
    """
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            last = predicate()
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {message or predicate}; last: {last!r}")
        time.sleep(interval)


async def eventually_async(predicate, deadline=20.0, message="", interval=0.05):
    """The same on an asyncio loop; `predicate` may be a coroutine function."""
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            last = predicate()
            if inspect.isawaitable(last):
                last = await last
            if last:
                return last
        except AssertionError as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {message or predicate}; last: {last!r}")
        await asyncio.sleep(interval)


async def end_tasks(tasks):
    """Cancels them, and asks again those that wait for something on their way out, or whose wait_for() swallowed it."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=2)


def paced(interval, seconds):
    """Yields every `interval` seconds for at most `seconds`: for peers that go on doing something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(interval)


async def paced_async(interval, seconds):
    """The same on an asyncio loop."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        await asyncio.sleep(interval)
