"""What of a run's log is read from Redis: only what somebody asks for."""

from support.redis_monitor import Monitor
from support.run_copies import Owner, ask, attach
from support.runs import RUNS, cursor, fold
from support.wait import eventually

KEYS = """
[[api_keys]]
realm = "acme"
key = "key-of-acme-0123456789"
scopes = ["runs"]
"""
TEXT = "Once upon a time. " * 1000


def reads(monitor):
    """Where the reads of logs began: one from behind the end asks for nothing."""
    return [int(command.arguments[2]) for command in monitor.commands("GETRANGE")]


def test_calls_that_show_no_bytes_read_none(cluster, redis, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS)
    gateway = cluster.start("--config", keys)
    owner = Owner.create(gateway.api_with("key-of-acme-0123456789"))
    owner.append(TEXT)
    with Monitor(redis.client()) as monitor:
        assert owner.call("heartbeat").status_code == 200
        assert owner.api.get(RUNS).json()["runs"][0]["run_id"] == owner.run_id
        record = owner.record()
        assert (record["pos"], record["hash"], record["log_expired"]) == (len(TEXT), fold(TEXT.encode()), False)
        assert owner.api.post(f"{RUNS}/{owner.run_id}/cancel", {}).status_code == 202
        removed = owner.api.delete(f"{RUNS}/{owner.run_id}", params={"producer": owner.producer})
        assert removed.status_code == 200, removed.text
        assert all(begin > len(TEXT) for begin in reads(monitor)), reads(monitor)


def test_who_wants_all_of_it_reads_all(cluster, redis):
    """What the other tests look for is what is seen when text is read."""
    writing, reading = cluster.start(), cluster.start()
    owner = Owner.create(writing.api)
    owner.append(TEXT)
    with Monitor(redis.client()) as monitor:
        assert reading.api.get(f"{RUNS}/{owner.run_id}", params={"include": "log"}).json()["log"] == TEXT
        assert reads(monitor) == [0]


def test_what_is_there_can_be_read_when_redis_is_full(cluster, redis):
    writing, reading = cluster.start(), cluster.start()
    owner = Owner.create(writing.api)
    owner.append(TEXT)
    with redis.client() as client:
        client.config_set("maxmemory", 1)
        try:
            assert reading.api.get(f"{RUNS}/{owner.run_id}", params={"include": "log"}).json()["log"] == TEXT
        finally:
            client.config_set("maxmemory", 0)


def test_who_goes_on_reads_the_rest(cluster, redis):
    gateway = cluster.start()
    owner = Owner.create(gateway.api)
    owner.append(TEXT)
    address = f"/v1/stream/{owner.run_id}"
    had = TEXT[:-7]
    with Monitor(redis.client()) as monitor:
        assert gateway.api.get(address, params={"offset": cursor(1, had.encode())}).text == TEXT[-7:]
        now = gateway.api.get(address, params={"offset": "now"})
        assert (now.text, now.headers["run-hash"]) == ("", cursor(1, TEXT.encode()).split(".")[2])
        begins = reads(monitor)
        assert begins and all(begin >= len(had) for begin in begins), begins


def test_an_instance_that_may_hold_no_more_logs_says_that_the_asker_is_not_attached(cluster):
    gateway = cluster.start("--run-cache-bytes", "1MiB")
    client, reader = (gateway.connect(gateway.new_session(user)) for user in ("ada", "bob"))
    owner = Owner.create(gateway.api, to={"user_id": "ada"})
    for _ in range(4):
        owner.append("x" * (256 << 10))
    attach(client, owner.run_id).read_text(client, "x" * (1 << 20))
    ack, _ = ask(reader, id="m1")
    assert (ack["status"], ack["attached"]) == ("published", False)
    again, _ = ask(reader, id="m1")
    assert (again["status"], again["run_id"], again["attached"]) == ("duplicate", ack["run_id"], False)
    client.close()
    # A log that nobody reads any more gives way.
    eventually(lambda: reader.ask({"type": "attach", "run_id": ack["run_id"], "id": "a1"})["type"] == "run")


def test_a_full_realm_learns_that_a_run_is_not_there(cluster, tmp_path):
    keys = tmp_path / "keys.toml"
    keys.write_text(KEYS)
    gateway = cluster.start("--config", keys, "--max-open-runs-per-realm", "1")
    api = gateway.api_with("key-of-acme-0123456789")
    Owner.create(api)
    claim = api.post(f"{RUNS}/nobodys/claim", {"producer": "p"})
    assert (claim.status_code, claim.json()["code"]) == (404, "run_not_found")
    assert api.post(RUNS, {"channel": "guide", "producer": "p"}).status_code == 429
