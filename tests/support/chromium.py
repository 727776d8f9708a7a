"""How tests start a real Chromium: Debian's browser, driven by Playwright's Python package."""

import os
import shutil

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def chromium_path() -> str | None:
    return os.environ.get("CHROMIUM_BINARY") or shutil.which("chromium")
