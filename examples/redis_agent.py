#!/usr/bin/env python3
"""An agent with nothing but a Redis client: no HTTP, no key of the gateway's. Python 3.11, redis-py 5 or newer.

    REDIS_URL=redis://127.0.0.1:6379 examples/redis_agent.py [--channel guide]... [--inbox]

Gateways run with --engine redis. What clients say arrives on the Pub/Sub name websocket:<channel>; the answer
streams word by word to the connection that asked, through the name that the envelope gives as reply_to. Every
such agent hears everything; what was said while none listened comes to the first that subscribes.

With --inbox (gateways: --inbox stream) agents compete: each entry of the stream websocket:inbox:<channel> goes to
one of the group "agents", which acknowledges it when it has answered. What a dead one left open is claimed by
another after 30 s, so an answer may be begun twice, and nothing is lost.
Ends on SIGTERM or Ctrl-C, after the answers that it has begun.
"""

import argparse
import json
import os
import random
import re
import signal
import socket
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

try:
    import redis
except ModuleNotFoundError:
    redis = None  # --help does without

GROUP = "agents"
BACKOFF_SECONDS = (0.2, 5.0)  # first and longest wait before reconnecting
ANSWERS_AT_ONCE = 16

stopping = threading.Event()


def log(text):
    sys.stderr.write(f"agent: {text}\n")  # one write: threads share the line
    sys.stderr.flush()


def sentence_for(message):
    """What this agent has to say: a stand-in for a model."""
    said = message.get("payload", message).get("message")
    if not isinstance(said, str) or not said.strip():
        return "I am an agent on Redis. Say something, and I will stream an answer."
    return f"You said “{said.strip()}”. I am an agent with only a Redis client, and this came word by word."


def answer(client, envelope, delay, still_mine=lambda: None):
    """Streams one answer: a message for each word, then the whole text with final."""
    channel, message = envelope["channel"], envelope["message"]
    pillar = channel.removeprefix("pillar:") if channel.startswith("pillar:") else None
    conversation = message.get("payload", message).get("conversation_id")
    run_id = f"run_{uuid.uuid4().hex}"
    text = sentence_for(message)

    def send(seq, delta, shown, final):
        reply = {"type": "agent_response", "agent_type": "liaison" if pillar else "guide", "pillar": pillar,
                 "conversation_id": conversation if isinstance(conversation, str) else None, "message": shown,
                 "data": {"run_id": run_id, "seq": seq, "delta": delta, "final": final}}
        body = json.dumps({"connection_id": envelope["connection_id"], "message": reply})
        return client.publish(envelope["reply_to"], body)

    words = re.findall(r"\S+\s*", text)  # joined, they are the text again
    for seq, word in enumerate(words):
        if send(seq, word, word, False) == 0:
            return log(f"nobody to answer: nobody listens to {envelope['reply_to']}")
        time.sleep(delay)
        still_mine()
    send(len(words), "", text, True)


def parse(text):
    """The envelope of a client's message. None: a realm's publication, which asks nothing, or no envelope at all."""
    try:
        envelope = json.loads(text)
        return envelope if {"connection_id", "reply_to", "channel", "message"} <= envelope.keys() else None
    except (ValueError, AttributeError):
        return log("passed over what is no envelope")


def pubsub_prefix(client, prefix):
    """Pub/Sub knows no databases: with another than 0, its number is part of the names."""
    database = client.get_connection_kwargs().get("db") or 0
    return f"{prefix}@{database}:" if database else prefix


class Listener:
    """Hears everything on the channels, for as long as the connection lives."""

    def __init__(self, client, prefix, channels, delay, workers):
        self._client, self._delay, self._workers = client, delay, workers
        self._names = [f"{pubsub_prefix(client, prefix)}{channel}" for channel in channels]

    def serve(self):
        with self._client.pubsub(ignore_subscribe_messages=True) as pubsub:
            pubsub.subscribe(*self._names)
            log(f"listening to {' '.join(self._names)}")
            while not stopping.is_set():
                heard = pubsub.get_message(timeout=0.5)
                envelope = parse(heard["data"]) if heard else None
                if envelope:
                    self._workers.submit(self._answer, envelope)

    def _answer(self, envelope):
        try:
            answer(self._client, envelope, self._delay)
        except Exception as error:
            log(f"gave up on an answer: {error!r}")


