"""I1 to I9: what stands in a log, and who may write there. Each takes a History and the margin for slow machines."""

from collections import defaultdict

from torture.fold import hash_text
from torture.found import Found
from torture.run_history import bytes_of
from torture.journal import dumps

# What an append may be refused with although nothing is wrong with it.
ELSEWHERE = ("fenced", "run_ended", "run_not_found", "rate_limited", "resource_exhausted", "run_too_large")


def i1(history, _) -> Found:
    """What a client accepted is at any moment a prefix of its epoch's log."""
    found = Found()
    for run in history.whole_runs():
        for t, epoch, at, text, where in run.observed:
            if known(run, epoch):
                found.hold(run.allowed(epoch, at, text), lambda: (
                    f"{run.run} at {t:.3f}: {where} was given {shown(text)} at {epoch}.{at}, which nobody wrote there"))
    return found


def i2(history, _) -> Found:
    """Each hash is the fold of the bytes up to its pos."""
    found = Found()
    for run in history.whole_runs():
        for attach in run.attaches:
            for heard in attach.heard:
                found.hold(not problems(heard, "I2"), lambda: f"{run.run} {attach.tab} at {heard.t:.3f}: {problems(heard, 'I2')}")
        for ask in run.calls("append", "end", "claim", "create", "heartbeat"):
            place = ask.answer if ask.ok else ask.answer.get("run") or {}
            epoch = place.get("epoch", ask.body.get("epoch"))
            if ask.ok and ask.call == "claim":
                epoch -= 1  # it is what the epoch before had left
            if "hash" in place and (texts := texts_up_to(run, epoch, place["pos"])):
                found.hold(place["hash"] in map(hash_text, texts), lambda: f"{ask}: no text of {place['pos']} bytes has that hash")
        for entry in run.records:
            if entry.get("log") is not None:
                record, log = entry["record"], entry["log"].encode()
                found.hold((record["pos"], record["hash"]) == (len(log), hash_text(log)),
                           lambda: f"{run.run}: the record at {entry['gateway']} has {record['pos']} {record['hash']}, its log {len(log)} {hash_text(log)}")
    return found


def i3(history, _) -> Found:
    """`pos` never falls in an epoch; a delta goes on where the text before it ended."""
    found = Found()
    for run in history.whole_runs():
        for attach in run.attaches:
            for heard in attach.heard:
                found.hold(not problems(heard, "I3"), lambda: f"{run.run} {attach.tab} at {heard.t:.3f}: {problems(heard, 'I3')}")
    return found


class Bytes:
    """Those of one epoch, wherever they were seen."""

    def __init__(self):
        self.data, self.known = bytearray(), bytearray()

    def agrees(self, at, text) -> bool:
        end = at + len(text)
        if end > len(self.data):
            more = bytes(end - len(self.data))
            self.data += more
            self.known += more
        if self.known.count(1, at, end) == len(text):
            return self.data[at:end] == text
        right = all(not self.known[at + i] or self.data[at + i] == byte for i, byte in enumerate(text))
        self.data[at:end], self.known[at:end] = text, b"\1" * len(text)
        return right


def i4(history, _) -> Found:
    """Bytes at a pos of an epoch never change, whoever reads them where."""
    found = Found()
    for run in history.whole_runs():
        epochs = defaultdict(Bytes)
        for t, epoch, at, text, where in run.observed:
            found.hold(epochs[epoch].agrees(at, text),
                       lambda: f"{run.run} at {t:.3f}: {where} was given other bytes at {epoch}.{at} than somebody before: {shown(text)}")
    return found


def i5(history, _) -> Found:
    """One append is none or all of its bytes, once, however often it was asked for; answered, it is there."""
    found = Found()
    for run in history.whole_runs():
        for ask in run.appends:
            if ask.ok:
                found.hold(ask.answer["pos"] in run.boundaries(ask.body["epoch"]), lambda: f"{ask}: no append ends there")
        for epoch, asks in run.claims.items():
            hold_kept(found, run, epoch, asks[0])
        again = defaultdict(set)
        for ask in run.appends:
            if ask.ok:
                again[ask.body["epoch"], ask.body["seq"], dumps(ask.body)].add((ask.answer["pos"], ask.answer["hash"]))
        for place, answers in again.items():
            found.hold(len(answers) == 1, lambda: f"{run.run} {place[:2]}: one append, answered {answers}")
        settled = None if run.ended_by_death else run.settled()
        if settled and known(run, settled["record"]["epoch"]):
            hold_whole(found, run, settled)
    return found


def hold_kept(found, run, epoch, claim):
    """What a claim leaves: all that was answered for, or the bytes that it named."""
    keep, pos = claim.body.get("keep", "all"), claim.answer["pos"]
    if keep != "all":
        found.hold(pos == keep, lambda: f"{claim}: it named {keep} bytes to keep")
        return
    answered = [ask.answer["pos"] for ask in run.appends if ask.ok and ask.body["epoch"] == epoch - 1 and ask.answered_at < claim.t]
    found.hold(pos >= max(answered, default=0), lambda: f"{claim}: {max(answered)} bytes had been answered for")


