#!/usr/bin/env python3
"""An agent with nothing but a Redis client: no HTTP, no key of the gateway's. Python 3.11, redis-py 5 or newer.

    REDIS_URL=redis://127.0.0.1:6379 examples/redis_agent.py [--channel guide]... [--inbox]

Gateways run with --engine redis. What clients say arrives on the Pub/Sub name websocket:<channel>; the answer
streams word by word to the connection that asked, through the name that the envelope gives as reply_to. Every
such agent hears everything; what was said while none listened comes to the first that subscribes.

With --inbox (gateways: --inbox stream) agents compete: each entry of the stream websocket:inbox:<channel> goes to
one of the group "agents", which acknowledges it when it has answered. What a dead one left open is claimed by
another after 30 s, so an answer may be begun twice, and nothing is lost.

On a Redis Cluster each channel's names begin with a hash tag, which the gateway prints:

    websocket-gateway --engine redis --redis-url "$REDIS_URL" --print-redis-names |
        REDIS_URL=redis+cluster://127.0.0.1:7000 examples/redis_agent.py --names -

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
from urllib.parse import unquote, urlsplit

try:
    import redis
except ModuleNotFoundError:
    redis = None  # --help does without

GROUP = "agents"
BACKOFF_SECONDS = (0.2, 5.0)  # first and longest wait before reconnecting
ANSWERS_AT_ONCE = 16
CLUSTER = "+cluster://"
OPTIONS = {"protocol": 2, "socket_timeout": 5, "socket_connect_timeout": 5, "health_check_interval": 10}

stopping = threading.Event()


def log(text):
    sys.stderr.write(f"agent: {text}\n")  # one write: threads share the line
    sys.stderr.flush()


def connector(url):
    """What gives a client of the server; or of the cluster as it is by then. ValueError: that is no address."""
    scheme, of_cluster, rest = url.partition(CLUSTER)
    if not of_cluster:
        client = redis.Redis.from_url(url, **OPTIONS)
        return lambda: client
    account, _, hosts = rest.rpartition("@")
    user, _, password = account.partition(":")
    addresses = [urlsplit(f"//{host}") for host in hosts.split(",")]
    nodes = [redis.cluster.ClusterNode(address.hostname, address.port or 6379) for address in addresses]
    account = {"username": unquote(user) or None, "password": unquote(password) or None}
    return lambda: redis.RedisCluster(startup_nodes=nodes, ssl=scheme == "rediss", **account, **OPTIONS)


def is_cluster(client):
    return isinstance(client, redis.RedisCluster)


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
        # A cluster's Pub/Sub is the shard's.
        publish = client.spublish if is_cluster(client) else client.publish
        return publish(envelope["reply_to"], body)

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
    """Hears everything on the channels, for as long as the connection lives. On a cluster they are of one slot."""

    def __init__(self, prefix, channels, delay, workers):
        self._prefix, self._channels, self._delay, self._workers = prefix, channels, delay, workers
        self._client = None

    def serve(self, client):
        self._client = client
        with self._subscribe() as pubsub:
            while not stopping.is_set():
                heard = pubsub.get_message(timeout=0.5)
                if heard and heard["type"] == "sunsubscribe":
                    raise redis.ConnectionError("the slot has another master")
                envelope = parse(heard["data"]) if heard and heard["type"] in ("message", "smessage") else None
                if envelope:
                    self._workers.submit(self._answer, envelope)

    def _subscribe(self):
        prefix = pubsub_prefix(self._client, self._prefix)
        names = [f"{prefix}{channel}" for channel in self._channels]
        if is_cluster(self._client):
            # Of the one node: it says when the slot goes, and then the next is looked for.
            node = self._client.get_node_from_key(names[0])
            pubsub = self._client.get_redis_connection(node).pubsub()
            pubsub.ssubscribe(*names)
        else:
            pubsub = self._client.pubsub()
            pubsub.subscribe(*names)
        log(f"listening to {' '.join(names)}")
        return pubsub

    def _answer(self, envelope):
        try:
            answer(self._client, envelope, self._delay)
        except Exception as error:
            log(f"gave up on an answer: {error!r}")


class Worker:
    """Takes one entry at a time from a channel's inbox; what it does not end with XACK stays open in Redis."""

    def __init__(self, prefix, channel, delay, name, claim_after):
        self._client, self._delay, self._name = None, delay, name
        self._stream = f"{prefix}inbox:{channel}"
        self._claim_after = int(claim_after * 1000)

    def serve(self, client):
        self._client = client
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


def keep(serving, connect):
    """Serves until the agent ends; after a failure again, with backoff."""
    wait = BACKOFF_SECONDS[0]
    while not stopping.is_set():
        began = time.monotonic()
        try:
            serving.serve(connect())
        except Exception as error:  # an entry nobody can answer stays open, and gateways put it aside in the end
            if time.monotonic() - began > BACKOFF_SECONDS[1]:
                wait = BACKOFF_SECONDS[0]
            pause = wait * random.uniform(0.5, 1.0)  # spread, so that a restarted Redis is not stormed
            log(f"{type(error).__name__}: {error}; again in {pause:.1f} s")
            stopping.wait(pause)
            wait = min(wait * 2, BACKOFF_SECONDS[1])


def command_line():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
                        help="redis://, rediss://, unix:// or redis+cluster://host:port[,host:port…]; "
                             "default: $REDIS_URL, else redis://127.0.0.1:6379")
    parser.add_argument("--prefix", default="websocket:", help="the gateways' --key-prefix (default: websocket:)")
    parser.add_argument("--names", type=argparse.FileType("r"), metavar="FILE",
                        help="on a cluster: what websocket-gateway --print-redis-names says (-: standard input)")
    parser.add_argument("--channel", action="append", help="guide, pillar:content, …; repeatable; default: guide")
    parser.add_argument("--inbox", action="store_true", help="compete for the entries of the channels' streams")
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}",
                        help="--inbox: unlike any other's in the group (default: host and process)")
    parser.add_argument("--claim-after", type=float, default=30, metavar="SECONDS",
                        help="--inbox: how long an entry is open before another agent takes it (default: 30)")
    parser.add_argument("--delay", type=float, default=0.05, metavar="SECONDS", help="between words (default: 0.05)")
    return parser


def channels_by_prefix(options):
    """What begins the names of channels, with those channels. ValueError: it is not known."""
    channels = options.channel or ["guide"]
    if options.names is None:
        if CLUSTER in options.url and "{" not in options.prefix:
            raise ValueError("on a cluster --names says what channels' names begin with")
        return {options.prefix: channels}
    # "guide 14 redis+cluster://a:6379 websocket:{62}:"
    printed = {words[0]: words[-1] for words in map(str.split, options.names) if words}
    found = {}
    for channel in channels:
        if channel not in printed:
            raise ValueError(f"--names does not say where {channel} is")
        found.setdefault(printed[channel], []).append(channel)
    return found


def main():
    parser = command_line()
    options = parser.parse_args()
    if redis is None:
        parser.error('this agent needs redis-py: pip install "redis>=5"')

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        by_prefix = channels_by_prefix(options)
        connect = connector(options.url)
    except ValueError as error:
        parser.error(str(error))
    with ThreadPoolExecutor(ANSWERS_AT_ONCE) as workers:
        if options.inbox:
            serving = [Worker(prefix, channel, options.delay, options.name, options.claim_after)
                       for prefix, channels in by_prefix.items() for channel in channels]
        else:
            serving = [Listener(prefix, channels, options.delay, workers) for prefix, channels in by_prefix.items()]
        threads = [threading.Thread(target=keep, args=(one, connect)) for one in serving]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
