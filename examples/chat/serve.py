#!/usr/bin/env python3
"""The site of the chat page: serves its files, and makes a session for whoever opens it. Python 3.11, standard library.

    GATEWAY_API_KEY=... examples/chat/serve.py [--port 8080]

A visitor is known by a cookie, and is one user of the gateway in all tabs of a browser. Ends on SIGTERM or Ctrl-C.
"""

import argparse
import http.client
import json
import os
import re
import signal
import sys
import threading
import uuid
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

DIST = Path(__file__).resolve().parent / "dist"
VISITOR = re.compile(r"\bvisitor=([0-9a-f]{32})\b")
POLICY = "default-src 'self'; connect-src 'self' {gateway} {websocket}; img-src data:; frame-ancestors 'none'; base-uri 'none'"


class Unreachable(Exception):
    """There is no gateway at that address, or it says no; the text is for whoever started this."""


class Sessions:
    """One for each visitor, while the gateway knows it: what a page says again is taken once in the same session."""

    def __init__(self, url: str, key: str):
        self.url, self._key = url, key
        self._kept: dict[str, str] = {}

    def of(self, visitor: str) -> str:
        kept = self._kept.get(visitor)
        if not kept or not self._ask(f"/{kept}/validate").get("valid"):
            self._kept[visitor] = kept = self._ask("", {"user_id": visitor})["session_id"]
        return kept

    def lets_in(self, origin: str) -> bool:
        """Whether a page from there may open a WebSocket."""
        headers = {"Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}  # fmt: skip
        return self._call("GET", "/ws", None, headers)[0] != 403

    def _ask(self, path, body=None) -> dict:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        status, text = self._call("POST", f"/api/traffic-cop/sessions{path}", json.dumps(body or {}), headers)
        if status >= 500 or status in (401, 403, 429):
            raise Unreachable(f"the gateway at {self.url} says {status}: {text}")
        return json.loads(text)

    def _call(self, method, path, body, headers):
        address = urlsplit(self.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=5)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, "" if response.status == 101 else response.read(5000).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"no gateway at {self.url}: {error}. scripts/run starts one") from error
        finally:
            connection.close()


class Site(SimpleHTTPRequestHandler):
    def __init__(self, *arguments, sessions: Sessions, policy: str, **options):
        self._sessions, self._policy = sessions, policy
        super().__init__(*arguments, **options)

    def do_POST(self):
        if self.path != "/session":
            return self.send_error(404)
        found = VISITOR.search(self.headers.get("Cookie", ""))
        visitor = found[1] if found else uuid.uuid4().hex  # in earnest: whom your login names
        try:
            status, told = 200, {"token": self._sessions.of(visitor), "gateway": self._sessions.url}
        except Unreachable as error:
            status, told = 503, str(error)
        body = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if status != 200 else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Set-Cookie", f"visitor={visitor}; HttpOnly; SameSite=Strict; Max-Age=604800")
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self):
        self.send_header("Content-Security-Policy", self._policy)
        super().end_headers()

    def log_message(self, *_):
        """Says nothing of each request."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000"),
                        help="of the gateway; default: $GATEWAY_URL, else http://127.0.0.1:8000")  # fmt: skip
    parser.add_argument("--port", type=int, default=8080, help="of this site, on 127.0.0.1 (default: 8080)")
    parser.add_argument("--directory", type=Path, default=DIST, help="where the page was built (default: dist/ beside this file)")
    options = parser.parse_args()
    key = os.environ.get("GATEWAY_API_KEY")
    if not key:
        parser.error("the key comes from the environment: GATEWAY_API_KEY")
    if not re.fullmatch(r"https?://[^/\s]+/?", options.url):
        parser.error(f"no address of a gateway, such as http://127.0.0.1:8000: {options.url!r}")
    if not (options.directory / "index.html").is_file():
        parser.error(f"there is no page in {options.directory}: cd {DIST.parent} && npm ci --ignore-scripts && npm run build")
    sessions, origin = Sessions(options.url.rstrip("/"), key), f"http://127.0.0.1:{options.port}"
    try:
        sessions.of(uuid.uuid4().hex)
        if not sessions.lets_in(origin):
            parser.error(f"the gateway lets no page of {origin} in: start it with --allowed-origin {origin}")
    except Unreachable as error:
        parser.error(str(error))
    policy = POLICY.format(gateway=sessions.url, websocket=sessions.url.replace("http", "ws", 1))
    handler = partial(Site, sessions=sessions, policy=policy, directory=options.directory)
    try:
        server = ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    except OSError as error:
        parser.error(f"port {options.port}: {error.strerror}; choose another with --port, and allow that origin")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"chat: {origin}", flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
