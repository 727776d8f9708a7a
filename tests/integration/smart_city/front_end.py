"""One tab with front_end.html, and the verbs of a person who uses it."""

from pathlib import Path

from playwright.async_api import expect

FILE = Path(__file__).with_name("front_end.html")
DEADLINE_MS = 20_000
expect.set_options(timeout=DEADLINE_MS)


class FrontEnd:
    def __init__(self, page):
        self.page = page
        self.log = page.get_by_role("log", name="Messages")
        self.state = page.get_by_role("status")

    @classmethod
    async def open(cls, context, origin):
        """The page under the gateway's own origin, as a front end behind the same proxy has it. Only the page itself
        comes from the test: what it opens goes to the gateway.
        """
        page = await context.new_page()
        page.set_default_timeout(DEADLINE_MS)
        await page.route(f"{origin}/front-end", lambda route: route.fulfill(path=FILE, content_type="text/html"))
        await page.goto(f"{origin}/front-end")
        return cls(page)

    async def connect(self, session, conversation=""):
        """Presses Connect; what comes of it is the test's matter."""
        await self.page.get_by_label("Session token").fill(session.token)
        await self.page.get_by_label("Conversation").fill(conversation)
        await self.page.get_by_role("button", name="Connect", exact=True).click()
        return self

    async def is_in_state(self, state):
        await expect(self.state).to_have_text(state)
        return self

    async def connected(self):
        return await self.is_in_state("connected")

    async def say(self, text, channel=None):
        if channel:
            await self.page.get_by_label("Channel").select_option(channel)
        await self.page.get_by_label("Message", exact=True).fill(text)
        await self.page.get_by_role("button", name="Send", exact=True).click()

    async def send_frame(self, text):
        await self.page.get_by_label("Frame").fill(text)
        await self.page.get_by_role("button", name="Send frame").click()

    async def shows(self, text):
        await expect(self.log.get_by_role("listitem").filter(has_text=text).first).to_be_visible()

    async def lines(self, having="") -> list:
        """What is to be read, line by line."""
        return [line for line in await self.log.get_by_role("listitem").all_inner_texts() if having in line]

    async def instance_id(self):
        return await self.page.locator("#instance").inner_text()

    async def connection_id(self):
        return await self.page.locator("#connection").inner_text()

    async def pings(self):
        return int(await self.page.locator("#pings").inner_text())
