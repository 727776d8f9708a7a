"""What comes from a peer, kept in order until a test asks for it; for tests that run on an asyncio loop."""

import asyncio
from collections.abc import Callable

DEADLINE = 20.0
SHOWN = 8  # of what came instead, in a failure's message


class Inbox:
    """Filled by whoever reads. `take` removes the first item that matches; the others stay for later.

    `name` says whose it is, in failures.
    """

    def __init__(self, name):
        self.name = name
        self.items = []
        self.end_reason = None
        self._changed = asyncio.Condition()

    async def put(self, item):
        async with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    async def end(self, reason):
        """Nothing more will come."""
        async with self._changed:
            self.end_reason = reason
            self._changed.notify_all()

    async def take(self, where: Callable, wanted, timeout=DEADLINE):
        """The first item for which `where` holds. `wanted` names it when it does not come."""

        def ready():
            return self.end_reason is not None or any(where(item) for item in self.items)

        async with self._changed:
            try:
                await asyncio.wait_for(self._changed.wait_for(ready), timeout)
            except TimeoutError:
                raise AssertionError(f"{self.name}: {wanted} did not come within {timeout} s; {self._instead()}") from None
            for position, item in enumerate(self.items):
                if where(item):
                    return self.items.pop(position)
        raise AssertionError(f"{self.name}: {wanted} did not come, it ended ({self.end_reason}); {self._instead()}")

    def matching(self, where: Callable) -> list:
        """What has come, was not taken, and matches."""
        return [item for item in self.items if where(item)]

    def _instead(self):
        if not self.items:
            return "nothing else came"
        last = ", ".join(str(item)[:300] for item in self.items[-SHOWN:])
        return f"{len(self.items)} others did, the last of them: {last}"


def has(**fields) -> Callable:
    """Whether a message has all of these."""
    return lambda item: isinstance(item, dict) and all(item.get(name) == value for name, value in fields.items())
