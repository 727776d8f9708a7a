"""Whoever writes runs, with a client played by the test."""

import pytest

from clients.cutting_proxy import CuttingProxy
from clients.driver import DriverError
from support.run_copies import Owner, ask
from support.runs import RUNS
from support.wait import eventually

# So that what a dead agent left unacknowledged is given to another soon.
GATEWAY_FLAGS = ("--ack-wait", "1s", "--log-level", "error")


@pytest.fixture
def agent(gateway, writer):
    writer.call("agent", url=gateway.url, key=gateway.api_key)
    writer.call("subscribe", channel="guide", group="agents")
    return writer


def record(gateway, run_id, **params):
    return gateway.api.get(f"{RUNS}/{run_id}", params=params).json()


def asked(gateway, agent, name, text="hello", id="q", **fields):
    """A question that the agent has opened as the run `name`; the client's copy of it."""
    client = gateway.connect()
    _, copy = ask(client, text, id=id, **fields)
    envelope = agent.call("next")["envelope"]
    assert envelope["run"]["run_id"] == copy.run_id
    opened = agent.call("open", run=name)
    assert opened["run_id"] == copy.run_id
    return client, copy, opened


def test_answers_and_completes(gateway, agent, name):
    run = name()
    client, copy, opened = asked(gateway, agent, run, "how do you do?")
    assert (opened["epoch"], opened["kept"]) == (1, "")
    agent.write(run, "I do ", "well, “ü𝄞”")
    agent.call("end", run=run, result={"tokens": 5})
    end = copy.read_end(client)
    assert (copy.text, end["status"], end["result"]) == ("I do well, “ü𝄞”", "completed", {"tokens": 5})


def test_small_pieces_are_few_appends_and_one_large_one_is_many(gateway, agent, name):
    run = name()
    client, copy, _ = asked(gateway, agent, run)
    for n in range(200):
        agent.call("append", run=run, text=f"{n} ")
    large = "0123456789abcdé\n" * 20_000
    agent.call("append", run=run, text=large)
    agent.call("end", run=run)
    copy.read_end(client)
    assert copy.text == "".join(f"{n} " for n in range(200)) + large
    assert copy.events.count("delta") < 150


def test_halves_of_a_character_are_put_together(gateway, agent, name):
    run = name()
    client, copy, _ = asked(gateway, agent, run)
    agent.call("append", run=run, text="G: \ud834")
    agent.call("flush", run=run)
    agent.call("append", run=run, text="\udd1e.")
    agent.call("end", run=run)
    copy.read_end(client)
    assert copy.text == "G: 𝄞."


def test_an_exception_is_a_failed_run(gateway, agent, name):
    run = name()
    client, copy, _ = asked(gateway, agent, run)
    agent.call("append", run=run, text="half")
    agent.call("fail", run=run, message="The model is tired.")
    end = copy.read_end(client)
    assert (copy.text, end["status"], end["error"]["message"]) == ("half", "failed", "The model is tired.")


def test_a_cancel_is_seen_at_once_and_ends_the_run_as_cancelled(gateway, agent, name):
    run = name()
    client, copy, _ = asked(gateway, agent, run)
    agent.write(run, "long ")
    copy.read_text(client, "long ")
    assert agent.call("cancelled", run=run)["cancelled"] is False
    client.send({"type": "cancel", "run_id": copy.run_id, "id": "c"})
    eventually(lambda: agent.call("cancelled", run=run)["cancelled"], 5)
    agent.call("end", run=run, status="cancelled")
    copy.read_until(client, lambda one: one.end is not None)
    assert (copy.text, copy.end["status"]) == ("long ", "cancelled")


def test_who_thinks_for_longer_than_the_lease_keeps_the_run(gateway, agent, name):
    run = name()
    client, copy, _ = asked(gateway, agent, run)
    lease = record(gateway, copy.run_id)["lease_ms"]
    copy.read_until(client, lambda one: one.tops * 2000 > lease + 2000)
    assert record(gateway, copy.run_id)["owner"] == "live"
    agent.call("append", run=run, text="Hm.")
    agent.call("end", run=run)
    assert copy.read_end(client)["status"] == "completed"