def hold_whole(found, run, settled):
    epoch, log = settled["record"]["epoch"], settled["log"].encode()
    found.hold(run.allowed(epoch, 0, log), lambda: f"{run.run}: the log in the end is nothing that could come of its appends: {shown(log)}")
    found.hold(len(log) in run.boundaries(epoch), lambda: f"{run.run}: the log in the end stops at {len(log)}, inside an append")
    of = max((e for e in run.claims if run.claim(e)), default=0)
    answered = max((ask.answer["pos"] for ask in run.appends if ask.ok and ask.body["epoch"] == of), default=0)
    if of == max_epoch_claimed(run):
        found.hold(len(log) >= answered, lambda: f"{run.run}: {answered} bytes were answered for, {len(log)} are there in the end")


def i6(history, _) -> Found:
    """After a claim no byte of an older epoch is added."""
    found = Found()
    for run in history.whole_runs():
        claims = sorted((ask.answered_at, epoch) for epoch, asks in run.claims.items() for ask in asks[:1])
        for ask in run.appends:
            newer = [epoch for at, epoch in claims if epoch > ask.body["epoch"] and at < ask.t]
            if newer:
                found.hold(not ask.ok, lambda: f"{ask}: taken after the claim of epoch {max(newer)}")
        for t, epoch, at, text, where in run.observed:
            of = max((one for one in run.claims if one <= epoch and run.claim(one)), default=0)  # an ending by the gateway has none
            base = run.base(of)
            added = text[max(0, base - at) :]
            if len(run.claims) > 1 and added and at + len(text) > base:
                older = [ask for ask in run.appends if ask.body["epoch"] < of and len(bytes_of(ask.body)) >= 12]
                found.hold(not any(bytes_of(ask.body) in added for ask in older),
                           lambda: f"{run.run} at {t:.3f}: {where} sees at {epoch}.{at} what an older epoch wrote: {shown(added)}")
    return found


def i7(history, _) -> Found:
    """No two claims get one epoch."""
    found = Found()
    for run in history.whole_runs():
        for epoch, asks in run.claims.items():
            different = {(ask.body["producer"], ask.body.get("token") or id(ask)) for ask in asks}
            found.hold(len(different) == 1, lambda: f"{run.run}: epoch {epoch} was given to {[str(ask) for ask in asks]}")
    return found


def i8(history, _) -> Found:
    """The same seq with other bytes is 409."""
    found = Found()
    for run in history.whole_runs():
        stored = {}
        for ask in sorted(run.appends, key=lambda ask: ask.t):
            place = ask.body["epoch"], ask.body["seq"]
            first = stored.get(place)
            if first and first.answered_at < ask.t and meant(ask) != meant(first) and ask.status is not None:
                conflict = ask.status == 409 and ask.code == "sequence_conflict"
                found.hold(conflict or (not ask.ok and ask.code in ELSEWHERE) or ask.status >= 500 or ask.status == 429,
                           lambda: f"{ask}: other bytes than the same seq had before")
            if ask.ok and place not in stored:
                stored[place] = ask
    return found


def i9(history, _) -> Found:
    """A gap is 409, and nothing is stored."""
    found = Found()
    for run in history.whole_runs():
        appends = sorted(run.appends, key=lambda ask: ask.t)
        seqs = defaultdict(set)
        for ask in appends:
            epoch, seq = ask.body["epoch"], ask.body["seq"]
            if ask.status is not None and seq > 0 and seq - 1 not in seqs[epoch]:
                gap = ask.status == 409 and ask.code == "sequence_gap"
                found.hold(gap or (not ask.ok and ask.code in ELSEWHERE) or ask.status >= 500 or ask.status == 429,
                           lambda: f"{ask}: nothing was asked for as {seq - 1} before")
                if gap:
                    found.hold(ask.answer.get("expected_seq", -1) in range(least(appends, ask), most(seqs[epoch]) + 1),
                               lambda: f"{ask}: expected_seq is none that fits, {least(appends, ask)} to {most(seqs[epoch])} would")
            elif seq == 0 or seq - 1 in seqs[epoch]:
                seqs[epoch].add(seq)
    return found


def least(appends, ask) -> int:
    """Behind the highest seq that had been answered for."""
    return max((one.body["seq"] + 1 for one in appends if one.ok and one.answered_at < ask.t and one.body["epoch"] == ask.body["epoch"]), default=0)


def most(seqs) -> int:
    return max(seqs, default=-1) + 1


def meant(ask) -> tuple:
    return bytes_of(ask.body), dumps(ask.body.get("end"))


def known(run, epoch) -> bool:
    """Whether the writers of a run are among those who keep this journal."""
    return bool(run.variants(epoch)) and any(run.claims.values()) and epoch >= 0


def max_epoch_claimed(run) -> int:
    """The highest of a claim that was asked for, answered or not."""
    lost = [ask for ask in run.calls("claim") if ask.status is None]
    return max([epoch for epoch, asks in run.claims.items() if asks] + [1 << 30 for ask in lost], default=0)


def texts_up_to(run, epoch, pos) -> list:
    return [one[:pos] for one in run.variants(epoch) if len(one) >= pos] if epoch is not None else []


def problems(heard, invariant) -> str:
    return "; ".join(words for name, words in heard.problems if name == invariant)


def shown(text) -> str:
    return repr(text[:48]) + (f"… ({len(text)} bytes)" if len(text) > 48 else "")
