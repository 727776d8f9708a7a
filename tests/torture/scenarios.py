"""What clients and agents do, each again and again with draws of its own; what came of it is the checker's to say."""

import asyncio
import contextlib
import json
import os
import random
import re

import httpx

from support.wait import end_tasks
from torture.agent import write_answer
from torture.journal import dumps
from torture.producer import AGAIN, NoAnswer, Refused
from torture.slow import slow_reader
from torture.tab import Tab, forged
from torture.world import ACME_KEY, CHANNEL, SILENT

RUNS = "/api/post-office/runs"
STREAM_SECONDS = 90.0
BODIES = {
    "claim": {"producer": "nobody"},
    "append": {"producer": "nobody", "epoch": 1, "seq": 0, "text": "x"},
    "end": {"producer": "nobody", "epoch": 1, "seq": 0, "end": {"status": "failed"}},
    "heartbeat": {"producer": "nobody", "epoch": 1},
    "cancel": {},
}


async def conversation(world, rng):
    """A user with some tabs on some instances: asks, comes late, leaves, comes back, says it again, cancels."""
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(world.producer("user", rng, direct=True))
        session = await world.new_session(api, f"user-{os.urandom(6).hex()}")
        if session is None:
            return
        tabs = [await stack.enter_async_context(new_tab(world, session, rng)) for _ in range(rng.randint(1, 3))]
        for number in range(rng.randint(2, 6)):
            if world.stopping.is_set() or any(tab.gone for tab in tabs):
                return
            asker = rng.choice(tabs)
            format = rng.choice((None, "text", "json"))
            run = await asker.say(CHANNEL, {"plan": rng.randrange(1 << 30)}, format=format,
                                  thread_id=rng.choice((None, f"thread-{number}")))  # fmt: skip
            if run is None:
                continue
            begun(world, run)
            if number == 0:  # whatever else becomes of it
                await asker.say_again()
                await asker.attach(run, forged(f"0.0.{'0' * 14}", rng))
            others = [asyncio.create_task(beside(world, rng, asker, tab, run)) for tab in tabs]
            if rng.random() < 0.3:
                others.append(asyncio.create_task(stream_reader(world, rng, session, run, format or "text")))
            await asker.ended(run, 75)
            await come_to_end(others)
            await look(world, api, run)


async def beside(world, rng, asker, tab, run):
    """What else happens while a run is open, to one of its user's tabs."""
    if tab is not asker:
        await asyncio.sleep(rng.random() * 1.5)
        await tab.attach(run)
    for _ in range(rng.randint(0, 4)):
        await asyncio.sleep(rng.random())
        view = tab.views.get(run)
        draw = rng.random()
        if draw < 0.25:
            await tab.drop()
        elif draw < 0.4 and tab is asker:
            await tab.say_again()
        elif draw < 0.55 and view and not view.fresh:
            await tab.attach(run, forged(view.cursor, rng))
        elif draw < 0.7 and view and not view.fresh:
            await tab.attach(run, view.cursor)
        elif draw < 0.78:
            await tab.detach(run)
            await asyncio.sleep(rng.random())
            await tab.attach(run, view.cursor if view and not view.fresh else None)
        elif draw < 0.83:
            await tab.cancel(run)
            if rng.random() < 0.5:
                await tab.cancel(run)
    await tab.ended(run, 75)
    if rng.random() < 0.2 and not tab.gone:
        await tab.attach(run, tab.views[run].cursor if run in tab.views and rng.random() < 0.5 else None)
        await asyncio.sleep(0.3)


async def cancelling(world, rng):
    """Its owner waits in a heartbeat at one instance, somebody cancels at another; half of the owners do not care."""
    async with made_run(world, rng, watchers=2) as (api, writer, tabs):
        async with kept_alive(writer):
            await write_some(writer, rng, 3)
            await asyncio.sleep(0.3)
            if rng.random() < 0.7:
                await tabs[1].cancel(writer.run)
            else:
                await api.cancel(writer.run)
            if rng.random() < 0.5:
                await asyncio.sleep(0.3)
                return await writer.end("cancelled")
            await write_some(writer, rng, 4, pause=0.4)
            await tabs[0].ended(writer.run, 12)
            await writer.ask_late("too late ")
            await tabs[rng.randrange(2)].cancel(writer.run)
            await api.cancel(writer.run)


async def owner_lost(world, rng):
    """It stops without a word, and nobody takes over: abandoned. Then it comes back and knows nothing of it."""
    takeover = rng.choice((0, 0, 1500))
    async with made_run(world, rng, watchers=1, lease_ms=2000, takeover_ms=takeover) as (api, writer, tabs):
        await write_some(writer, rng, rng.randint(0, 4))
        if rng.random() < 0.3:
            await writer.ask_and_leave("its last words ")
        world.journal.note("died", producers=[writer.producer.name])
        await look_until_over(world, api, writer.run, 2 + takeover / 1000 + 10)
        await tabs[0].ended(writer.run, 5)
        await writer.ask_late("nobody asked me ")


