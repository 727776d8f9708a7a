#!/usr/bin/env python3
"""A demo agent: answers what clients say on its channels, word by word. Python 3.11, standard library only.

    GATEWAY_API_KEY=... examples/agent.py [--channel guide]... [--group workers]

It subscribes to each channel by Server-Sent Events and streams an answer to the connection that asked,
one POST a word. With --group, several agents share a channel: each message goes to one of them, which
acknowledges it when answered; one that dies unanswered is redelivered to another.
Ends on SIGTERM or Ctrl-C.
"""

import argparse
import http.client
import json
import os
import random
import re
import signal
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

API = "/api/post-office/websocket"
BACKOFF_SECONDS = (0.2, 5.0)  # first and longest wait before reconnecting
# Keep-alive comments come more often than this; silence for longer means the connection is dead.
SILENCE_SECONDS_MAX = 60
ANSWERS_AT_ONCE = 16

stopping = threading.Event()


def log(text):
    sys.stderr.write(f"agent: {text}\n")  # one write: threads share the line
    sys.stderr.flush()


class Refused(Exception):
    """The gateway understood and said no: asking again would not help."""


class Gateway:
    """The service API: one HTTP connection for each subscription and each answer."""

    def __init__(self, url, key):
        self._address = urlsplit(url)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def connect(self, timeout):
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        return kind(self._address.hostname, self._address.port, timeout=timeout)

    def request(self, connection, method, path, body=None, headers=None):
        connection.request(method, API + path, body and json.dumps(body), self._headers | (headers or {}))
        response = connection.getresponse()
        if response.status >= 500 or response.status == 429:
            raise OSError(f"{response.status} {response.read(500).decode(errors='replace')}")
        if response.status >= 400:
            raise Refused(f"{response.status} {response.read(500).decode(errors='replace')}")
        return response

    def events(self, channel, group, last_event_id=""):
        """Yields (id, envelope) until the connection ends; goes on behind `last_event_id` where that is kept."""
        query = {"channel": channel} | ({"group": group} if group else {})
        connection = self.connect(SILENCE_SECONDS_MAX)
        try:
            headers = {"Last-Event-ID": last_event_id} if last_event_id and not group else {}
            response = self.request(connection, "GET", f"/subscribe?{urlencode(query)}", headers=headers)
            log(f"subscribed to {channel}" + (f" as one of {group}" if group else ""))
            event_id, kind, data = "", "message", []
            for raw in response:
                field, _, value = raw.decode().rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                if field == "id":
                    event_id = value
                elif field == "event":
                    kind = value
                elif field == "data":
                    data.append(value)
                elif not field and not value and data:  # the empty line that ends an event
                    if kind == "message":
                        yield event_id, json.loads("\n".join(data))
                    else:  # "gap": messages may have been missed
                        log(f"{channel}: {kind}: {' '.join(data)}")
                    kind, data = "message", []
        finally:
            connection.close()


def sentence_for(message):
    """What this agent has to say: a stand-in for a model."""
    said = message.get("payload", message).get("message")
    if not isinstance(said, str) or not said.strip():
        return "I am the demo agent. Say something, and I will stream an answer."
    return f"You said “{said.strip()}”. I am the demo agent, so that is all I know, but it came word by word."


def answer(gateway, channel, envelope, delay):
    """Streams one answer: a frame for each word, then the whole text with final."""
    message = envelope["message"]
    pillar = channel.removeprefix("pillar:") if channel.startswith("pillar:") else None
    conversation = message.get("payload", message).get("conversation_id")
    if not isinstance(conversation, str):
        conversation = None
    run_id = f"run_{uuid.uuid4().hex}"
    text = sentence_for(message)
    connection = gateway.connect(timeout=10)

    def send(seq, delta, shown, final):
        reply = {"type": "agent_response", "agent_type": "liaison" if pillar else "guide", "pillar": pillar,
                 "conversation_id": conversation, "message": shown,
                 "data": {"run_id": run_id, "seq": seq, "delta": delta, "final": final}}
        body = {"connection_id": envelope["connection_id"], "message": reply}
        gateway.request(connection, "POST", "/send", body).read()

    try:
        words = re.findall(r"\S+\s*", text)  # joined, they are the text again
        for seq, word in enumerate(words):
            send(seq, word, word, False)
            if stopping.wait(delay):
                return
        send(len(words), "", text, True)
    finally:
        connection.close()


def handle(gateway, channel, group, event_id, envelope, delay):
    try:
        try:
            if "connection_id" in envelope:  # else it is a realm's publication, which asks nothing
                answer(gateway, channel, envelope, delay)
        except Refused as error:
            log(f"nobody to answer: {error}")  # the connection that asked is gone, so this is done too
        if group and not stopping.is_set():
            acknowledge(gateway, channel, group, event_id)
    except (OSError, http.client.HTTPException, Refused) as error:
        log(f"gave up on an answer: {error}")  # in a group another agent gets it: it is not acknowledged


def acknowledge(gateway, channel, group, event_id):
    connection = gateway.connect(timeout=10)
    try:
        gateway.request(connection, "POST", "/ack", {"channel": channel, "group": group, "ids": [event_id]}).read()
    finally:
        connection.close()


def serve(gateway, channel, group, delay, workers):
    """One channel, for as long as the agent lives."""
    wait, last_event_id = BACKOFF_SECONDS[0], ""
    while not stopping.is_set():
        try:
            for event_id, envelope in gateway.events(channel, group, last_event_id):
                wait, last_event_id = BACKOFF_SECONDS[0], event_id
                workers.submit(handle, gateway, channel, group, event_id, envelope, delay)
            reason = "the stream ended"
        except Refused as error:
            log(f"{channel}: refused: {error}")
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
        if stopping.is_set():
            return
        pause = wait * random.uniform(0.5, 1.0)  # spread, so that a restarted gateway is not stormed
        log(f"{channel}: {reason}; again in {pause:.1f} s")
        stopping.wait(pause)
        wait = min(wait * 2, BACKOFF_SECONDS[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000"),
                        help="default: $GATEWAY_URL, else http://127.0.0.1:8000")
    parser.add_argument("--channel", action="append", help="repeatable; default: guide")
    parser.add_argument("--group", default="", help="share the channel with the other members of this group")
    parser.add_argument("--delay", type=float, default=0.05, metavar="SECONDS", help="between words (default: 0.05)")
    options = parser.parse_args()
    key = os.environ.get("GATEWAY_API_KEY")
    if not key:
        parser.error("the key comes from the environment: GATEWAY_API_KEY")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    gateway = Gateway(options.url, key)
    with ThreadPoolExecutor(ANSWERS_AT_ONCE) as workers:
        # Daemons: a thread that waits for the next event must not keep a stopped agent alive.
        threads = [threading.Thread(target=serve, daemon=True,
                                    args=(gateway, channel, options.group, options.delay, workers))
                   for channel in options.channel or ["guide"]]
        for thread in threads:
            thread.start()
        while not stopping.wait(0.5):
            if not any(thread.is_alive() for thread in threads):
                return 1  # refused on every channel
    return 0


if __name__ == "__main__":
    sys.exit(main())
