"""The chat page of examples/chat in a browser: what starts it, and one tab with the verbs of a person.

Things are found by role and text, as a person finds them.
"""

import os
import re
import subprocess
import sys

from playwright.sync_api import expect

from support.gateway import REPOSITORY
from support.process import Process
from support.tools import built

CHAT = REPOSITORY / "examples/chat"
# What is to be read at some time, however short: the state of the line, and of the last answer.
WATCH = """
window.seen = [];
new MutationObserver(() => {
  const told = [document.querySelector('header [role=status]')?.innerText,
                [...document.querySelectorAll('[aria-label=Agent] p')].at(-1)?.innerText];
  for (const text of told) if (text && !seen.includes(text)) seen.push(text);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


def agent_command(language) -> list:
    """The same agent in each language."""
    if language == "python":
        return [f"{built('python_client')}/venv/bin/python", CHAT / "agent.py"]
    return [f"{built('chat_page')}/../node", f"{built('chat_page')}/agent.mjs"]


def start_agent(language, url, key) -> Process:
    """Returns at once: a question waits for it."""
    environment = os.environ | {"GATEWAY_URL": url, "GATEWAY_API_KEY": key}
    return Process(agent_command(language), env=environment, stderr=subprocess.DEVNULL)


def start_site(url, key, port) -> Process:
    """Returns once it serves the page."""
    environment = os.environ | {"GATEWAY_URL": url, "GATEWAY_API_KEY": key}
    command = [sys.executable, CHAT / "serve.py", "--port", port, "--directory", built("chat_page")]
    site = Process(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert site.process.stdout.readline().startswith("chat: "), "the site does not serve"
    return site


def counted(number) -> str:
    return " ".join(str(n + 1) for n in range(number))


class Chat:
    """A tab. `way` is useRun or useChat."""

    def __init__(self, page, origin, way):
        self.page = page
        self.faults = []
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.add_init_script(WATCH)
        page.goto(f"{origin}/#{way}")
        self.log = page.get_by_role("log", name="Conversation")
        self.line = page.get_by_role("status")
        self.stop_button = page.get_by_role("button", name="Stop", exact=True)
        self.send_button = page.get_by_role("button", name="Send", exact=True)

    def ask(self, question):
        box = self.page.get_by_role("textbox", name="Message")
        box.fill(question)
        box.press("Enter")
        expect(self.log.get_by_role("article", name="You").last).to_have_text(question)
        return self

    def answer(self):
        """The last one."""
        return self.log.get_by_role("article", name="Agent").last

    def text(self) -> str:
        """What is shown of it so far, without the words below it."""
        return self.answer().locator("[data-text]").text_content()

    def reads(self, text, **options):
        expect(self.answer()).to_contain_text(text, **options)
        return self

    def ends(self, state, **options):
        """`state` is how the words below the answer begin."""
        expect(self.answer().get_by_text(re.compile(f"^{state}"))).to_be_visible(**options)
        return self

    def saw(self, pattern) -> bool:
        """Whether that was to be read at some time, in the header or below the last answer."""
        return any(re.search(pattern, text) for text in self.page.evaluate("seen"))
