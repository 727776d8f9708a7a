"""What people do, from a client or a page in Chromium to an agent and back."""

import asyncio

from playwright.async_api import expect
from playwright.sync_api import sync_playwright

from integration.smart_city.steps import heard_besides
from support.backend import unique
from support.chromium import FLAGS, chromium_path
from support.console import Console, Watch
from support.wait import eventually_async


def talk_on_the_console(gateway, user) -> list:
    """A whole conversation on the gateway's own console, in a browser of its own; what went wrong on the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        context = browser.new_context()
        context.set_default_timeout(20_000)
        watch = Watch(context)
        console = Console(context.new_page(), gateway).enter(user)
        console.say("is anybody there?")
        console.shows("published")
        console.publish("a word for everyone")
        console.shows("a word for everyone")
        browser.close()
    return watch.faults + watch.network


class EndToEndFlows:
    """End to end: from a page or a client to an agent and back"""

    async def test_complete_flow_with_a_client(self, backend, connect, echo):
        """Session, connection, question, streamed answer, publication, end of the session: all with the library."""
        session = await backend.new_session()
        client, bystander = await connect(session), await connect()
        payload = {"message": "one two three", "conversation_id": echo.conversation, "metadata": {}}
        ack = await client.ask({"channel": "guide", "intent": "chat", "payload": payload, "id": 1}, type="ack")
        assert ack["status"] == "published"
        parts = [await client.next(conversation_id=echo.conversation) for _ in range(3)]
        assert [part["message"] for part in parts] == ["echo one", "echo two", "echo three"]
        assert [part["done"] for part in parts] == [False, False, True]
        assert bystander.heard(conversation_id=echo.conversation) == [], "an answer is for the one who asked"
        news = {"type": "notice", "mark": unique("news")}
        await backend.api.publish("guide", news)
        for one in (client, bystander):
            assert await one.next(mark=news["mark"]) == news
        await backend.api.delete_session(session.token)
        assert (await client.closed())[0] == 4003
        assert await backend.api.session_connections(session.token) == []

    async def test_complete_flow_in_a_browser(self, backend, open_page, echo):
        """The same in Chromium: a page connects, asks, reads the answer as it streams, a publication, and is signed out."""
        session = await backend.new_session()
        page = await (await open_page()).connect(session, echo.conversation)
        await page.connected()
        await page.say("one two three")
        await page.shows("published: m-1")
        await page.shows("guide: echo three")
        assert await page.lines("guide: echo") == ["guide: echo one", "guide: echo two", "guide: echo three"]
        assert echo.heard[-1]["connection_id"] == await page.connection_id()
        assert echo.heard[-1]["user_id"] == session.user_id
        news = unique("news")
        await backend.api.publish("guide", {"type": "notice", "text": news})
        await page.shows(news)
        await backend.api.delete_session(session.token)
        await page.is_in_state("signed out")
        await page.shows("closed 4003")

    async def test_complete_flow_on_the_console(self, console_gateway, agents):
        """The console that the gateway serves: key, session, message, acknowledgement, publication, and no fault on the page."""
        assert await asyncio.to_thread(talk_on_the_console, console_gateway, unique("person")) == []

    async def test_switching_channels_with_a_client(self, backend, connect, echo):
        """One connection asks on every channel in turn; each answer is of that channel's agent, and publications follow."""
        client = await connect()
        for n, channel in enumerate(("guide", "pillar:content", "pillar:insights", "pillar:content")):
            payload = {"message": f"turn-{n}", "conversation_id": echo.conversation}
            await client.ask({"channel": channel, "payload": payload, "id": n}, type="ack", id=n)
            answer = await client.next(conversation_id=echo.conversation)
            assert (answer["agent_type"], answer["message"]) == (channel, f"echo turn-{n}")
        record = (await backend.api.connection_record(client.connection_id)).json()["connection"]
        assert record["channel"] == "pillar:content"
        await client.ask({"type": "unsubscribe", "channel": "pillar:insights"}, type="unsubscribe")
        mark = unique("news")
        for channel in ("pillar:insights", "pillar:content"):
            await backend.api.publish(channel, {"mark": mark, "on": channel})
        assert (await client.next(mark=mark))["on"] == "pillar:content"
        assert await heard_besides(backend, client, mark) == []

    async def test_switching_channels_in_a_browser(self, backend, open_page, echo):
        """A person picks one channel after the other; the page shows each agent's answer and each channel's publications."""
        page = await (await open_page()).connect(await backend.new_session(), echo.conversation)
        await page.connected()
        for channel in ("guide", "pillar:content", "pillar:business_outcomes"):
            await page.say(f"about-{channel}", channel)
            await page.shows(f"{channel}: echo about-{channel}")
        news = unique("news")
        await backend.api.publish("pillar:business_outcomes", {"type": "notice", "text": news})
        await page.shows(news)
        assert [envelope["channel"] for envelope in echo.heard] == ["guide", "pillar:content", "pillar:business_outcomes"]

    async def test_several_tabs_of_one_person(self, backend, open_page, echo):
        """Five tabs of one session: answers go to the tab that asked, messages to the user to all; a sixth is refused."""
        session = await backend.new_session()
        tabs = [await open_page() for _ in range(5)]
        for tab in tabs:
            await (await tab.connect(session, echo.conversation)).connected()
        ids = [await tab.connection_id() for tab in tabs]
        assert len(set(ids)) == 5
        assert set(await backend.api.session_connections(session.token)) == set(ids)
        await tabs[1].say("mine")
        await tabs[1].shows("guide: echo mine")
        mark = unique("to-all")
        assert (await backend.api.send({"text": mark}, user_id=session.user_id))["delivered"] == 5
        for tab in tabs:
            await tab.shows(mark)
            assert len(await tab.lines("echo mine")) == (tab is tabs[1])
        sixth = await (await open_page()).connect(session)
        await sixth.shows("closed 4004 Connection limit exceeded")
        await tabs[0].page.close()

        async def four():
            return (await backend.api.connection_count())["per_user"].get(session.user_id) == 4

        await eventually_async(four, message="the closed tab is not counted any more")
        await expect(tabs[1].state).to_have_text("connected")
