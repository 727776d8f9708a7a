"""I17 to I22, I28 and I29: what readers get. Each takes a History and the margin for slow machines, in seconds."""

from collections import defaultdict

from torture.fold import parse_cursor
from torture.found import Found
from torture.history import ENDS_OF_INSTANCES
from torture.run_history import OVER
from torture.view import View

REPAIRED, NOT_IN_THE_LOG = 2.5, 4.0
MEMORY_MORE_MAX = 64 << 20
SLOW = 4008
LOST_DELTA = "lost-delta"  # the kind of the fault: an instance's subscriptions at Redis are cut


def answers(history, wanted):
    """(run, attach, its first message, cursor) of each attach whose cursor fits, or does not."""
    for run in history.whole_runs():
        for attach in run.attaches:
            cursor = parse_cursor(attach.cursor)
            if cursor is None or not attach.heard or attach.heard[0].message.get("id") != attach.asked.get("id"):
                continue
            epoch, pos, hash = cursor
            known = run.known(epoch)
            if fits(run, known, *cursor) is wanted:
                yield run, attach, attach.heard[0], (epoch, pos, hash)


def fits(run, known, epoch, pos, hash):
    """None: nobody here knows."""
    if not any(run.claims.values()) and pos:
        return None
    if pos > len(known.data):
        # An epoch that the gateway began, by ending the run, has no claim that tells where: it may go as far as what was written.
        return False if run.claim(epoch) or pos > max(map(len, run.variants(epoch)), default=0) else None
    return known.hash_at(pos) == hash and epoch <= max((heard.epoch for attach in run.attaches for heard in attach.heard), default=0)


def i17(history, _) -> Found:
    """A fitting cursor: the first message goes on at its pos, in one round trip."""
    found = Found()
    for run, attach, first, (epoch, pos, _hash) in answers(history, True):
        message = first.message
        right = {
            "delta": lambda: message["epoch"] == epoch and message["from"] == pos,
            "top": lambda: message["epoch"] == epoch and message["pos"] == pos,
            "end": lambda: message["epoch"] == epoch and message["pos"] == pos,
            "reset": lambda: message["epoch"] > epoch and message["pos"] == common_prefix(run, epoch, pos, message["epoch"]),
            "snapshot": lambda: False,
        }[message["event"]]
        found.hold(right(), lambda: f"{run.run}: {attach.tab} asked for {attach.cursor}, which fits, and was told {told(message)}")
        found.took(first.t - attach.t)
    return found


def common_prefix(run, epoch, pos, now) -> int:
    """The least of the pos and the bases of later epochs, as far as their claims were answered."""
    return min([pos] + [run.base(later) for later in range(epoch + 1, now + 1) if run.claim(later)])


def i18(history, _) -> Found:
    """A wrong hash, a foreign epoch, a pos beyond: `snapshot` or `reset`, never `delta`."""
    found = Found()
    for run, attach, first, _ in answers(history, False):
        found.hold(first.message["event"] in ("snapshot", "reset"),
                   lambda: f"{run.run}: {attach.tab} asked for {attach.cursor}, which does not fit, and was told {told(first.message)}")
    return found


def i19(history, _) -> Found:
    """A late joiner's snapshot and deltas are the log."""
    found = Found()
    for run in history.whole_runs():
        settled = run.settled()
        for attach in run.attaches:
            if settled is None or attach.asked is None or attach.cursor or not attach.ends or not attach.heard:
                continue
            first = attach.heard[0].message
            if first["event"] == "snapshot" and first["status"] not in OVER:
                view = View()
                for heard in attach.heard:
                    view.apply(heard.message)
                found.hold(bytes(view.text) == settled["log"].encode(),
                           lambda: f"{run.run}: {attach.tab} joined late and has {view.pos} bytes of a log of {len(settled['log'].encode())}")
    return found


def timelines(run) -> dict:
    """(tab, conn) -> its attaches and what it heard, in order."""
    found = defaultdict(list)
    for attach in run.attaches:
        found[attach.tab, attach.conn].append(attach)
    return found