async def taken_over(world, rng):
    """It stops without a word, and another goes on."""
    async with made_run(world, rng, watchers=1, lease_ms=2000, takeover_ms=20_000) as (_, writer, _tabs), world.producer("rescuer", rng) as rescuer:
        await write_some(writer, rng, rng.randint(0, 4))
        if rng.random() < 0.3:
            await writer.ask_and_leave("its last words ")
        world.journal.note("died", producers=[writer.producer.name])
        await take_over(rng, writer, rescuer)


async def take_over(rng, writer, rescuer):
    """With a keep of its own; the first owner goes on meanwhile as if nothing had been."""
    await asyncio.sleep(2.1)
    keep = rng.choice(("all", 0, writer.kept and writer.pos or 0))
    for _ in range(20):
        try:
            second = await rescuer.claim(writer.run, keep=keep)
            break
        except Refused as refused:
            if refused.code != "run_held":
                return
            await asyncio.sleep(refused.answer.get("retry_after_ms", 200) / 1000)
    else:
        return
    late = asyncio.create_task(writer.ask_late("an old owner's words "))
    async with kept_alive(second):
        await write_some(second, rng, 4)
        await late
        await writer.ask_late("once more, of an old owner ")
        await second.end("completed")


async def writing(world, rng):
    """A long answer by an agent that heals; it lives through whatever happens to the engine."""
    async with made_run(world, rng, watchers=2) as (_, writer, tabs):
        async with kept_alive(writer):
            for _ in range(rng.randint(10, 40)):
                await write_some(writer, rng, 1, pause=0.15)
                if rng.random() < 0.1:
                    await rng.choice(tabs).drop()
            await writer.end("completed")


async def misbehaving(world, rng):
    """An owner that numbers its batches wrongly and asks again and again, in between sound ones."""
    async with made_run(world, rng, watchers=1) as (_, writer, _tabs):
        for _ in range(rng.randint(3, 8)):
            await write_some(writer, rng, 1)
            await rng.choice((writer.ask_conflicting, writer.ask_with_gap, writer.ask_again))()
        await writer.end("completed")
        await writer.ask_again()
        await writer.ask_late("after the end ")


async def not_answered(world, rng):
    """Nobody takes it."""
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(world.producer("user", rng, direct=True))
        session = await world.new_session(api, f"user-{os.urandom(6).hex()}")
        if session is None:
            return
        tab = await stack.enter_async_context(new_tab(world, session, rng))
        run = await tab.say(SILENT, {"plan": 0})
        if run:
            begun(world, run)
            await tab.ended(run, 90)
            await look(world, api, run)


async def slow_beside_fast(world, rng):
    """One reads a kilobyte a second of what another reads at once."""
    async with made_run(world, rng, watchers=1) as (api, writer, tabs):
        instance = rng.choice(world.instances)
        session = tabs[0].session
        idle = instance.gateway.rss_bytes
        reader = asyncio.create_task(asyncio.to_thread(slow_reader, world.journal, instance, session, writer.run, world.stopping))
        beats = asyncio.create_task(writer.keep_alive())
        try:
            for number in range(60):
                await writer.append(text=f"{number:06} " + rng.choice("abcdef") * 9_000)
                await asyncio.sleep(0.05)
            with contextlib.suppress(OSError):
                world.journal.note("memory", gateway=instance.number, bytes=instance.gateway.rss_bytes, idle_bytes=idle)
            await writer.end("completed")
            await look(world, api, writer.run)
        finally:
            beats.cancel()
            await asyncio.wait([reader], timeout=60)


async def foreign(world, rng):
    """What is not theirs, beside what never was."""
    async with made_run(world, rng, watchers=0) as (api, writer, _):
        stranger = await world.new_session(api, f"stranger-{os.urandom(6).hex()}")
        if stranger is None:
            return
        absent = "made-" + os.urandom(12).hex()
        instance = rng.choice(world.instances)
        async with httpx.AsyncClient(base_url=instance.url, timeout=10, trust_env=False) as http:
            for address, key in addresses(stranger):
                told = {run: await told_of(world, http, address, key, run) for run in (writer.run, absent)}
                if None in told.values():
                    return
                world.journal.note("foreign", address=address, foreign=told[writer.run], absent=told[absent])
        async with new_tab(world, stranger, rng, gateway=instance.number) as tab:
            await foreign_on_ws(world, tab, writer.run, absent)


async def told_of(world, http, address, key, run) -> str | None:
    """What an address says of a run, as soon as it says anything of it; None: it never will."""
    method, path = address.split(" ")
    content = dumps(BODIES[path.rpartition("/")[2]]).encode() if method == "POST" else None
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    while not world.stopping.is_set():
        with contextlib.suppress(httpx.TransportError):
            answer = await http.request(method, path.format(run), content=content, headers=headers)
            if answer.status_code == 401:
                return None  # the stranger's session went with the memory engine
            if answer.status_code not in AGAIN:
                return f"{answer.status_code} {blurred(answer.text, run)}"
        await asyncio.sleep(0.2)
    return None


