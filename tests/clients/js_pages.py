"""The JavaScript client's built package, and pages of its own in a real Chromium."""

import functools
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from support.gateway import REPOSITORY

PAGES = ("tab.mjs", "chat.jsx")


@functools.cache
def js_client() -> Path:
    """Where it is built: with `node`, dist/ and node_modules/."""
    script = REPOSITORY / "scripts/lib/js_client.sh"
    return Path(subprocess.run([script], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())


@functools.cache
def bundle(page) -> str:
    """A file of test/pages as one script, as a site would ship it."""
    client = js_client()
    command = [client / "node_modules/.bin/esbuild", client / "test/pages" / page, "--bundle", "--minify", "--format=iife",
               '--define:process.env.NODE_ENV="development"', "--jsx=automatic", "--log-level=error"]  # fmt: skip
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


class PageServer:
    """Another site on loopback: Chromium lets no page that came from nowhere talk to a loopback address.

    `address(page, gateway, token)` is where the page is that talks to this gateway.
    """

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def address(self, page, gateway, token) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{page}?{urlencode({'gateway': gateway.url, 'token': token})}"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self):
        page = urlsplit(self.path).path.removeprefix("/")
        is_there = page in PAGES
        body = f"<!doctype html><meta charset=utf-8><body><script>{bundle(page)}</script>".encode() if is_there else b""
        self.send_response(200 if is_there else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""