def i20(history, margin) -> Found:
    """A lost last delta is repaired within 2.5 s without a reconnect. What was lost is not seen from outside: each append
    that was answered while subscriptions were cut is looked at; any other that is late is one, too."""
    found = Found()
    cuts = [fault for fault in history.faults if fault["kind"] == LOST_DELTA]
    others = [fault for fault in history.faults if fault["kind"] not in (LOST_DELTA, "agent-stop")]
    for run in history.whole_runs():
        lines = timelines(run)
        for ask in run.appends:
            if not ask.ok or ask.answer["status"] != "appended":
                continue
            cut = next((one for one in cuts if one["since"] - 0.5 <= ask.answered_at and ask.t <= one["until"] + 0.2), None)
            begun = max(ask.answered_at, cut["until"] if cut else 0)
            due = begun + REPAIRED + margin
            disturbed = any(one["since"] <= due and one["until"] >= ask.t - 1 for one in others)
            for (tab, conn), attaches in lines.items():
                if not history.conns.get(conn, {}).get("slow") and attaches[0].heard and attaches[0].heard[0].t < ask.t:
                    excused = disturbed or not attached(history, attaches, ask.t, due)
                    hold_reached(found, run, ask, f"{tab} on {conn}", attaches, (begun, due, cut, excused))
    return found


def attached(history, attaches, since, until) -> bool:
    first, last = attaches[0], attaches[-1]
    return bool(first.heard) and first.heard[0].t < since and (last.closed_at or history.entries[-1]["t"]) > until and not any(
        one.closed_at and one.closed_at < until for one in attaches)


def hold_reached(found, run, ask, where, attaches, moment):
    begun, due, cut, excused = moment
    place = ask.body["epoch"], ask.answer["pos"]
    reached = next((heard.t for attach in attaches for heard in attach.heard if (heard.epoch, heard.pos) >= place), None)
    right = reached is not None and reached <= due
    if excused and not right:
        return  # what came in time counts, whatever went wrong
    if cut or not right:
        found.hold(right, lambda: f"{ask}: {where} had it at {reached}, due {due:.3f}")
    if cut and reached is not None:
        found.took(max(0.0, reached - begun))


def i21(history, margin) -> Found:
    """A slow reader beside a fast one: equal text, flat memory, the fast one undisturbed, no 4008."""
    found = Found()
    closed_slow = [entry for entry in history.closes if entry.get("code") == SLOW]
    for run in history.whole_runs():
        slow = [attach for attach in run.attaches if history.conns.get(attach.conn, {}).get("slow")]
        settled = run.settled()
        for attach in slow:
            if attach.ends and settled:
                view = history.views[attach.tab, run.run]
                found.hold(bytes(view.text) == settled["log"].encode(), lambda: f"{run.run}: {attach.tab}, slow, has another text than the log")
                found.hold(not any(entry["conn"] == attach.conn for entry in closed_slow), lambda: f"{run.run}: {attach.tab} was closed with {SLOW}")
                hold_undisturbed(found, history, run, margin)
    for entry in closed_slow:
        found.hold(False, f"{entry['tab']} was closed with {SLOW}")
    for entry in history.of("memory"):
        more = entry["bytes"] - entry["idle_bytes"]
        found.hold(more <= MEMORY_MORE_MAX, f"{entry['gateway']}: {more >> 20} MiB more beside a slow reader")
    return found


def hold_undisturbed(found, history, run, margin):
    for (tab, conn), attaches in timelines(run).items():
        if history.conns.get(conn, {}).get("slow"):
            continue
        for ask in run.appends:
            if not ask.ok or not attached(history, attaches, ask.t, ask.answered_at + REPAIRED + margin):
                continue
            if history.disturbed_until(ask.t - 1, ask.answered_at + REPAIRED + margin) is None:
                place = ask.body["epoch"], ask.answer["pos"]
                reached = next((heard.t for attach in attaches for heard in attach.heard if (heard.epoch, heard.pos) >= place), 1e18)
                found.hold(reached <= ask.answered_at + REPAIRED + margin, lambda: f"{ask}: {tab}, beside a slow reader, had it at {reached:.3f}")
                found.took(max(0.0, reached - ask.answered_at) if reached < 1e18 else REPAIRED)


