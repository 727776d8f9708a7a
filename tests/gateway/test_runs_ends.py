"""How durable runs end, and that everybody who looks at one sees the same, on every instance."""

import threading
import time

import pytest

from support.api import assert_refused
from support.run_copies import Copy, Owner, ask, attach
from support.run_engines import ENGINES, instances, run_gateway
from support.runs import Run, RunStream, fold, sortable
from support.wait import eventually

START_TIMEOUT = 1.0
LEASE = 2.0
ENDINGS = ["completed", "failed", "abandoned", "cancelled", "no agent"]


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--run-start-timeout", f"{START_TIMEOUT}s", "--run-cancel-grace", "1s") as started:
        yield started


def everywhere(gateway, token, run_id):
    """A reader on each instance, with its copy."""
    readers = [instance.connect(token) for instance in instances(gateway)]
    return [(reader, attach(reader, run_id)) for reader in readers]


def has_begun(reader, copy):
    copy.read_until(reader, lambda one: one.first)


def test_i4_whoever_reads_an_epoch_reads_the_same_bytes(gateway, ada):
    owner = Owner.create(gateway.api, to={"user_id": "ada"}, takeover_ms=20000)
    readers = everywhere(gateway, ada, owner.run_id)
    text = ""
    for n in range(10):
        owner.append(f"{n} of the first, ")
        text += f"{n} of the first, "
    for reader, copy in readers:
        copy.read_text(reader, text)
    second = Owner.claim(gateway.api, owner.run_id, owner.producer, keep=len("0 of the first, "))
    assert_refused(owner.call("append", seq=owner.seq, text="of the first, too late"), 403, "fenced")
    second.append("1 of the second")
    for reader, copy in [*readers, *everywhere(gateway, ada, owner.run_id)]:
        copy.read_text(reader, "0 of the first, 1 of the second")
        assert copy.epoch == 2


def end_as(ending, gateway, owner):
    if ending in ("completed", "failed"):
        owner.end(ending, **({"error": {"code": "tired", "message": "no more"}} if ending == "failed" else {}))
    elif ending == "cancelled":
        assert gateway.api.post(f"{Run(gateway.api, owner.run_id).path}/cancel", {}).status_code == 202
    elif ending == "abandoned":
        owner.claimed_for(int(LEASE * 1000))


@pytest.mark.parametrize("ending", ENDINGS)
def test_i10_there_is_one_terminal_and_everybody_agrees(gateway, ada, ending, closing):
    if ending == "no agent":
        client = gateway.connect(ada)
        run_id = ask(client, id="q")[0]["run_id"]
        owner, text = None, ""
    else:
        owner = Owner.create(gateway.api, to={"user_id": "ada"}, lease_ms=60_000)
        run_id, text = owner.run_id, "Once upon a time"
        owner.append(text)
    readers = everywhere(gateway, ada, run_id)
    streams = [closing(RunStream(instance.url, run_id, instance.api_key)) for instance in instances(gateway)]
    for reader, copy in readers:
        has_begun(reader, copy)
    end_as(ending, gateway, owner)
    status = "abandoned" if ending == "no agent" else ending
    records = [Run(instance.api, run_id) for instance in instances(gateway)]
    eventually(lambda: all(run.record()["status"] == status for run in records), 30)
    record = records[0].record()
    place = {name: record[name] for name in ("status", "epoch", "pos", "hash", "error")}
    assert (place["pos"], place["hash"]) == (len(text), fold(text.encode()))
    for reader, copy in readers:
        end = copy.read_end(reader)
        assert {name: end[name] for name in place} == place
        reader.send({"type": "ping"})
        assert reader.receive()["type"] == "pong", "something came after the end"
    for stream in streams:
        streamed, terminal = stream.text()
        assert (streamed, terminal.id) == (text, sortable(place["epoch"], text.encode()) + ".end")
        assert terminal.json()["status"] == status
    for run in records:
        assert {name: run.record()[name] for name in place} == place


def test_i11_an_agent_that_is_gone_leaves_a_terminal(gateway, ada, record_property):
    owner = Owner.create(gateway.api, to={"user_id": "ada"}, lease_ms=60_000)
    readers = everywhere(gateway, ada, owner.run_id)
    owner.append("half")
    gone = time.monotonic()
    last = owner.claimed_for(int(LEASE * 1000), takeover_ms=1000)
    for reader, copy in readers:
        end = copy.read_end(reader, timeout=30)
        assert (end["status"], end["error"]["code"], copy.text) == ("abandoned", "agent_lost", "half")
    took = time.monotonic() - gone
    record_property("over after, s (promised 5)", took)
    assert LEASE + 1 <= took < 20
    assert_refused(last.call("append", seq=0, text="more"), 409, "run_ended")


def test_i11_who_lives_is_not_taken_for_gone(gateway, ada):
    lease = 4
    owner = Owner.create(gateway.api, to={"user_id": "ada"}, lease_ms=lease * 1000, takeover_ms=0)
    stop = threading.Event()
    beats = []

    def beat():
        while not stop.wait(0.2):
            beats.append(owner.call("heartbeat").status_code)

    beating = threading.Thread(target=beat)
    beating.start()
    time.sleep(2 * lease)
    stop.set()
    beating.join()
    assert set(beats) == {200}
    assert owner.record()["status"] == "in_progress"
    owner.end()


def test_i12_nobody_comes(gateway, ada, record_property):
    client = gateway.connect(ada)
    asked = time.monotonic()
    _, copy = ask(client, id="q")
    end = copy.read_end(client, timeout=30)
    took = time.monotonic() - asked
    record_property(f"over after, s (promised {START_TIMEOUT + 2})", took)
    assert (end["status"], end["error"]["code"]) == ("abandoned", "no_agent")
    assert START_TIMEOUT <= took < 20
    late = gateway.api.post(f"{Run(gateway.api, copy.run_id).path}/claim", {"producer": "late"})
    assert_refused(late, 409, "run_ended")
    again = attach(client, copy.run_id, copy=Copy(copy.run_id))
    assert again.read_end(client)["error"]["code"] == "no_agent"
