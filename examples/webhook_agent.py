#!/usr/bin/env python3
"""An agent that is only a web server. Python 3.11, standard library only.

    websocket-gateway --webhook-hosts 127.0.0.1
    GATEWAY_API_KEY=... examples/webhook_agent.py [--channel guide] [--port 8081]

It has the gateway post each message of the channel to it, checks that the gateway signed it, and answers word by word in the
answer to that request. It opens no connection of its own but for the two calls that subscribe and unsubscribe.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000") + "/api/post-office/websocket/subscribe"
CLOCK_SECONDS = 300  # a request that is older may be somebody's repetition


def is_genuine(headers, body, secret):
    """Standard Webhooks: one of the signatures is that of these bytes."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > CLOCK_SECONDS:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split())


class Agent(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    secret = ""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_genuine(self.headers, body, self.secret):
            return self.send_error(401)
        envelope = json.loads(body)
        if "run" not in envelope:  # nobody waits for an answer
            self.send_response(204)
            return self.end_headers()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for word in f"You said: {envelope['message']['payload']['message']}".split():
            self.chunk(f"{word} ".encode())
            time.sleep(0.05)
        self.chunk(b"")  # the end: without it the answer counts as cut, and the message comes again

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()


def call(method, url, body=None):
    headers = {"Authorization": f"Bearer {os.environ['GATEWAY_API_KEY']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}")
    except (OSError, ValueError) as error:
        sys.exit(f"{method} {url}: {error}; is the gateway there? GATEWAY_URL says where")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--channel", default="guide")
    parser.add_argument("--port", type=int, default=8081)
    options = parser.parse_args()
    if "GATEWAY_API_KEY" not in os.environ:
        print("GATEWAY_API_KEY is not set: the gateway prints a key when it starts without one", file=sys.stderr)
        return 2
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Agent)
    callback = f"http://127.0.0.1:{server.server_port}/"
    made = call("POST", URL, {"channel": options.channel, "callback": callback, "realm": "examples"})
    Agent.secret = made["secret"]
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"subscribed as {made['subscription_id']}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        call("DELETE", f"{URL}/{made['subscription_id']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