def addresses(stranger) -> list:
    yield "GET /v1/stream/{}?offset=-1", stranger
    yield "HEAD /v1/stream/{}", stranger
    yield "GET /v1/stream/{}?offset=-1", ACME_KEY
    yield f"GET {RUNS}/{{}}", ACME_KEY
    for call in BODIES:
        yield f"POST {RUNS}/{{}}/{call}", ACME_KEY
    yield f"DELETE {RUNS}/{{}}", ACME_KEY


async def foreign_on_ws(world, tab, run, absent):
    await asyncio.wait_for(tab.connected.wait(), 10)
    for verb in ("attach", "cancel"):
        told = {}
        for one in (run, absent):
            answer = await tab.question({"type": verb, "run_id": one})
            if not answer or answer.get("code") in ("internal", "overloaded"):  # the tab, or its engine, is away
                return
            told[one] = f"{answer.get('code')} {blurred(str(sorted((k, v) for k, v in answer.items() if k not in ('id', 'timestamp'))), one)}"
        world.journal.note("foreign", address=f"/ws {verb}", foreign=told[run], absent=told[absent])


def blurred(text, run) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>", text.replace(run, "<run>"))


# What they have in common.

def new_tab(world, session, rng, **options) -> Tab:
    return Tab(world.journal, world.ws_urls, session, random.Random(rng.random()), **options)


def begun(world, run):
    world.made.append(run)
    world.count("runs")


@contextlib.asynccontextmanager
async def kept_alive(writer):
    """Its heartbeats, as long as somebody writes."""
    beats = asyncio.create_task(writer.keep_alive())
    try:
        yield
    finally:
        await end_tasks([beats])


@contextlib.asynccontextmanager
async def made_run(world, rng, *, watchers, **fields):
    """(api, writer, tabs of the run's user, attached): its agent is this process."""
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(world.producer("observer", rng, direct=True))
        agent = await stack.enter_async_context(world.producer("writer", rng))
        user = f"user-{os.urandom(6).hex()}"
        session = await world.new_session(api, user)
        if session is None:
            raise NoAnswer("the world ends")
        tabs = [await stack.enter_async_context(new_tab(world, session, rng)) for _ in range(watchers)]
        writer = await agent.create(CHANNEL, to={"user_id": user}, **fields)
        begun(world, writer.run)
        for tab in tabs:
            await tab.attach(writer.run)
            await tab.until(writer.run, lambda view: True, 5)
        try:
            yield api, writer, tabs
        finally:
            for tab in tabs:
                await tab.ended(writer.run, 5)
            await look(world, api, writer.run)


async def write_some(writer, rng, count, pause=0.05):
    """Pieces that nobody else would write."""
    for _ in range(count):
        await writer.append(text=f"[{writer.run[-6:]}.{writer.epoch}.{writer.seq}] " + "né " * rng.randint(1, rng.choice((5, 300))))
        await asyncio.sleep(rng.random() * pause)


async def look(world, api, run):
    """At the record, on every instance."""
    for instance in world.instances:
        await api.read(run, instance.number)
        world.count("records")


async def look_until_over(world, api, run, seconds):
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        record = await api.read(run, api.rng.randrange(len(world.instances)), log=False)
        if record and record["status"] not in ("queued", "in_progress"):
            return
        await asyncio.sleep(0.2)


async def stream_reader(world, rng, session, run, format):
    """GET /v1/stream/{id} by Server-Sent Events, to its terminal or as far as it comes."""
    instance = rng.choice(world.instances)
    reader, clean = StreamReader(), False
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(STREAM_SECONDS), httpx.AsyncClient(timeout=30, trust_env=False) as http:
            url = f"http://127.0.0.1:{instance.front.port}/v1/stream/{run}?offset=-1&live=sse"
            async with http.stream("GET", url, headers={"Authorization": f"Bearer {session}", "Accept": "text/event-stream"}) as answer:
                if answer.status_code != 200:
                    return
                async for line in answer.aiter_lines():
                    reader.take(line)
            clean = True
            world.count("streams read to their end")
    world.journal.note("stream", run=run, gateway=instance.number, format=format, text=reader.text.decode(errors="replace"),
                       last_id=reader.last_id, clean=clean)  # fmt: skip


class StreamReader:
    """The lines of an event stream of a run: its text, and the last `id:`."""

    def __init__(self):
        self.text, self.last_id = b"", ""
        self._data, self._event = [], "message"

    def take(self, line):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "id":
            self.last_id = value
        elif field == "event":
            self._event = value
        elif not line:
            data = "\n".join(self._data)
            if self._event == "data":
                self.text += data.encode()
            elif self._event == "reset":
                self.text = self.text[: json.loads(data)["pos"]]
            self._data, self._event = [], "message"


async def come_to_end(tasks):
    """Waits for them, and ends those that take too long."""
    _, left = await asyncio.wait(tasks, timeout=80)
    await end_tasks(left)
    for task in tasks:
        if not task.cancelled():
            task.result()


# How many of each at a time.
SCENARIOS = ((conversation, 5), (cancelling, 1), (owner_lost, 1), (taken_over, 1), (writing, 1), (misbehaving, 1), (not_answered, 2),
             (slow_beside_fast, 1), (foreign, 1))  # fmt: skip