def i22(history, _) -> Found:
    """One message, however often it is said on whichever instance: one run, one envelope."""
    found = Found()
    said = defaultdict(list)
    for t, opening, message in history.says:
        said[opening["session"], opening["client_id"], message["id"]].append(t)
    for key, times in said.items():
        acks = history.acks.get(key, [])
        runs = {message["run_id"] for _, _, message in acks}
        if len(times) < 2 or not acks or any(history.run(run).lossy for run in runs) or lost_between(history, times):
            continue
        found.hold(len(runs) == 1, lambda: f"{key[1:]} was said {len(times)} times and has the runs {runs}")
        envelopes = {entry["envelope"]["message_id"] for entry in history.envelopes.get(key[2], [])}
        found.hold(len(envelopes) <= 1, lambda: f"{key[1:]} was said {len(times)} times, and agents were given {envelopes}")
        named = {(entry["envelope"].get("run") or {}).get("run_id") for entry in history.envelopes.get(key[2], [])}
        found.hold(named <= runs, lambda: f"{key[1:]}: its envelopes name {named}, its acks {runs}")
    return found


def lost_between(history, times) -> bool:
    """What an engine forgot it may do twice; the memory engine forgets with its process."""
    lossy = [fault for fault in history.faults if "copied_at" in fault or (history.engine == "memory" and fault["kind"] in ENDS_OF_INSTANCES)]
    return any(fault["until"] >= min(times) and fault.get("copied_at", fault["since"]) <= max(times) for fault in lossy)


def i28(history, _) -> Found:
    """A foreign session gets 404 or `unknown_run` at every address, with the bytes of a run that never was."""
    found = Found()
    for entry in history.of("foreign"):
        found.hold(entry["foreign"] == entry["absent"], f"{entry['address']}: {entry['foreign']} for another's, {entry['absent']} for none")
        status = entry["foreign"].partition(" ")[0]
        found.hold(status in ("404", "unknown_run"), f"{entry['address']} answers {entry['foreign']}")
    return found


def i29(history, margin) -> Found:
    """The engine came back without its tail: a producer that heals has its whole text; nobody shows what is not in the log."""
    found = Found()
    for run in history.runs.values():
        settled = run.settled()
        if not run.lossy or settled is None:
            continue
        log, record = settled["log"].encode(), settled["record"]
        if run.intended and run.intended["heals"] and (record["status"], record["epoch"]) == ("completed", run.intended["epoch"]):
            found.hold(log.decode() == run.intended["text"], lambda: (
                f"{run.run}: healed to {len(log)} bytes, {len(run.intended['text'].encode())} were written"))  # fmt: skip
        for (tab, conn), attaches in timelines(run).items():
            hold_shown(found, history, run, (tab, conn, attaches, log), margin)
    return found


def hold_shown(found, history, run, reader, margin):
    tab, conn, attaches, log = reader
    back = max(fault["until"] for fault in history.faults if "copied_at" in fault)
    last = attaches[-1]
    if (last.closed_at or history.entries[-1]["t"]) < history.deadline(back, NOT_IN_THE_LOG, 0) + margin or not last.heard:
        return
    if last.ends and last.ends[0].t < back:
        return  # nobody who was told that it is over listens any more
    if last is not [attach for attach in run.attaches if attach.tab == tab][-1] or history.conns.get(conn, {}).get("slow"):
        return  # it has gone on elsewhere
    view = history.views[tab, run.run]
    found.hold(log.startswith(view.text), lambda: f"{run.run}: {tab} shows {view.pos} bytes that are not in the log of {len(log)}")


def told(message) -> dict:
    return {name: value for name, value in message.items() if name in ("event", "epoch", "from", "pos", "hash", "cause", "status")}
