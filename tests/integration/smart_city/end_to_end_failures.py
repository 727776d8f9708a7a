"""What goes wrong on the way, and who notices: networks, instances, messages; and heartbeats over many intervals."""

import asyncio
from urllib.parse import urlsplit

from playwright.async_api import expect

from support.backend import Backend, unique
from support.tcp_proxy import TcpProxy
from support.wait import eventually_async, paced_async


def proxy_for(backend) -> TcpProxy:
    address = urlsplit(backend.url)
    return TcpProxy((address.hostname, address.port or 80))


def through(proxy, backend) -> Backend:
    return Backend(f"http://127.0.0.1:{proxy.port}", backend.key)


class EndToEndFailures:
    """End to end: failures, recovery, heartbeats"""

    async def test_recovery_after_network_drop_with_a_client(self, backend, connect, agents):
        """The network drops with messages under way; the client comes back, sends again what had no answer: each arrives once."""
        session = await backend.new_session()
        with proxy_for(backend) as network:
            behind = through(network, backend)
            client = await connect(session, at=behind, query="client_id=roaming")
            await client.say("guide", "before", id="before")
            network.set("down", stalled=True)  # the answers do not come any more
            for n in range(10):
                await client.send({"channel": "guide", "payload": {"message": "under way"}, "id": n})
            under_way = [(await agents.envelope(client))["body"]["message"]["id"] for _ in range(11)]
            assert network.cut() >= 1
            assert (await client.closed())[0] == 1006
            assert client.heard(type="ack") == [], "it can't know that they arrived"
            network.clear()
            back = await connect(session, at=behind, query="client_id=roaming")
            for n in range(10):
                assert (await back.say("guide", "under way", id=n))["status"] == "duplicate"
            assert (await back.say("guide", "after", id="after"))["status"] == "published"
            heard = [(await agents.envelope(back))["body"]["message"]["id"]]
            behind.close()
        assert under_way + heard == ["before", *range(10), "after"]
        assert agents.heard(session_ref=session.ref) == [], "each once"

    async def test_recovery_after_network_drop_in_a_browser(self, backend, open_page, echo):
        """The page notices that the network is gone, keeps what was said, comes back by itself, and all of it arrives once."""
        with proxy_for(backend) as network:
            behind = through(network, backend)
            page = await (await open_page(behind)).connect(await backend.new_session(), echo.conversation)
            await page.connected()
            await page.say("before")
            await page.shows("guide: echo before")
            first = await page.connection_id()
            network.refuse()
            network.cut()
            await page.shows("closed 1006")
            await page.say("meanwhile")
            network.accept()
            await page.shows("guide: echo meanwhile")
            await page.connected()
            assert await page.connection_id() != first
            await page.say("after")
            await page.shows("guide: echo after")
            behind.close()
        assert echo.said() == ["before", "meanwhile", "after"]

    async def test_recovery_after_instance_killed_with_a_client(self, pair, connect):
        """The instance is killed; on the other one the same session is valid at once, and an id that was taken is known."""
        address = pair.backends[0]
        session = await address.new_session()
        client = await connect(session, at=address, query="client_id=c")
        listener = await pair.listen("guide")
        assert (await client.say("guide", "before", id="m"))["status"] == "published"
        victim = pair.by_instance(client.instance_id)
        victim.process.process.kill()
        assert (await client.closed())[0] == 1006
        victim.process.wait_exit()  # with its listener; until then the kernel may still give it new connections
        back = await connect(session, at=address, query="client_id=c")
        assert back.instance_id != client.instance_id
        assert (await back.say("guide", "before", id="m"))["status"] == "duplicate"
        assert (await back.say("guide", "after", id="n"))["status"] == "published"
        said = [(await listener.envelope(one))["body"]["message"]["id"] for one in (client, back)]
        assert said == ["m", "n"]
        assert listener.heard(session_ref=session.ref) == [], "each once"

    async def test_recovery_after_instance_killed_in_a_browser(self, pair, open_page):
        """Two instances behind one address: the page's own is killed, the page goes on with the other in the same session."""
        echo = await pair.echo()
        page = await (await open_page(pair.backends[0])).connect(await pair.backends[0].new_session(), echo.conversation)
        await page.connected()
        await page.say("before")
        await page.shows("guide: echo before")
        here = await page.instance_id()
        victim = pair.by_instance(here)
        victim.process.process.kill()
        await page.shows("closed 1006")
        await page.connected()
        assert await page.instance_id() != here
        await page.say("after")
        await page.shows("guide: echo after")
        assert echo.said() == ["before", "after"]
        victim.process.wait_exit()

    async def test_error_handling_in_a_browser(self, backend, open_page, echo):
        """Invalid JSON, missing fields, an unknown channel: the page shows each error, stays connected, and can go on."""
        page = await (await open_page()).connect(await backend.new_session(), echo.conversation)
        await page.connected()
        first = await page.connection_id()
        for frame, shown in (
            ("{no JSON", "error invalid_json: Invalid message format"),
            ("{}", "error invalid_message: payload"),
            ('{"channel":"guide","payload":5}', "error invalid_message: payload"),
            ('{"channel":"nowhere","payload":{}}', "error unknown_channel: channel"),
        ):
            await page.send_frame(frame)
            await page.shows(shown)
        await page.say("all-well")
        await page.shows("guide: echo all-well")
        assert await page.connection_id() == first, "it never lost its connection"
        assert echo.said() == ["all-well"]

    async def test_error_unknown_session_in_a_browser(self, backend, open_page):
        """A page with a session that is gone reads the close code 4001 and signs out, once, without trying again."""
        session = await backend.new_session()
        await backend.api.delete_session(session.token)
        page = await (await open_page()).connect(session)
        await page.is_in_state("signed out")
        assert await page.lines() == ["closed 4001 invalid session"]

    async def test_error_message_too_large(self, backend, connect, open_page, agents):
        """A message over 64 KiB closes the connection with 1009, in the library and in Chromium; no agent sees any of it."""
        client = await connect()
        await client.send({"channel": "guide", "payload": {"message": "x" * 70_000}})
        assert (await client.closed())[0] == 1009
        assert agents.heard(connection_id=client.connection_id) == []
        page = await (await open_page()).connect(await backend.new_session())
        await page.connected()
        await page.send_frame("x" * 70_000)
        await page.shows("closed 1009")
        await page.is_in_state("closed")
        fitting = await connect()
        assert (await fitting.say("guide", "x" * 60_000, id="fits"))["status"] == "published"

    async def test_error_messages_too_fast_are_slowed_down(self, start, connect, agents):
        """Above its rate a client is read later, not refused: all messages arrive, in order, no faster than the rate."""
        gateway = await start("--message-rate", "100", "--message-burst", "50")
        client = await connect(at=gateway)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for n in range(200):
            await client.send({"channel": "guide", "payload": {}, "id": n})
        acks = [(await client.next(type="ack"))["id"] for _ in range(200)]
        assert acks == list(range(200))
        assert loop.time() - began > 1.2, "50 at once, the other 150 at 100 a second"
        assert [(await agents.envelope(client))["body"]["message"]["id"] for _ in range(200)] == list(range(200))

    async def test_error_messages_too_fast_are_refused(self, start, connect, agents):
        """With `--rate-action close` they are answered `rate_limited`, and who goes on for 10 s is closed with 4029."""
        gateway = await start("--rate-action", "close", "--message-rate", "5", "--message-burst", "5")
        client, calm = await connect(at=gateway), await connect(at=gateway)
        for n in range(20):
            await client.send({"channel": "guide", "payload": {}, "id": n})
        refused = await client.next(type="error")
        assert (refused["code"], refused["id"]) == ("rate_limited", 5)
        async for _ in paced_async(0.05, 30):
            if not client.is_open:
                break
            await client.send({"type": "ping"})
        assert (await client.closed())[0] == 4029
        assert (await calm.say("guide", "and I", id="calm"))["status"] == "published"

    async def test_heartbeats_over_many_intervals(self, short_timers, connect, open_page):
        """A page and a client that say nothing stay for many intervals, longer than a silent one would: the pings keep them."""
        page = await (await open_page(short_timers)).connect(await short_timers.new_session())
        await page.connected()
        client = await connect(at=short_timers)
        first, connection = await page.pings(), await page.connection_id()

        async def eight_more():
            return await page.pings() >= first + 8 and len(client.heard(type="ping")) >= 8

        await eventually_async(eight_more, message="eight pings of half a second each; silence is evicted after three")
        await expect(page.state).to_have_text("connected")
        assert await page.connection_id() == connection
        assert await page.lines() == [], "nothing was closed, nothing went wrong"
        mark = unique("still")
        assert (await short_timers.api.send({"text": mark}, connection_id=connection))["status"] == "sent"
        await page.shows(mark)
        await client.settled()
