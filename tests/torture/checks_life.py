"""I10 to I16: how runs end, and what ends them. Each takes a History and the margin for slow machines, in seconds."""

from torture.found import Found
from torture.run_history import OVER
from torture.journal import dumps

GRACE, SETTLE = 5.0, 2.0
HEARTBEAT_ANSWERS = 0.2
END_HEARD = 2.5  # by everybody who is attached


def i10(history, margin) -> Found:
    """Exactly one terminal: the record, every reader on every instance and the last event of a stream agree."""
    found = Found()
    for run in history.whole_runs():
        terminals = run.terminals()
        if not terminals:
            continue
        told = {one[1:5]: one[5] for one in terminals}
        found.hold(len(told) == 1, lambda: f"{run.run} ended in different ways: {told}")
        errors = {dumps(attach.ends[0].message.get("error")) for attach in run.attaches if attach.ends}
        found.hold(len(errors) <= 1, lambda: f"{run.run} ended with different errors: {errors}")
        for attach in run.attaches:
            found.hold(len(attach.ends) <= 1, lambda: f"{run.run}: {attach.tab} heard {len(attach.ends)} ends on {attach.conn}")
            hold_heard(found, history, run, attach, terminals[0][0], margin)
        for stream in run.streams:
            if stream["clean"]:
                hold_stream(found, run, stream, terminals[0])
        ends = [ask for ask in run.appends if ask.ok and "end" in ask.body and ask.answer["run_status"] in OVER]
        for ask in ends:
            found.hold(ask.answer["run_status"] == terminals[0][1], lambda: f"{ask}: but it ended {terminals[0]}")
    return found


def hold_heard(found, history, run, attach, over_at, margin):
    """Who was attached all the while has heard of the end."""
    begun = max(attach.t, over_at)
    due = history.deadline(begun, END_HEARD + margin, 10)
    slow = history.conns.get(attach.conn, {}).get("slow")
    if slow or history.disturbed_until(begun - 1, due) is not None or (attach.over_at or history.entries[-1]["t"]) < due:
        return
    found.hold(attach.ends, lambda: f"{run.run} was over at {over_at:.3f}; {attach.tab} on {attach.conn} never heard of it")


def hold_stream(found, run, stream, terminal):
    _, status, epoch, pos, hash, _ = terminal
    last = f"{epoch:04}.{pos:012}.{hash}.end"
    found.hold(stream["last_id"] == last, lambda: f"{run.run}: a stream at {stream['gateway']} ended with {stream['last_id']}, not {last}")
    settled = run.settled()
    if settled and stream["format"] == "text":
        found.hold(stream["text"] == settled["log"], lambda: (
            f"{run.run}: a stream at {stream['gateway']} gave {len(stream['text'])} characters of a log of {len(settled['log'])}"))  # fmt: skip


def i11(history, margin) -> Found:
    """The agent is killed, or agent and instance: a terminal within lease + takeover window + 2 s."""
    found = Found()
    for death in history.deaths:
        for run in history.whole_runs():
            owned = [(epoch, asks[0]) for epoch, asks in run.claims.items() if asks and asks[0].answered_at < death["t"]]
            if not owned or run.ended_by_death:
                continue
            epoch, claim = max(owned, key=lambda one: one[0])
            if claim.body["producer"] not in death["producers"]:
                continue
            hold_abandoned(found, history, run, epoch, death["t"], margin)
    return found


def hold_abandoned(found, history, run, epoch, died_at, margin):
    within = history.lease(run, epoch) + history.takeover(run, epoch) + SETTLE
    due = history.deadline(died_at, within, history.lease(run, epoch)) + margin
    over_at = run.over_at
    helped = [ask for ask in run.calls("claim") if (ask.answered_at or due) > died_at]
    helped += [ask for ask in run.calls("cancel", "delete") if ask.t < (over_at or due)]
    looked_at = run.terminals() or run.records
    if (over_at is not None and over_at < died_at) or helped or history.entries[-1]["t"] < due or not looked_at:
        return
    found.hold(over_at is not None and over_at <= due, lambda: (
        f"{run.run}: its owner died at {died_at:.3f}, due {due:.3f}, told {over_at}; epoch {epoch}, {within:.1f} s"))  # fmt: skip
    if over_at is not None:
        found.took(over_at - died_at)


def i12(history, margin) -> Found:
    """Nobody takes it: `no_agent` within the start timeout + 2 s."""
    found = Found()
    acked = {message["run_id"]: t for acks in history.acks.values() for t, _, message in reversed(acks)}
    for run in history.whole_runs():
        if run.run not in acked or run.calls("claim", "cancel", "delete") or run.ended_by_death:
            continue
        begun = acked[run.run]
        due = history.deadline(begun, history.start_timeout + SETTLE, history.start_timeout) + margin
        if history.entries[-1]["t"] < due:
            continue
        over_at = run.over_at
        codes = {(attach.ends[0].message.get("error") or {}).get("code") for attach in run.attaches if attach.ends}
        codes |= {(entry["record"].get("error") or {}).get("code") for entry in run.records if entry["record"]["status"] in OVER}
        found.hold(over_at is not None and over_at <= due and codes == {"no_agent"},
                   lambda: f"{run.run}: asked for at {begun:.3f}, nobody claimed it, due {due:.3f}, told {over_at} {codes}")
        if over_at is not None:
            found.took(over_at - begun)
    return found


