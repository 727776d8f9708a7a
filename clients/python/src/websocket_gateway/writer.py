"""The owner's side of a run: one batch in flight, the same again until it is answered, and a log that lost its tail gets it
back. No I/O and no clock: the time and the answers go in, what to ask for comes out."""

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .backoff import Backoff
from .batches import Batch, Unsent
from .errors import GatewayError, Refused, RunOver
from .hashing import Hash, fold, hash_text, parse_hash

Answer = Mapping[str, Any]

BATCH_SECONDS, BATCH_BYTES = 0.025, 4096  # whichever is full first
APPEND_BYTES_MAX, APPEND_ITEMS_MAX = 64 * 1024, 1000  # the gateway takes 256 KiB
HEALINGS_MAX = 20  # in a row
# Whose the run is by now: nobody's, or another's.
OVER = ("run_ended", "run_not_found", "expired")
ANOTHERS = ("fenced", "run_held", "run_moved", "sequence_conflict", "sequence_gap")


@dataclass(frozen=True)
class Request:
    """`verb` is append, end or claim. `body` is JSON."""

    verb: str
    body: str
    epoch: int


class Writer:
    """`kept`: the log's bytes that were there at the claim, where they are known; else only their hash is.

    `is_framed`: the gateway writes the log in a protocol's frames, so that only it knows its bytes. `claim` has what else
    was said with the claim, for one that has to be made again.
    """

    def __init__(self, producer: str, claimed: Answer, *, is_text: bool = True, is_framed: bool = False,
                 kept: bytes | None = None, claim: Mapping[str, Any] | None = None,
                 rng: random.Random | None = None) -> None:  # fmt: skip
        self.producer, self.is_text, self.is_framed = producer, is_text, is_framed
        self._claim_fields = dict(claim or {})
        self.lease_ms: int = claimed["lease_ms"]
        self.cancelled = False
        self.failure: GatewayError | None = None  # it is not ours to write any more
        self.trouble: Refused | None = None  # a batch was refused; whoever says something next is told
        self.ended = False  # by us, and answered
        self.unsent = Unsent(is_text, is_framed=is_framed)
        self._backoff = Backoff(0.1, 5.0, rng or random.Random())
        self._retry_at = 0.0
        self._in_flight: Request | None = None
        self._healings = 0
        self._claim: str | None = None  # the body of a claim that has to be made again
        self._claim_keep = 0
        self._end: dict[str, Any] | None = None
        self._rush = False
        self._begin(claimed, kept)

    def _begin(self, claimed: Answer, kept: bytes | None) -> None:
        self.epoch: int = claimed["epoch"]
        self._base: int = claimed["pos"]
        self._base_hash: Hash = parse_hash(claimed["hash"])
        self._base_text = kept
        self.batches: list[Batch] = []
        self._tops: list[tuple[int, Hash]] = []  # where the log is behind each of them
        self.seq = 0  # the next one to be answered for

    # What the agent does.

    @property
    def is_over(self) -> bool:
        return self.ended or self.failure is not None

    @property
    def is_idle(self) -> bool:
        """All that was said is answered for."""
        return self.is_over or (not self.unsent.size and self.seq == len(self.batches) and self._claim is None and self._end is None)

    @property
    def written(self) -> bytes:
        """What this attempt has said in batches."""
        return b"".join(batch.data for batch in self.batches)

    @property
    def base_text(self) -> bytes | None:
        """What stood in the log when it was claimed last, where that is known."""
        return b"" if self._base == 0 else self._base_text

    @property
    def pos(self) -> int:
        """How far the gateway has answered for."""
        return self._tops[self.seq - 1][0] if self.seq else self._base

    def hurry(self) -> None:
        """The next batch goes as it is."""
        self._rush = True

    def finish(self, end: dict[str, Any], now: float) -> None:
        self.unsent.close(now)
        self._end = end
        self._rush = True

    # What is to be asked.

    def next(self, now: float) -> Request | float | None:
        """A request to be made now, or when to ask again, or None: when something happens."""
        if self._in_flight is not None or self.is_over:
            return None
        if now < self._retry_at:
            return self._retry_at
        if self._claim is not None:
            return self._fly(Request("claim", self._claim, self.epoch))
        if self.seq == len(self.batches):
            due = self._due(now)
            if due is not True:
                return due
            self._cut_batch()
        batch = self.batches[self.seq]
        head = f'"producer":{json.dumps(self.producer)},"epoch":{self.epoch},"seq":{self.seq}'
        verb = "append" if batch.data else "end"
        return self._fly(Request(verb, f"{{{head},{batch.fields(self.is_text)}}}", self.epoch))

    def _due(self, now: float) -> bool | float | None:
        if self._end is not None or self.unsent.size >= BATCH_BYTES or (self._rush and self.unsent.size):
            return True
        if self.unsent.since is None:
            self._rush = False
            return None
        due = self.unsent.since + BATCH_SECONDS
        return True if now >= due else due

    def _cut_batch(self) -> None:
        batch = Batch(self.unsent.take(APPEND_BYTES_MAX, APPEND_ITEMS_MAX))
        if not self.unsent.size:
            self._rush = False
            batch.end, self._end = self._end, None
        self._push(batch)

    def _push(self, batch: Batch) -> None:
        pos, value = self._tops[-1] if self._tops else (self._base, self._base_hash)
        self.batches.append(batch)
        self._tops.append((pos + len(batch.data), fold(batch.data, value)))

    def _fly(self, request: Request) -> Request:
        self._in_flight = request
        return request

    # What was answered.

    def unanswered(self, now: float, floor: float = 0.0) -> None:
        """The same again, later. `floor`: what the gateway asked for, in seconds."""
        self._in_flight = None
        self._retry_at = now + self._backoff.next(floor)

    def answered(self, answer: Answer) -> None:
        request, self._in_flight = self._in_flight, None
        self._backoff.reset()
        if request is not None and request.verb == "claim":
            self._claimed(answer)
            return
        self.cancelled |= bool(answer.get("cancel_requested"))
        pos, value = self._tops[self.seq]
        if self.is_framed:
            self._tops[self.seq] = (answer["pos"], parse_hash(answer["hash"]))
        elif (answer["pos"], answer["hash"]) != (pos, hash_text(value)):
            self._claim_again(0, None)  # the log is another than ours
            return
        self._healings = 0
        self.ended = self.batches[self.seq].end is not None
        self.seq += 1

    def refused(self, error: Refused, now: float) -> None:
        request, self._in_flight = self._in_flight, None
        if request is None or self._heal(error, request, now):
            return
        if error.code in OVER or error.code in ANOTHERS or request.verb == "claim" or error.status in (401, 403, 404):
            self._lost(error)
            return
        self._leave_out(error)

    def _leave_out(self, error: Refused) -> None:
        """What is never taken goes, with what follows it; the run then ends as failed, if it is not for that very end."""
        has_data = bool(self.batches[self.seq].data)
        end = self._end or next((batch.end for batch in self.batches[self.seq :] if batch.end is not None), None)
        del self.batches[self.seq :], self._tops[self.seq :]
        self.unsent.clear()
        if self.trouble is not None and not has_data:
            self.failure = error
        self.trouble = error
        if end is not None:
            self._end = {"status": "failed", "error": {"code": error.code, "message": error.message[:500]}}

    def heartbeat(self, answer: Answer, epoch: int) -> None:
        """What a heartbeat told, that was sent in this epoch."""
        self.cancelled |= bool(answer.get("cancel_requested"))
        is_quiet = epoch == self.epoch and self._in_flight is None and not self.is_over
        if is_quiet and self.seq and answer["pos"] < self.pos:
            self.seq -= 1  # a tail is lost: the last batch again, and its answer says from where

    def heartbeat_refused(self, error: Refused, epoch: int) -> None:
        is_ending = bool(self.batches) and self.batches[-1].end is not None
        if epoch != self.epoch or self._claim is not None or self.is_over or (is_ending and error.code in OVER):
            return  # an end of ours on its way will be answered itself
        if self._is_claim_lost(error):
            if self._in_flight is None:  # else its answer says the same
                self._claim_again(error.run.get("pos", 0), error.run.get("hash"))
        else:
            self._lost(error)

    # Inside.

    def _lost(self, error: Refused) -> None:
        self.cancelled |= error.code == "run_ended" and error.run.get("status") == "cancelled"
        is_taken = error.code in OVER or error.code in ANOTHERS
        self.failure = RunOver(error.code, error.message) if is_taken else error

    def _is_claim_lost(self, error: Refused) -> bool:
        return error.code == "fenced" and error.body.get("epoch", self.epoch) < self.epoch

    def _heal(self, error: Refused, request: Request, now: float) -> bool:
        """Whether the engine came back without what it had answered for, and gets it again."""
        if self._healings >= HEALINGS_MAX:
            return False
        if request.verb == "claim":
            # An owner of before holds it again by what the engine came back with; its lease will lapse.
            self._healings += 1
            self._retry_at = now + self._backoff.next(error.body.get("retry_after_ms", 0) / 1000)
            return error.code == "run_held"
        expected = error.body.get("expected_seq")
        if error.code == "sequence_gap" and isinstance(expected, int) and expected < self.seq:
            self._healings += 1
            self.seq = expected
            return True
        if self._is_claim_lost(error):
            self._claim_again(error.run.get("pos", 0), error.run.get("hash"))
            return True
        return False

    def _claim_again(self, pos: int, told: str | None) -> None:
        """What stands up to `pos` stays if it is ours; the rest goes out again under new seqs."""
        if self._healings >= HEALINGS_MAX:
            self.failure = RunOver("diverged", "the log cannot be made what this agent wrote")
            return
        self._healings += 1
        if self.is_framed:
            pos = 0  # a new attempt, behind what is there
        text = self._own(pos)
        if pos and (text is None or (told is not None and hash_text(text) != told)):
            pos = 0
        if self._own(pos) is None and not self.is_framed:
            self.failure = RunOver("diverged", "the log lost what stood in it before this agent's claim")
            return
        body = {"producer": self.producer, "token": uuid.uuid4().hex, "epoch": self.epoch, "keep": pos, **self._claim_fields}
        self._claim, self._claim_keep = json.dumps(body), pos

    def _own(self, pos: int) -> Hash | None:
        """The hash that the log has at `pos` if it is ours; None where that cannot be known."""
        if pos == self._base:
            return self._base_hash
        whole = self._whole()
        if whole is not None:
            return fold(whole[:pos]) if pos <= len(whole) else None
        own = self.written
        return fold(own[: pos - self._base], self._base_hash) if self._base < pos <= self._base + len(own) else None

    def _whole(self) -> bytes | None:
        """The log from its start, where all of it is known."""
        if self._base == 0:
            return self.written
        return None if self._base_text is None else self._base_text + self.written

    def _claimed(self, answer: Answer) -> None:
        """Again, after the engine had lost the claim: what is missing follows."""
        keep, self._claim = self._claim_keep, None
        whole, end, expected = self._whole(), self.batches[-1].end if self.batches else None, self._own(keep)
        if self.is_framed:
            kept, rest = None, self.written
        else:
            kept = None if whole is None else whole[:keep]
            rest = self.written[keep - self._base :] if whole is None else whole[keep:]
        self._begin(answer, kept)
        self._push_again(rest, end)
        if not self.is_framed and (self._base, self._base_hash) != (keep, expected):
            self._claim_again(0, None)

    def _push_again(self, rest: bytes, end: dict[str, Any] | None) -> None:
        again = Unsent(self.is_text)
        again._parts, again.size = [rest], len(rest)
        while again.size:
            self._push(Batch(again.take(APPEND_BYTES_MAX, APPEND_ITEMS_MAX)))
        if end is not None:
            if self.batches:
                self.batches[-1].end = end
            else:
                self._push(Batch(b"", end))

