"""Makes examples/chat/chat.png, the picture of the chat page in README: the page itself, with its agent and a gateway, in Chromium.

scripts/picture starts this with the Python of tests/.venv.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "tests")

from playwright.sync_api import sync_playwright  # noqa: E402

from support.chat import Chat, start_agent, start_site  # noqa: E402
from support.chromium import FLAGS, chromium_path  # noqa: E402
from support.gateway import Gateway  # noqa: E402
from support.server_process import free_port  # noqa: E402

KEY = "0123456789abcdef"
PICTURE = ROOT / "examples/chat/chat.png"
SIZE = {"width": 960, "height": 520}


def take(site):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        chat = Chat(page, site, "useRun").ask("Count to 30").ends("Complete")
        chat.ask("Tell me a story").reads("pulled the plug")
        page.screenshot(path=PICTURE)
        browser.close()


def main():
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    with Gateway("--allowed-origin", site, env={"GATEWAY_API_KEY": KEY}) as gateway:
        running = [start_agent("python", gateway.url, KEY), start_site(gateway.url, KEY, port)]
        try:
            take(site)
        finally:
            for process in running:
                process.close()
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size} bytes")


main()