def i13(history, _) -> Found:
    """Nothing changes after the terminal."""
    found = Found()
    for run in history.whole_runs():
        over_at = run.over_at
        if over_at is None:
            continue
        for ask in run.appends:
            if ask.t > over_at and ask.status is not None:
                found.hold(not (ask.ok and ask.answer["status"] == "appended"), lambda: f"{ask}: taken after the end at {over_at:.3f}")
        for attach in run.attaches:
            if attach.ends:
                after = attach.heard[attach.heard.index(attach.ends[0]) + 1 :]
                found.hold(not after, lambda: f"{run.run}: {attach.tab} heard {after[0].message} after the end")
        late = {dumps({name: entry["record"].get(name) for name in ("status", "epoch", "pos", "hash", "error", "result")})
                for entry in run.records if entry["record"]["status"] in OVER}  # fmt: skip
        if late:
            found.hold(len(late) == 1, lambda: f"{run.run}: its record changed after the end: {late}")
    return found


def i14(history, _) -> Found:
    """Closing, crashing, draining any number of connections changes no run."""
    found = Found()
    for run in history.whole_runs():
        over_at = run.over_at
        if over_at is None or run.ended_by_death or not any(attach.closed_at and attach.closed_at < over_at for attach in run.attaches):
            continue
        asked = run.calls("cancel", "delete")
        ends = [ask for ask in run.appends if "end" in ask.body]
        statuses = {one[1] for one in run.terminals()}
        found.hold("cancelled" not in statuses or asked or any(ask.body["end"]["status"] == "cancelled" for ask in ends),
                   lambda: f"{run.run} was cancelled, and nobody had asked for it")
        for ask in ends:
            if ask.ok and ask.answer["status"] == "appended":
                found.hold(statuses <= {ask.body["end"]["status"]}, lambda: f"{ask}: taken, and it ended {statuses}")
    return found


def first_asked(run) -> list:
    return [ask for ask in run.calls("cancel") if ask.ok and ask.answer.get("status") == "asked"]


def i15(history, margin) -> Found:
    """A cancel reaches the owner's waiting heartbeat at once; it is over within the grace + 2 s whatever the owner does."""
    found = Found()
    for run in history.whole_runs():
        for cancel in first_asked(run)[:1]:
            over_at = run.over_at
            due = history.deadline(cancel.answered_at, GRACE + SETTLE, 10) + margin
            if history.entries[-1]["t"] >= due and not run.ended_by_death:
                found.hold(over_at is not None and over_at <= due, lambda: f"{cancel}: over at {over_at}, due {due:.3f}")
            for beat in run.calls("heartbeat"):
                hold_told(found, history, cancel, beat, over_at, margin)
            for ask in run.appends:
                if over_at is not None and ask.t > max(over_at, cancel.t) and ask.status is not None:
                    found.hold(not ask.ok or ask.answer["status"] == "duplicate", lambda: f"{ask}: taken after it was cancelled at {over_at:.3f}")
    return found


def hold_told(found, history, cancel, beat, over_at, margin):
    """`beat` was waiting when it was cancelled."""
    wait = beat.body.get("wait_ms", 0) / 1000
    if beat.t > cancel.t - 0.05 or beat.t + wait < cancel.answered_at + HEARTBEAT_ANSWERS or (beat.answered_at or 1e18) < cancel.t:
        return
    if beat.status != 200 or (over_at or 1e18) < cancel.t or history.disturbed_until(beat.t - 1, cancel.answered_at + 1) is not None:
        return
    took = beat.answered_at - cancel.answered_at
    found.hold(took <= HEARTBEAT_ANSWERS + margin and beat.answer["cancel_requested"], lambda: f"{beat}: {took:.3f} s after {cancel}")
    found.took(max(0.0, took))


def i16(history, _) -> Found:
    """Cancelled again, or after the end: nothing."""
    found = Found()
    for run in history.whole_runs():
        first, over_at = first_asked(run)[:1], run.over_at
        for cancel in run.calls("cancel"):
            status = cancel.answer.get("status")
            if not cancel.ok:
                continue
            if over_at is not None and cancel.t > over_at:
                found.hold(status == "ended", lambda: f"{cancel}: but it was over at {over_at:.3f}")
            elif first and cancel.t > first[0].answered_at:
                found.hold(status in ("already", "ended"), lambda: f"{cancel}: and so said the first, {first[0]}")
    return found
