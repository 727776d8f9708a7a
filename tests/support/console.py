"""The console in a browser: one tab with the verbs of a person, and a watch over what pages must never do.

Things are found by role and text, as a person finds them.
"""

import re
from urllib.parse import urlsplit

from playwright.sync_api import expect


class Watch:
    """What a page must never do: complain, throw, or talk to anybody but its gateway."""

    # A browser prints a line of its own for an answer with an error status and for a connection that
    # fails. Tests that provoke one say so; everything else on the console is a fault.
    NETWORK = re.compile(r"^(Failed to load resource|WebSocket connection to .* failed)")

    def __init__(self, context):
        self.faults = []
        self.network = []
        self.hosts = set()
        context.on("console", self._said)
        context.on("weberror", lambda error: self.faults.append(f"exception: {error.error}"))
        context.on("request", lambda request: self._went(request.url))
        context.on("page", lambda page: page.on("websocket", lambda socket: self._went(socket.url)))

    def _said(self, message):
        if message.type not in ("error", "warning"):
            return
        (self.network if self.NETWORK.match(message.text) else self.faults).append(message.text)

    def _went(self, url):
        if not url.startswith("data:"):
            self.hosts.add(urlsplit(url).netloc)


class Console:
    """One tab of the console, with the verbs of a person who uses it."""

    def __init__(self, page, gateway):
        self.page = page
        self.gateway = gateway
        self.key = page.get_by_label("API key")
        self.message = page.get_by_role("textbox", name="Message", exact=True)
        self.log = page.get_by_role("log", name="Messages")
        self.conversation = page.get_by_role("region", name="Conversation")
        self.session = page.get_by_role("region", name="Session")
        self.live = page.get_by_role("region", name="Live")

    def open(self, fragment=""):
        self.page.goto(self.gateway.url + "/" + fragment)
        expect(self.page.get_by_role("heading", name="WebSocket Gateway")).to_be_visible()
        return self

    def talk(self):
        self._view("Talk")

    def operate(self):
        self._view("Operate")

    def _view(self, name):
        link = self.page.get_by_role("link", name=name, exact=True)
        link.click()
        expect(link).to_have_attribute("aria-current", "page")

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def shows(self, text):
        """`text` (words or a pattern) is to be read in the conversation."""
        expect(self.conversation.get_by_text(text).first).to_be_visible()

    def use_key(self, key=None):
        self.key.fill(self.gateway.api_key if key is None else key)
        self.button("Use key").click()

    def accepted(self):
        expect(self.page.get_by_text("Key accepted")).to_be_visible()
        return self

    def start_session(self, user, ttl=None, tenant=None):
        self.page.get_by_label("User id").fill(user)
        if ttl is not None or tenant is not None:
            self.page.get_by_text("Lifetime and tenant").click()
            self.page.get_by_label("Lifetime in seconds").fill(str(ttl or 3600))
            self.page.get_by_label("Tenant").first.fill(tenant or "")
        self.button("Start session and connect").click()

    def connected(self):
        expect(self.button("Disconnect")).to_be_visible()
        self.shows("Connected to WebSocket Gateway. Ready to receive messages.")
        return self

    def connection_id(self):
        return self.conversation.get_by_text(re.compile(r"^ws_\w+$")).inner_text()

    def begin(self, user, **session):
        """From an empty tab to a session; what comes of its connection is the test's matter."""
        self.open()
        self.use_key()
        self.accepted()
        self.start_session(user, **session)

    def enter(self, user, **session):
        """From an empty tab to a welcomed connection."""
        self.begin(user, **session)
        return self.connected()

    def say(self, text, channel=None):
        if channel:
            self.page.get_by_label("Channel", exact=True).select_option(channel)
        self.message.fill(text)
        self.message.press("Enter")
        return self.mine(text)

    def mine(self, text):
        """The entry of a message of one's own."""
        return self.log.get_by_role("article", name=re.compile("^You, to ")).filter(has_text=text)

    def theirs(self, text):
        return self.log.get_by_role("article", name=re.compile("^From ")).filter(has_text=text)

    def channel_row(self, channel):
        """Of the table of channels: its cells are clients, agents, waiting, not acked, dead letters, circuit."""
        name = self.page.get_by_role("rowheader", name=channel, exact=True)
        return self.page.get_by_role("region", name="Channels", exact=True).get_by_role("row").filter(has=name)

    def send_raw(self, text):
        self.page.get_by_role("checkbox", name="Raw frame").check()
        self.page.get_by_role("textbox", name="Raw frame").fill(text)
        self.button("Send").click()
        self.page.get_by_role("checkbox", name="Raw frame").uncheck()

    def publish(self, text, channel="guide", tenant=None):
        self.page.get_by_label("Publish to").select_option(channel)
        self.page.get_by_role("textbox", name="Publication", exact=True).fill(text)
        if tenant:
            self.page.get_by_text("Realm and tenant").click()
            self.page.get_by_label("Only this tenant").fill(tenant)
        self.button("Publish").click()
