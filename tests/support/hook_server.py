"""A webhook as somebody else would write it: an HTTP server that checks each signature with Standard Webhooks' own library.

    with HookServer() as hook:
        made = subscribe(gateway, hook)
        hook.answer = text("Once", " upon")
        client.say("guide", id="m1", run={})
        hook.next().envelope["message"]
"""

import json
import queue
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

from support.api import POST_OFFICE

SUBSCRIBE = f"{POST_OFFICE}/subscribe"
SUBSCRIPTIONS = f"{POST_OFFICE}/subscriptions"


@dataclass(frozen=True)
class Posted:
    path: str
    headers: dict  # by their lower-case names
    body: bytes
    at: float

    @property
    def envelope(self):
        return json.loads(self.body)

    @property
    def text(self):
        """What the client's message says."""
        return self.envelope["message"]["payload"]["message"]

    def verified(self, secret):
        """What the library makes of it; it raises when the signature or its time is wrong."""
        return Webhook(secret).verify(self.body, self.headers)


class Reply:
    """What an answer may do: one of these is given to `HookServer.answer`, in a thread of its own."""

    def __init__(self, handler, posted):
        self._handler = handler
        self.posted = posted

    def head(self, status, content_type=None, **fields):
        self._handler.send_response(status)
        if content_type:
            self._handler.send_header("Content-Type", content_type)
        for name, value in fields.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Connection", "close")
        self._handler.close_connection = True
        self._handler.end_headers()

    def whole(self, status, body=b"", content_type=None, **fields):
        body = body if isinstance(body, bytes) else body.encode()
        self.head(status, content_type, Content_Length=str(len(body)), **fields)
        self.raw(body)

    def chunked(self, status, content_type):
        self.head(status, content_type, Transfer_Encoding="chunked")

    def chunk(self, piece):
        piece = piece if isinstance(piece, bytes) else piece.encode()
        self.raw(b"%x\r\n%s\r\n" % (len(piece), piece))

    def last_chunk(self):
        self.raw(b"0\r\n\r\n")

    def raw(self, data):
        self._handler.wfile.write(data)
        self._handler.wfile.flush()


def taken(reply):
    reply.head(204)


def status(code, **fields):
    return lambda reply: reply.whole(code, "no", "text/plain", **fields)


def redirect(url):
    return lambda reply: reply.whole(302, "", Location=url)


def whole_json(message):
    return lambda reply: reply.whole(200, json.dumps(message), "application/json")


def text(*pieces, cut=False, gate=None):
    """Streamed; with `cut` it breaks off in the middle; `gate` is waited for before the last piece."""

    def answer(reply):
        reply.chunked(200, "text/plain; charset=utf-8")
        for piece in pieces[:-1]:
            reply.chunk(piece)
        if gate:
            gate.wait(30)
        reply.chunk(pieces[-1])
        if not cut:
            reply.last_chunk()

    return answer


def events(*pieces, end=True):
    def answer(reply):
        reply.chunked(200, "text/event-stream")
        for piece in pieces:
            reply.chunk("".join(f"data: {line}\n" for line in piece.split("\n")) + "\n")
        if end:
            reply.last_chunk()

    return answer


def in_turn(*answers):
    """One after another, the last again and again."""
    left = list(answers)
    return lambda reply: (left.pop(0) if len(left) > 1 else left[0])(reply)


class HookServer:
    """For `with`. What it was posted comes by next(), in order; `answer` may be another at any time."""

    def __init__(self, answer=taken, host="127.0.0.1", port=0, context=None):
        self.answer = answer
        self.posted = []
        self.errors = []
        self._queue = queue.Queue()
        self._gone = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                posted = Posted(self.path, headers, body, time.monotonic())
                hook.posted.append(posted)
                hook._queue.put(posted)
                try:
                    hook.answer(Reply(self, posted))
                except OSError as error:  # the gateway has hung up
                    hook.errors.append(error)
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self._server = Server((host, port), Handler)
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.scheme = "https" if context else "http"

    def url(self, host="127.0.0.1", path="/hook"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def next(self, timeout=20) -> Posted:
        return self._queue.get(timeout=timeout)

    def waiting(self) -> int:
        return self._queue.qsize()

    @property
    def gone(self):
        """Set at the end of the server: what answers wait for."""
        return self._gone

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()


def subscribe(api, hook, channel="guide", *, url=None, **fields) -> dict:
    body = {"channel": channel, "callback": url or hook.url(), "realm": "shop"} | fields
    response = api.post(SUBSCRIBE, body)
    assert response.status_code == 201, response.text
    return response.json()


def unsubscribe(api, made):
    assert api.delete(f"{SUBSCRIBE}/{made['subscription_id']}").status_code == 200


def figures(gateway) -> dict:
    """The metrics of webhooks, by their names and labels as the page has them."""
    lines = [line.rsplit(" ", 1) for line in gateway.api.get("/metrics").text.splitlines() if "webhook" in line and line[0] != "#"]
    return {name: float(value) for name, value in lines}
