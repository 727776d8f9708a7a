"""What was sent, acknowledged, received and answered, from all sides, and what of it does not agree.

    checker.sent(client.connection_id, message)          # before it goes out
    checker.answered(client.connection_id, ack)          # an ack or an error with its id
    checker.agent_received("agent", envelope)
    checker.agent_answered(answer := answer_to(envelope))
    checker.client_received(client.connection_id, answer)
    checker.report().assert_clean()

Ids are unique in the whole test. A message sent again keeps its id. Competing agents have one name together.
"""

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields

TAKEN = ("published", "queued", "duplicate")


@dataclass
class Report:
    """Ids, or tuples that end with one. An empty list is what a test wants."""

    lost: list = field(default_factory=list)  # acknowledged, and no agent has it
    doubled: list = field(default_factory=list)  # (agent, id): twice, as different messages
    redelivered: list = field(default_factory=list)  # (agent, id): the same message_id twice
    disordered: list = field(default_factory=list)  # (agent, connection, channel, id): after a later one
    misdelivered: list = field(default_factory=list)  # (where it came to, id): not for that one
    altered: list = field(default_factory=list)  # (agent, id): not what was sent
    unknown: list = field(default_factory=list)  # (agent, id): nobody sent it
    unanswered: list = field(default_factory=list)  # neither ack nor error came
    answers_lost: list = field(default_factory=list)  # (connection, id)
    answers_doubled: list = field(default_factory=list)  # (connection, id)
    # Figures.
    taken: int = 0
    refused: Counter = field(default_factory=Counter)  # by code
    slowest_answer: float = 0.0  # seconds from a message to its ack or error

    def faults(self, *, allowed=()) -> dict:
        lists = {f.name: getattr(self, f.name) for f in fields(self) if f.default_factory is list}
        return {name: found for name, found in lists.items() if found and name not in allowed}

    def assert_clean(self, *, allowed=()):
        told = {name: (len(found), found[:10]) for name, found in self.faults(allowed=allowed).items()}
        assert not told, f"how many of each, and the first of them: {told}"


@dataclass
class Sent:
    message: dict
    time: float
    position: int  # among all sends of the test
    connections: set  # more than one when it was sent again
    answer: dict | None = None
    answer_time: float = 0.0


class Checker:
    """Safe to call from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._sent = {}
        self._received = defaultdict(list)  # agent -> envelopes
        self._answers_given = []
        self._answers_received = []  # (connection_id, answer)

    def sent(self, connection_id, message):
        with self._lock:
            entry = self._sent.get(message["id"])
            if entry is None:
                position = len(self._sent)
                self._sent[message["id"]] = Sent(message, time.monotonic(), position, {connection_id})
            else:
                assert entry.message == message, f"two messages with the id {message['id']}"
                entry.connections.add(connection_id)

    def answered(self, connection_id, answer):
        """The first answer is timed; an error may be followed by an ack of the message sent again."""
        with self._lock:
            entry = self._sent.get(answer["id"])
            assert entry is not None and connection_id in entry.connections, f"{connection_id} never sent {answer}"
            if entry.answer is None:
                entry.answer_time = time.monotonic()
            if entry.answer is None or entry.answer["type"] == "error":
                entry.answer = answer

    def agent_received(self, agent, envelope):
        with self._lock:
            self._received[agent].append(envelope)

    def agent_answered(self, answer):
        with self._lock:
            self._answers_given.append(answer)

    def client_received(self, connection_id, answer):
        with self._lock:
            self._answers_received.append((connection_id, answer))

    # What is known already, for waiting.

    def open_ids(self) -> set:
        """Sent, and neither acknowledged nor refused yet."""
        with self._lock:
            return {id for id, entry in self._sent.items() if entry.answer is None}

    def missing_ids(self, status=None) -> set:
        """Acknowledged, with this status if one is given, and with no agent yet."""
        with self._lock:
            return {id for id in self._missing() if status in (None, self._sent[id].answer["status"])}

    def counted_by_the_dead(self, died_at) -> set:
        """Missing, and excused by a SIGKILL of Redis at that `time.monotonic()`.

        Redis writes to who publishes and to who listens in two steps; a kill between them takes along what it had
        counted, and nothing can bring that back. Such a message was sent at most moments before, and `published`.
        """
        return {id for id in self.missing_ids("published") if died_at - 1 <= self._sent[id].time <= died_at}

    def taken(self) -> int:
        with self._lock:
            return sum(is_taken(entry) for entry in self._sent.values())

    def report(self) -> Report:
        with self._lock:
            report = Report(lost=sorted(self._missing(), key=lambda id: self._sent[id].position))
            self._check_senders(report)
            for agent, envelopes in self._received.items():
                self._check_agent(report, agent, envelopes)
            self._check_answers(report)
            return report

    # Inside; the lock is held.

    def _missing(self) -> set:
        received = {envelope["message"].get("id") for envelopes in self._received.values() for envelope in envelopes}
        return {id for id, entry in self._sent.items() if is_taken(entry) and id not in received}

    def _check_senders(self, report):
        for id, entry in self._sent.items():
            if entry.answer is None:
                report.unanswered.append(id)
                continue
            report.slowest_answer = max(report.slowest_answer, entry.answer_time - entry.time)
            if is_taken(entry):
                report.taken += 1
            else:
                report.refused[entry.answer.get("code")] += 1

    def _check_agent(self, report, agent, envelopes):
        seen = {}  # id -> message_ids
        latest = defaultdict(lambda: -1)  # (connection, channel) -> position
        for envelope in envelopes:
            id = envelope["message"].get("id")
            entry = self._sent.get(id)
            if entry is None:
                report.unknown.append((agent, id))
                continue
            if envelope["message"] != entry.message:
                report.altered.append((agent, id))
            if envelope["channel"] != entry.message["channel"] or envelope["connection_id"] not in entry.connections:
                report.misdelivered.append((agent, id))
            if id in seen:
                again = envelope["message_id"] in seen[id]
                (report.redelivered if again else report.doubled).append((agent, id))
                seen[id].add(envelope["message_id"])
                continue
            seen[id] = {envelope["message_id"]}
            stream = (envelope["connection_id"], envelope["channel"])
            # What was sent again on another connection has left its place in the order.
            if len(entry.connections) == 1 and entry.position < latest[stream]:
                report.disordered.append((agent, *stream, id))
            latest[stream] = max(latest[stream], entry.position)

    def _check_answers(self, report):
        given = Counter(map(addressee_of, self._answers_given))
        received = Counter()
        for connection_id, answer in self._answers_received:
            addressee = addressee_of(answer)
            if addressee[0] != connection_id:
                report.misdelivered.append((connection_id, addressee[1]))
            received[addressee] += 1
        report.answers_lost = sorted(a for a in given if a not in received)
        report.answers_doubled = sorted(a for a, count in received.items() if count > max(1, given[a]))


def is_taken(entry) -> bool:
    return entry.answer is not None and entry.answer.get("status") in TAKEN


def answer_to(envelope) -> dict:
    """The answer an agent gives, which tells whom it is for."""
    return {"answer_to": {"connection_id": envelope["connection_id"], "id": envelope["message"]["id"]}}


def addressee_of(answer) -> tuple:
    return answer["answer_to"]["connection_id"], answer["answer_to"]["id"]
