#!/usr/bin/env python3
"""A demo agent: answers what clients say on its channels, word by word. Python 3.11, standard library only.

    GATEWAY_API_KEY=... examples/agent.py [--channel guide]... [--group workers]

It subscribes to each channel by Server-Sent Events. A message that asks for a durable run is answered there: claimed,
appended to, ended once, whoever crashes meanwhile. Any other is answered to the connection that asked, one POST a word.
With --group, several agents share a channel: each message goes to one of them, which acknowledges it when answered;
one that dies unanswered is redelivered to another, which goes on where the first one was.
Ends on SIGTERM or Ctrl-C. Say "count to 300" for a long answer in which a gap is easy to see.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import queue
import random
import re
import signal
import socket
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

API = "/api/post-office"
BACKOFF_SECONDS = (0.2, 5.0)  # first and longest wait before reconnecting
# Keep-alive comments come more often than this; silence for longer means the connection is dead.
SILENCE_SECONDS_MAX = 60
ANSWERS_AT_ONCE = 16
BATCH_SECONDS = 0.025  # what a model says in this time is one append
PRODUCER = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:16]}"  # this process's life

# Whose the run is by now: another agent's, which acknowledges the message too; or nobody's.
ANOTHERS = ("run_held", "run_moved", "fenced")
OVER = ("run_ended", "run_not_found")

stopping = threading.Event()


def log(text):
    sys.stderr.write(f"agent: {text}\n")  # one write: threads share the line
    sys.stderr.flush()


class Refused(Exception):
    """The gateway understood and said no: asking again would not help. `code` and `body` say why."""

    def __init__(self, status, text):
        super().__init__(f"{status} {text[:500]}")
        try:
            self.body = json.loads(text)
        except ValueError:
            self.body = {}  # a proxy's page
        self.code = self.body.get("code", "")


class Gateway:
    """The service API: one HTTP connection for each subscription and each answer."""

    def __init__(self, url, key):
        self.url, self._address = url, urlsplit(url)
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
            raise Refused(response.status, response.read(5000).decode(errors="replace"))
        return response

    def post(self, connection, path, body):
        return json.loads(self.request(connection, "POST", path, body).read())

    def events(self, channel, group, last_event_id=""):
        """Yields (id, envelope) until the connection ends; goes on behind `last_event_id` where that is kept."""
        query = {"channel": channel} | ({"group": group} if group else {})
        connection = self.connect(SILENCE_SECONDS_MAX)
        try:
            headers = {"Last-Event-ID": last_event_id} if last_event_id and not group else {}
            response = self.request(connection, "GET", f"/websocket/subscribe?{urlencode(query)}", headers=headers)
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


def said_in(payload):
    """`message`; or of the messages of a chat, as the AI SDK and AG-UI send them, the text of the last."""
    if not isinstance(payload.get("messages"), list) or not payload["messages"]:
        return payload.get("message")
    last = payload["messages"][-1]
    parts = last.get("parts") or last.get("content")
    return parts if isinstance(parts, str) else "".join(part.get("text", "") for part in parts or ())


def sentence_for(message):
    """What this agent has to say: a stand-in for a model."""
    said = said_in(message.get("payload", message))
    if not isinstance(said, str) or not said.strip():
        return "I am the demo agent. Say something, and I will stream an answer."
    if number := re.search(r"\bcount to (\d{1,4})\b", said, re.IGNORECASE):
        return " ".join(str(n + 1) for n in range(int(number[1])))
    return f"You said “{said.strip()}”. I am the demo agent, so that is all I know, but it came word by word."


def words_of(text):
    return re.findall(r"\S+\s*", text)  # joined, they are the text again


class Run:
    """A durable run: one answer as a log at the gateway, which has one owner and one end.

    An append is sent again as it was until there is an answer: the gateway knows it by its seq, and stores it once.
    """

    def __init__(self, gateway, run_id, delivery):
        self._gateway, self._path, self._delivery = gateway, f"/runs/{run_id}", delivery
        self._appends, self._beats = gateway.connect(timeout=10), gateway.connect(timeout=10)
        self.cancelled, self.failure = False, None
        self.over = threading.Event()  # cancelled, ended, or another's: no need to think on

    def claim(self, keep="all"):
        """Makes this process its owner. Returns the text so far, of which `keep` bytes stay: some agent died there."""
        body = {"producer": PRODUCER, "token": uuid.uuid4().hex, "keep": keep, "include_text": True}
        claimed = self._ask(self._appends, "claim", body | ({"delivery": self._delivery} if self._delivery else {}))
        self._lease_ms, self._epoch = claimed["lease_ms"], claimed["epoch"]
        self._kept, self._batches, self._seq = claimed["text"], [], 0
        return self._kept

    def append(self, text):
        self._deliver({"text": text})

    def end(self, status, code=None, message=""):
        if self.failure:
            raise self.failure
        self._deliver({"end": {"status": status} | ({"error": {"code": code, "message": message}} if code else {})})

    def _deliver(self, batch):
        self._batches.append(batch)
        while self._seq < len(self._batches):
            body = {"producer": PRODUCER, "epoch": self._epoch, "seq": self._seq} | self._batches[self._seq]
            try:
                self._heard(self._ask(self._appends, "append", body))
                self._seq += 1
            except Refused as error:
                self._heal(error)

    def _heal(self, error):
        """After a failover Redis may have lost its last moments: what it lost is sent again."""
        if error.code == "sequence_gap":
            self._seq = error.body["expected_seq"]
        elif error.code == "fenced" and error.body["epoch"] < self._epoch:  # the claim was among it
            log(f"claims {self._path} again: the gateway lost the claim")
            text = (self._kept + "".join(batch.get("text", "") for batch in self._batches)).encode()
            last = self._batches[-1]
            self.claim(keep=error.body["run"]["pos"])
            self._batches = [last | {"text": text[error.body["run"]["pos"]:].decode()}]
        else:
            del self._batches[self._seq:]
            raise error

    @contextlib.contextmanager
    def kept_alive(self):
        """While the agent thinks, heartbeats renew the lease, and tell at once when somebody cancels."""
        threading.Thread(target=self._beat, daemon=True).start()
        try:
            yield
        finally:
            self.over.set()

    def _beat(self):
        while not self.over.is_set():
            body = {"producer": PRODUCER, "epoch": self._epoch, "wait_ms": min(5000, self._lease_ms // 2)}
            try:
                self._heard(self._ask(self._beats, "heartbeat", body))
            except Refused as error:
                if error.code == "fenced" and error.body["epoch"] < self._epoch:
                    self.over.wait(0.5)  # the claim was lost, and _heal() makes another
                    continue
                self.failure = error
                self.over.set()
            except OSError:
                return  # stopping
            self.over.wait(0.1)  # a gateway that shuts down answers without waiting

    def _heard(self, answer):
        if answer["cancel_requested"]:
            self.cancelled = True
            self.over.set()

    def _ask(self, connection, verb, body):
        for attempt in itertools.count():
            try:
                return self._gateway.post(connection, f"{self._path}/{verb}", body)
            except (OSError, http.client.HTTPException) as error:
                connection.close()  # the next request opens it again, perhaps to another instance
                if stopping.wait(random.uniform(0, min(5.0, 0.1 * 2**attempt))):
                    raise OSError(f"stopped before an answer came: {error}") from error


def batches(pieces):
    """Yields what comes within 25 ms as one text, until the queue `pieces` has what is no text: an error, or None."""
    last = ""
    while isinstance(last, str):
        batch, until = [pieces.get()], time.monotonic() + BATCH_SECONDS
        while isinstance(batch[-1], str) and (left := until - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                batch.append(pieces.get(timeout=left))
        last = batch[-1]
        if text := "".join(piece for piece in batch if isinstance(piece, str)):
            yield text
    if last is not None:
        raise last


def think(text, delay, over):
    """A stand-in for a model: a word from time to time."""
    for word in words_of(text):
        yield word
        if over.wait(delay) or stopping.is_set():
            break


def feed(words, pieces):
    """A thread of its own: a model goes on thinking while an append is on its way."""
    try:
        for word in words:
            pieces.put(word)
        pieces.put(None)
    except Exception as error:  # whatever it is, the run has to end with it
        pieces.put(error)


def answer_run(gateway, envelope, delivery, delay):
    run = Run(gateway, envelope["run"]["run_id"], delivery)
    text = sentence_for(envelope["message"])
    said = run.claim()
    kept = os.path.commonprefix([said, text])  # of what an agent said that died over it; a real model keeps 0 or all
    if kept != said:
        run.claim(keep=len(kept.encode()))
    with run.kept_alive():
        pieces = queue.Queue()
        threading.Thread(target=feed, args=(think(text[len(kept):], delay, run.over), pieces), daemon=True).start()
        try:
            for batch in batches(pieces):
                run.append(batch)
        except OSError:
            raise  # stopping
        except Exception as error:
            if getattr(error, "code", "") in ANOTHERS + OVER:
                raise
            return run.end("failed", getattr(error, "code", "") or "agent_error", str(error)[:500])
        if run.cancelled:
            run.end("cancelled")
        elif not stopping.is_set():
            run.end("completed")
        elif not delivery:  # in a group another agent goes on with it
            run.end("failed", "agent_stopped", "the agent was stopped")


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
        gateway.request(connection, "POST", "/websocket/send", body).read()

    try:
        words = words_of(text)
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
            if "run" in envelope:
                answer_run(gateway, envelope, group and {"group": group, "id": event_id}, delay)
            elif "connection_id" in envelope:  # else it is a realm's publication, which asks nothing
                answer(gateway, channel, envelope, delay)
        except Refused as error:
            if error.code in ANOTHERS:
                return log(f"another agent answers: {error}")  # and acknowledges
            log(f"nobody to answer: {error}")  # the connection is gone or the run over, so this is done too
        if group and not stopping.is_set():
            acknowledge(gateway, channel, group, event_id)
    except (OSError, http.client.HTTPException, Refused) as error:
        log(f"gave up on an answer: {error}")  # in a group another agent gets it: it is not acknowledged


def acknowledge(gateway, channel, group, event_id):
    connection = gateway.connect(timeout=10)
    try:
        gateway.request(connection, "POST", "/websocket/ack", {"channel": channel, "group": group, "ids": [event_id]}).read()
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
            log(f"{channel}: the gateway says no: {error}")
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = f"no answer from {gateway.url}: {error or type(error).__name__}"
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
    if not re.fullmatch(r"https?://[^/\s]+/?", options.url):
        parser.error(f"no address of a gateway, such as http://127.0.0.1:8000: {options.url!r}")

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
