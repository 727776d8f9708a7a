"""What a client and an agent of one package are left with when a gateway or Redis dies."""

import pytest

from clients.driver import DriverError
from support.gateway import Gateway
from support.redis_copy import RedisCopy
from support.run_copies import Owner
from support.runs import RUNS
from support.server_process import free_port

BY_EVENTS_TOO = True


def connect_both(reader, writer, gateway, agents=None, **session):
    agents = agents or gateway
    reader.call("connect", url=gateway.ws_url, **session)
    writer.call("agent", url=agents.url, key=agents.api_key)
    writer.call("subscribe", channel="guide", group="agents")


def begin(reader, writer, name):
    """A question that is being answered: its run's name at both, and its id."""
    run = name()
    run_id = reader.call("ask", run=run, channel="guide", payload={"message": "hello"})["run_id"]
    assert writer.call("next")["envelope"]["run"]["run_id"] == run_id
    writer.call("open", run=run)
    return run, run_id


def assert_whole(state, text):
    assert (state["text"], state["status"], state["verified"]) == (text, "completed", True), state


def test_on_redis_a_gateway_that_is_killed_and_started_again_costs_no_byte(cluster, reader, writer, user, name):
    flags = ("--listen", f"127.0.0.1:{free_port()}")
    gateway = cluster.start(*flags)
    connect_both(reader, writer, gateway, token=gateway.new_session(user_id=user))
    run, _ = begin(reader, writer, name)
    writer.write(run, "before, ")
    reader.wait(run, bytes=8)
    gateway.crash()
    writer.call("append", run=run, text="while it was gone, ")
    stored = writer.start("flush", run=run)
    gateway = cluster.start(*flags)
    stored.result(40)
    writer.call("append", run=run, text="after")
    writer.call("end", run=run)
    assert_whole(reader.wait(run, end=True, timeout_s=60), "before, while it was gone, after")


def test_on_redis_both_go_on_at_other_instances_than_the_dead_one(cluster, reader, writer, user, name):
    """An answer is read at one instance and written at another; the asker's is replaced on its address."""
    flags = ("--listen", f"127.0.0.1:{free_port()}")
    reading, writing = cluster.start(*flags), cluster.start()
    connect_both(reader, writer, reading, writing, token=reading.new_session(user_id=user))
    run, run_id = begin(reader, writer, name)
    writer.write(run, "one, ")
    reader.wait(run, bytes=5)
    reading.crash()
    writer.write(run, "two, ")
    cluster.start(*flags)
    reader.wait(run, bytes=10, timeout_s=60)
    writer.call("end", run=run)
    assert_whole(reader.wait(run, end=True), "one, two, ")
    assert writing.api.get(f"{RUNS}/{run_id}").json()["status"] == "completed"


def test_on_the_memory_engine_a_gateway_that_is_killed_loses_its_runs_and_that_is_said(reader, writer, name):
    flags = ("--listen", f"127.0.0.1:{free_port()}", "--session-policy", "optional", "--anonymous-channels", "guide")
    key = {"GATEWAY_API_KEY": "a-key-of-this-test-0123456789abcdef"}
    gateway = Gateway(*flags, env=key).start()
    connect_both(reader, writer, gateway)
    run, _ = begin(reader, writer, name)
    writer.write(run, "half")
    reader.wait(run, bytes=4)
    gateway.kill()
    with Gateway(*flags, env=key):
        state = reader.wait(run, end=True, timeout_s=60)
        assert (state["text"], state["status"], state["error"]["code"]) == ("half", "failed", "gateway_lost")
        with pytest.raises(DriverError):
            writer.write(run, "the rest")
            writer.write(run, "is for nobody")
        reader.call("close")
        writer.call("close")


def test_a_log_that_lost_its_tail_is_healed(redis, cluster, reader, writer, user, name):
    copy, gateway = RedisCopy(redis), cluster.start()
    connect_both(reader, writer, gateway, token=gateway.new_session(user_id=user))
    run, _ = begin(reader, writer, name)
    writer.write(run, "kept, ")
    copy.copy()
    writer.write(run, "lost, ", "lost too, ")
    reader.wait(run, bytes=22)
    copy.swap()
    writer.call("append", run=run, text="and said at last")
    writer.call("flush", run=run, timeout=60)
    writer.call("end", run=run)
    assert_whole(reader.wait(run, end=True, timeout_s=60), "kept, lost, lost too, and said at last")


def test_a_claim_that_was_lost_is_made_again(redis, cluster, reader, writer, user, name):
    copy, gateway = RedisCopy(redis), cluster.start("--ack-wait", "1s")
    token = gateway.new_session(user_id=user)
    reader.call("connect", url=gateway.ws_url, token=token)
    run = name()
    run_id = reader.call("ask", run=run, channel="guide", payload={"message": "hello"})["run_id"]
    dead = Owner.claim(gateway.api, run_id, lease_ms=2000, takeover_ms=60_000)
    dead.append("the dead one said")
    reader.wait(run, bytes=17)
    copy.copy()
    writer.call("agent", url=gateway.url, key=gateway.api_key)
    writer.call("subscribe", channel="guide", group="agents")
    while True:  # until the lease of the dead one is over, it is another's
        writer.call("next", timeout_s=60, timeout=70)
        try:
            writer.call("open", run=run)
            break
        except DriverError as error:
            assert error.code == "run_held", error
    writer.write(run, "another ", "attempt, ")
    reader.wait(run, bytes=17)
    copy.swap()
    writer.call("append", run=run, text="whole")
    writer.call("flush", run=run, timeout=60)
    writer.call("end", run=run)
    assert_whole(reader.wait(run, end=True, timeout_s=60), "another attempt, whole")