def test_answers_that_are_lost_double_nothing(gateway, writer, name, record_property):
    """Every third answer is swallowed, with its connection."""
    counted = iter(range(1_000_000))
    run = name()
    with CuttingProxy(gateway.address, lambda: (0 if next(counted) % 3 else None, None)) as proxy:
        writer.call("agent", url=proxy.url, key=gateway.api_key)
        writer.call("subscribe", channel="guide", group="agents")
        client, copy, _ = asked(gateway, writer, run)
        said = [f"once {n}, " for n in range(30)]
        writer.write(run, *said)
        writer.call("end", run=run)
        record_property("answers lost", proxy.drops)
        assert proxy.drops > 3
        writer.call("close")
    assert copy.read_end(client)["status"] == "completed"
    assert copy.text == "".join(said)


def test_connections_that_are_cut_anywhere_double_nothing(gateway, writer, name, record_property):
    limits = iter(300 + (37 * n) % 1500 for n in range(1_000_000))
    run = name()
    with CuttingProxy(gateway.address, lambda: (None, next(limits))) as proxy:
        writer.call("agent", url=proxy.url, key=gateway.api_key)
        writer.call("subscribe", channel="guide", group="agents")
        client, copy, _ = asked(gateway, writer, run)
        said = [f"cut {n}, " for n in range(20)]
        writer.write(run, *said)
        writer.call("end", run=run)
        record_property("connections cut", proxy.drops)
        assert proxy.drops > 3
        writer.call("close")
    assert copy.read_end(client)["status"] == "completed"
    assert copy.text == "".join(said)


def test_an_agent_that_is_killed_is_followed_by_another(gateway, start_driver, name):
    dying, living = start_driver(), start_driver()
    run, again = name(), name()
    dying.call("agent", url=gateway.url, key=gateway.api_key)
    dying.call("subscribe", channel="pillar:content", group="pair")
    client, copy, _ = asked(gateway, dying, run, channel="pillar:content")
    dying.write(run, "what the dead one said")
    copy.read_text(client, "what the dead one said")
    dying.kill()
    living.call("agent", url=gateway.url, key=gateway.api_key)
    living.call("subscribe", channel="pillar:content", group="pair")
    assert living.call("next", timeout_s=35)["envelope"]["run"]["run_id"] == copy.run_id
    opened = living.call("open", run=again)
    assert opened["epoch"] >= 2
    living.call("append", run=again, text="another answer")
    living.call("end", run=again)
    end = copy.read_end(client)
    assert (copy.text, end["status"]) == ("another answer", "completed")


def test_a_run_that_another_took_is_not_written_any_more(gateway, agent, name):
    run = name()
    client, copy, _ = asked(gateway, agent, run)
    agent.write(run, "mine")
    taken = Owner.claim(gateway.api, copy.run_id, force=True)
    with pytest.raises(DriverError):
        agent.write(run, ", still mine")
    taken.append(", no more")
    taken.end()
    assert copy.read_end(client)["status"] == "completed"
    assert copy.text == "mine, no more"


def test_a_message_that_comes_too_late_is_done_with(gateway, start_driver, user, name):
    """Its run was cancelled before an agent came: nothing is answered, and nobody gets it again."""
    client = gateway.connect()
    _, late = ask(client, "too late", id="late", channel="pillar:insights")
    client.send({"type": "cancel", "run_id": late.run_id})
    late.read_until(client, lambda one: one.end is not None)
    _, copy = ask(client, "in time", id="in-time", channel="pillar:insights")
    driver, run = start_driver(), name()
    driver.call("agent", url=gateway.url, key=gateway.api_key)
    driver.call("subscribe", channel="pillar:insights", group="late")
    opened = None
    for _ in range(2):  # a package may only find out when it opens it
        driver.call("next")
        try:
            opened = driver.call("open", run=run)
            break
        except DriverError as error:
            assert error.code == "run_ended", error
    assert opened["run_id"] == copy.run_id
    driver.call("end", run=run)
    copy.read_until(client, lambda one: one.end is not None)
    assert late.end["status"] == "cancelled"