class Worker:
    """Takes one entry at a time from a channel's inbox; what it does not end with XACK stays open in Redis."""

    def __init__(self, client, prefix, channel, delay, name, claim_after):
        self._client, self._delay, self._name = client, delay, name
        self._stream = f"{prefix}inbox:{channel}"
        self._claim_after = int(claim_after * 1000)

    def serve(self):
        self._create_group()
        log(f"one of the group {GROUP} on {self._stream}")
        claimed_at = 0.0
        while not stopping.is_set():
            if time.monotonic() - claimed_at > 1:
                claimed_at = time.monotonic()
                self._take(self._left_by_others())
            self._take(self._next())
        self._sign_off()

    def _create_group(self):
        try:
            self._client.xgroup_create(self._stream, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def _next(self):
        found = self._client.xreadgroup(GROUP, self._name, {self._stream: ">"}, count=1, block=500)
        return found[0][1] if found else []

    def _left_by_others(self):
        return self._client.xautoclaim(self._stream, GROUP, self._name, self._claim_after, count=1)[1]

    def _take(self, entries):
        for entry, fields in entries:
            envelope = parse(fields.get(b"envelope", b"")) if fields else None
            if envelope:
                answer(self._client, envelope, self._delay, self._keeper(entry))
            self._client.xack(self._stream, GROUP, entry)

    def _keeper(self, entry):
        """An answer that takes long shows now and then that somebody is at it: nobody else claims it then."""
        shown_at = time.monotonic()

        def still_mine():
            nonlocal shown_at
            if time.monotonic() - shown_at > self._claim_after / 3000:
                shown_at = time.monotonic()
                self._client.xclaim(self._stream, GROUP, self._name, 0, [entry], justid=True)

        return still_mine

    def _sign_off(self):
        """Its name leaves the group; not with open entries, which would be forgotten with it."""
        if not self._client.xpending_range(self._stream, GROUP, "-", "+", 1, consumername=self._name):
            self._client.xgroup_delconsumer(self._stream, GROUP, self._name)


def keep(serving):
    """Serves until the agent ends; after a failure again, with backoff."""
    wait = BACKOFF_SECONDS[0]
    while not stopping.is_set():
        began = time.monotonic()
        try:
            serving.serve()
        except Exception as error:  # an entry nobody can answer stays open, and gateways put it aside in the end
            if time.monotonic() - began > BACKOFF_SECONDS[1]:
                wait = BACKOFF_SECONDS[0]
            pause = wait * random.uniform(0.5, 1.0)  # spread, so that a restarted Redis is not stormed
            log(f"{error!r}; again in {pause:.1f} s")
            stopping.wait(pause)
            wait = min(wait * 2, BACKOFF_SECONDS[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
                        help="redis://, rediss:// or unix://; default: $REDIS_URL, else redis://127.0.0.1:6379")
    parser.add_argument("--prefix", default="websocket:", help="the gateways' --key-prefix (default: websocket:)")
    parser.add_argument("--channel", action="append", help="guide, pillar:content, …; repeatable; default: guide")
    parser.add_argument("--inbox", action="store_true", help="compete for the entries of the channels' streams")
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}",
                        help="--inbox: unlike any other's in the group (default: host and process)")
    parser.add_argument("--claim-after", type=float, default=30, metavar="SECONDS",
                        help="--inbox: how long an entry is open before another agent takes it (default: 30)")
    parser.add_argument("--delay", type=float, default=0.05, metavar="SECONDS", help="between words (default: 0.05)")
    options = parser.parse_args()
    if redis is None:
        parser.error('this agent needs redis-py: pip install "redis>=5"')

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        client = redis.Redis.from_url(options.url, protocol=2, socket_timeout=5, socket_connect_timeout=5,
                                      health_check_interval=10)
    except ValueError as error:
        parser.error(f"--url: {error}")
    channels = options.channel or ["guide"]
    with ThreadPoolExecutor(ANSWERS_AT_ONCE) as workers:
        if options.inbox:
            serving = [Worker(client, options.prefix, channel, options.delay, options.name, options.claim_after)
                       for channel in channels]
        else:
            serving = [Listener(client, options.prefix, channels, options.delay, workers)]
        threads = [threading.Thread(target=keep, args=(one,)) for one in serving]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
