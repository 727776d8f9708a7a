"""An agent in a process of its own, so that it can be killed and stopped as one: answers what arrives on its channel.

Started by agents.py; writes its journal, a line an entry, to standard output, and ends when its standard input does.
"""

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "tests")

from support.acked import StreamAgent  # noqa: E402
from torture.journal import Journal  # noqa: E402
from torture.producer import NoAnswer, Producer, Refused  # noqa: E402

AT_ONCE_MAX = 24
WORDS = ("and ", "the ", "gateway ", "läuft ", "weiter ", "über ", "日本 ", "🚀 ", "again\n", "then ", "nobody ", "noticed ")


class Subscription(StreamAgent):
    """Hands envelopes over, and acknowledges what is done, not what came."""

    def __init__(self, take, *arguments, **options):
        super().__init__(None, *arguments, **options)
        self._hand_over = take

    def _take(self, event_id, envelope):
        self._hand_over(event_id, envelope)
        self.last_id = event_id

    def done(self, event_id):
        with self._lock:
            self._open_ids.append(event_id)


class Agent:
    def __init__(self, settings, journal):
        self.settings = settings
        self.journal = journal
        self.producer = Producer(journal, settings["urls"], settings["key"], settings["name"], rng=random.Random(settings["seed"]))
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(AT_ONCE_MAX)
        self._tasks = set()
        group = settings.get("group")
        self._subscription = Subscription(self._arrived, settings["name"], settings["urls"], settings["key"],
                                          channel=settings["channel"], group=group, resumes=group is None)  # fmt: skip

    async def run(self):
        await asyncio.to_thread(self._subscription.__enter__)
        self.journal.note("ready", agent=self.settings["name"], producer=self.producer.name)
        await self._stdin_ended()

    async def _stdin_ended(self):
        ended = asyncio.Event()
        self._loop.add_reader(sys.stdin.fileno(), lambda: ended.set() if not os.read(sys.stdin.fileno(), 4096) else None)
        await ended.wait()

    def _arrived(self, event_id, envelope):
        """On the subscription's thread."""
        self.journal.note("envelope", agent=self.settings["name"], event_id=event_id, envelope=envelope)
        self._loop.call_soon_threadsafe(self._begin, event_id, envelope)

    def _begin(self, event_id, envelope):
        task = self._loop.create_task(self._answer(event_id, envelope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, event_id, envelope):
        run = envelope.get("run")
        group = self.settings.get("group")
        if run is None:
            return self._subscription.done(event_id) if group else None
        async with self._room:
            plan = (envelope["message"].get("payload") or {}).get("plan", 0)
            rng = random.Random(f"{plan}/{self.settings['name']}")
            try:
                await self._write(rng, run, {"delivery": {"group": group, "id": event_id}} if group else {})
            except Refused as refused:
                if refused.code == "run_held" and group:
                    return None  # another member has it
            except NoAnswer:
                return None
        return self._subscription.done(event_id) if group else None

    async def _write(self, rng, run, fields):
        if not fields:  # one without a group comes late, and only sometimes
            if rng.random() < 0.7:
                return
            await asyncio.sleep(rng.random() * 2)
        keep = rng.choice(("all", "all", 0))
        writer = await self._claim(rng, run, keep, fields)
        beats = asyncio.create_task(writer.keep_alive())
        try:
            await write_answer(writer, rng)
        finally:
            beats.cancel()

    async def _claim(self, rng, run, keep, fields):
        """One without a group tries again when the lease should be over: the owner may be asleep."""
        for _ in range(3):
            try:
                return await self.producer.claim(run["run_id"], format=run.get("format", "text"), keep=keep, **fields)
            except Refused as refused:
                if refused.code != "run_held" or fields:
                    raise
                last = refused
                await asyncio.sleep(min(12, refused.answer.get("retry_after_ms", 1000) / 1000) + 0.1)
        raise last


async def write_answer(writer, rng):
    """An answer as it is drawn, with what goes wrong on the way of some."""
    obeys = rng.random() < 0.7
    name = f"[{writer.run[-6:]}.{writer.epoch}]"
    for number in range(rng.randint(2, rng.choice((8, 30)))):
        if writer.cancel_requested and obeys:
            return await writer.end("cancelled")
        mark = f"{name}{number}:"
        if writer.format == "text":
            await writer.append(text=mark + "".join(rng.choices(WORDS, k=rng.randint(1, rng.choice((6, 40))))))
        else:
            await writer.append(items=[{"mark": mark, "n": n, "word": rng.choice(WORDS)} for n in range(rng.randint(1, 4))])
        draw = rng.random()
        if draw < 0.03:
            await writer.ask_conflicting()
        elif draw < 0.06:
            await writer.ask_with_gap()
        elif draw < 0.12:
            await writer.ask_again()
        await asyncio.sleep(rng.random() * rng.choice((0.02, 0.1, 0.4)))
    if rng.random() < 0.1:
        return await writer.end("failed", error={"code": "tired", "message": "no more words"})
    return await writer.end("completed")


async def main():
    journal = Journal(echo=sys.stdout.fileno(), keep=False)
    await Agent(json.loads(sys.argv[1]), journal).run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(main())
    os._exit(0)  # whatever threads still wait for
