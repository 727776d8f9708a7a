"""GET /v1/stream/{run_id}: a run's log as Server-Sent Events, whole and once, whatever breaks."""

import json
import queue
import socket
import time
import uuid

import pytest

from support.api import assert_refused
from support.gateway import Gateway
from support.run_engines import ENGINES, run_gateway, waiting
from support.runs import Run, RunStream, cursor, fold, sortable, stream_path
from support.wait import eventually

ALLOWED = "https://app.example.org"


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--allowed-origin", ALLOWED) as started:
        yield started


@pytest.fixture
def user():
    """One of the test's own: it has its own bounds."""
    return f"ada-{uuid.uuid4().hex}"


@pytest.fixture
def run(api, user):
    return Run.create(api, to={"user_id": user})


@pytest.fixture
def follow(gateway, closing):
    def open_stream(run, **options):
        options.setdefault("key", gateway.api_key)
        return closing(RunStream(gateway.url, run.run_id, **options))

    return open_stream


class TestEvents:
    def test_the_head(self, follow, run):
        stream = follow(run)
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert (stream.headers["Run-Status"], stream.headers["Run-Hash"]) == ("in_progress", fold(b""))

    def test_i19_what_there_is_then_what_comes_then_the_end(self, follow, run):
        run.say("Once ")
        stream = follow(run)
        data = stream.next()
        assert (data.event, data.data, data.id) == ("data", "Once ", sortable(1, b"Once "))
        control = stream.next().json()
        assert control["streamNextOffset"] == data.id
        assert control["upToDate"] is True
        assert int(control["streamCursor"]) > 0
        run.say("upon\n")
        run.end(result={"n": 1})
        text, end = stream.text()
        assert text == "upon\n"
        assert end.id == sortable(1, b"Once upon\n") + ".end"
        assert end.json() == {
            "streamNextOffset": sortable(1, b"Once upon\n"),
            "upToDate": True,
            "streamClosed": True,
            "run_id": run.run_id,
            "status": "completed",
            "epoch": 1,
            "pos": 10,
            "hash": fold(b"Once upon\n"),
            "error": None,
            "result": {"n": 1},
        }
        assert stream.ended()
        assert stream.was_cut is False

    def test_one_that_is_over_is_told_at_once(self, follow, run):
        run.say("all")
        run.end("failed", error={"code": "broken", "message": "m"})
        text, end = follow(run).text()
        assert text == "all"
        assert (end.json()["status"], end.json()["error"]["code"]) == ("failed", "broken")

    def test_ids_stand_once_and_sort(self, follow, run):
        stream = follow(run)
        for n in range(12):
            run.say(f"{n} ")
        run.end()
        ids = []
        while not ids or not ids[-1].endswith(".end"):
            event = stream.next()
            if event.event == "data" or event.id.endswith(".end"):
                ids.append(event.id)
        assert len(set(ids)) == len(ids)
        assert ids == sorted(ids)

    def test_i17_last_event_id_goes_on_there(self, follow, run):
        run.say("Once upon ")
        run.say("a time")
        stream = follow(run, headers={"Last-Event-ID": sortable(1, b"Once upon ")})
        assert stream.next().data == "a time"
        both = follow(run, headers={"Last-Event-ID": sortable(1, b"Once upon ")}, query={"offset": "-1", "live": "sse"})
        assert both.next().data == "a time"

    def test_offset_goes_on_there(self, follow, run):
        run.say("Once upon")
        stream = follow(run, query={"live": "sse", "offset": cursor(1, b"Once")})
        assert stream.next().data == " upon"
        refused = follow(run, query={"live": "sse", "offset": cursor(1, b"Twice")})
        assert (refused.status, refused.body["code"]) == (410, "cursor_mismatch")

    @pytest.mark.parametrize(
        ("had", "cause"),
        [
            (sortable(1, b"Twice"), "diverged"),
            (sortable(1, b"Once upon a time there was"), "ahead"),
            (sortable(2, b"Once"), "ahead"),
            ("17", "diverged"),
        ],
    )
    def test_i18_a_place_that_does_not_fit_begins_with_a_reset(self, follow, run, had, cause):
        run.say("Once upon a time")
        stream = follow(run, headers={"Last-Event-ID": had})
        reset = stream.next()
        assert reset.event == "reset"
        assert reset.json() == {"epoch": 1, "pos": 0, "hash": fold(b""), "cause": cause}
        assert stream.next().data == "Once upon a time"

    def test_a_foreign_epoch_goes_back_to_the_common_prefix(self, follow, run):
        run.say("Once upon a time")
        run.claim(run.producer, keep=4)
        run.epoch, run.seq = 2, 0
        run.say(" more")
        stream = follow(run, headers={"Last-Event-ID": sortable(1, b"Once upon")})
        reset = stream.next()
        assert reset.json() == {"epoch": 2, "pos": 4, "hash": fold(b"Once"), "cause": "superseded"}
        assert reset.id == sortable(2, b"Once")
        assert stream.next().data == " more"

    def test_a_live_reader_is_reset_in_place(self, follow, run):
        run.say("Once upon")
        stream = follow(run)
        run.claim(run.producer, keep=5)
        run.epoch, run.seq = 2, 0
        run.say("more")
        run.claim(run.producer)
        run.epoch, run.seq = 3, 0
        run.end()
        causes = []
        text = b""
        while True:
            event = stream.next()
            if event.event == "reset":
                causes.append(event.json()["cause"])
                text = text[: event.json()["pos"]]
                assert event.json()["hash"] == fold(text)
            elif event.event == "data":
                text += event.data.encode()
            elif event.id.endswith(".end"):
                break
        assert causes == ["superseded", "claimed"]
        assert text == b"Once more"
        assert event.json()["hash"] == fold(text)

    def test_after_the_end_an_event_source_is_told_to_stop(self, api, run):
        run.say("all")
        run.end()
        end = sortable(1, b"all") + ".end"
        response = api.get(stream_path(run), headers={"Accept": "text/event-stream", "Last-Event-ID": end})
        assert response.status_code == 204
        assert response.content == b""

    def test_it_is_kept_alive(self, follow, run):
        stream = follow(run)
        eventually(lambda: "ka" in [comment.strip() for comment in stream.comments], 30)

    def test_items_come_as_arrays(self, follow, api):
        run = Run.create(api, format="json")
        stream = follow(run)
        run.say(None, items=[{"text": "x" * 20000}, {"b": [1, 2]}])
        run.end()
        items = []
        while not (event := stream.next()).id.endswith(".end"):
            if event.event == "data":
                items += event.json()
        assert items == [{"text": "x" * 20000}, {"b": [1, 2]}]

    def test_many_readers_agree(self, follow, run):
        streams = [follow(run) for _ in range(10)]
        whole = ""
        for n in range(50):
            run.say(f"word {n} ")
            whole += f"word {n} "
        run.end("cancelled")
        for stream in streams:
            text, end = stream.text()
            assert text == whole
            assert end.json()["status"] == "cancelled"


class TestNoCleanEndBeforeTheTerminal:
    def test_i25_a_gateway_that_runs_alone_ends_its_runs_with_it(self, gateway_factory, closing):
        gateway = gateway_factory("--drain-timeout", "0")
        run = Run.create(gateway.api)
        run.say("half")
        stream = closing(RunStream(gateway.url, run.run_id, gateway.api_key))
        stream.next()
        beat = waiting(gateway, lambda: run.heartbeat(wait_ms=5000).json())
        gateway.stop()
        _, end = stream.text()
        assert (end.json()["status"], end.json()["error"]["code"]) == ("abandoned", "gateway_stopped")
        assert beat.result(20)["run_status"] == "abandoned"

    def test_i25_a_deleted_run_tells_its_end(self, follow, run):
        run.say("half")
        stream = follow(run)
        run.api.delete(run.path)
        text, end = stream.text()
        assert text == "half"
        assert end.json()["status"] == "cancelled"
        assert stream.ended()

    def test_i25_an_ended_session_cuts_it(self, gateway, follow, run, user):
        token = gateway.new_session(user)
        stream = follow(run, key=token)
        gateway.api.delete_session(token)
        assert stream.ended()
        assert stream.was_cut
        assert follow(run, key=token).status == 401

    def test_i25_http_1_0_sees_a_reset(self, gateway, run, user):
        token = gateway.new_session(user)
        connection = socket.create_connection(gateway.address, timeout=20)
        request = f"GET {stream_path(run)}?live=sse&session_token={token} HTTP/1.0\r\nHost: x\r\n\r\n"
        connection.sendall(request.encode())
        received = connection.recv(4096)
        assert b"200 OK" in received
        gateway.api.delete_session(token)
        with pytest.raises(ConnectionResetError):
            while connection.recv(4096):
                pass
        connection.close()


class TestSlowReaders:
    def test_i21_one_is_a_place_and_not_a_queue(self, gateway, follow, api):
        run = Run.create(api, bytes_max=1 << 20)
        slow = follow(run, stalled=True)
        fast = follow(run)
        piece = "0123456789abcdef" * 1024
        whole = ""
        for _ in range(60):
            run.say(piece)
            whole += piece
        run.end()
        text, _ = fast.text()
        assert text == whole
        slow.read()
        text, end = slow.text()
        assert text == whole
        assert end.json()["hash"] == fold(whole.encode())
        assert slow.was_cut in (None, False)

    def test_a_long_log_comes_in_pieces_of_whole_characters(self, follow, run):
        text = "ä🎈x" * 30000
        for begin in range(0, len(text), 20000):
            run.say(text[begin : begin + 20000])
        run.end()
        stream = follow(run)
        pieces = []
        while not (event := stream.next()).id.endswith(".end"):
            if event.event == "data":
                assert len(event.data.encode()) <= 16 * 1024
                pieces.append(event.data)
        assert "".join(pieces) == text


class TestWhoMay:
    def test_the_users_sessions(self, gateway, api, follow, run, user):
        run.say("secret")
        token = gateway.new_session(user)
        assert follow(run, key=token).next().data == "secret"
        assert api.get(stream_path(run)).text == "secret"
        nobody = gateway.api_with(None)
        assert nobody.get(f"{stream_path(run)}?session_token={token}").text == "secret"

    def test_i28_for_everybody_else_it_is_not_there(self, gateway, run):
        run.say("secret")
        stranger = gateway.api_with(gateway.new_session("eve"))
        for headers in ({}, {"Accept": "text/event-stream"}):
            seen = stranger.get(stream_path(run), headers=headers)
            unknown = stranger.get("/v1/stream/nobody", headers=headers)
            assert_refused(seen, 404, "run_not_found")
            assert seen.content == unknown.content
            assert set(seen.headers) == set(unknown.headers)

    def test_nobody_is_401(self, gateway, run):
        for key in (None, "no-such-session-or-key"):
            assert_refused(gateway.api_with(key).get(stream_path(run)), 401, "unauthenticated")

    def test_a_channel_that_the_session_lacks(self, gateway, run, user):
        token = gateway.api.create_session(user, context={"channels": ["pillar:content"]})["session_id"]
        assert_refused(gateway.api_with(token).get(stream_path(run)), 404, "run_not_found")

    def test_a_channel_that_the_session_loses(self, gateway, follow, run, user):
        token = gateway.new_session(user)
        stream = follow(run, key=token)
        gateway.api.patch_session(token, context={"channels": ["pillar:content"]})
        assert stream.ended()
        assert stream.was_cut

    def test_anonymous_runs_of_a_channel(self, gateway_factory):
        gateway = gateway_factory("--session-policy", "optional")
        run = Run.create(gateway.api)
        run.say("for all")
        theirs = Run.create(gateway.api, to={"user_id": "ada"})
        nobody = gateway.api_with(None)
        assert nobody.get(stream_path(run)).text == "for all"
        assert_refused(nobody.get(stream_path(theirs)), 404, "run_not_found")

    def test_origins_are_checked_and_answered(self, gateway, run):
        run.say("x")
        api = gateway.api
        foreign = api.get(stream_path(run), headers={"Origin": "https://evil.example.org"})
        assert_refused(foreign, 403, "origin_not_allowed")
        assert "access-control-allow-origin" not in foreign.headers
        allowed = api.get(stream_path(run), headers={"Origin": ALLOWED})
        assert allowed.headers["access-control-allow-origin"] == ALLOWED
        assert "Stream-Next-Offset" in allowed.headers["access-control-expose-headers"]
        asked = gateway.api_with(None).request(
            "OPTIONS", stream_path(run), headers={"Origin": ALLOWED, "Access-Control-Request-Method": "GET"}
        )
        assert asked.status_code == 204
        assert "GET" in asked.headers["access-control-allow-methods"]
        assert "Last-Event-ID" in asked.headers["access-control-allow-headers"]
        unknown = gateway.api_with(None).get(stream_path(run), headers={"Origin": ALLOWED})
        assert unknown.status_code == 401
        assert unknown.headers["access-control-allow-origin"] == ALLOWED


def test_i25_a_dead_gateway_is_no_clean_end(closing):
    gateway = Gateway().start()
    run = Run.create(gateway.api)
    run.say("half")
    stream = closing(RunStream(gateway.url, run.run_id, gateway.api_key))
    stream.next()
    gateway.crash()
    assert stream.ended()
    with pytest.raises((EOFError, queue.Empty)):
        while not stream.next(1).id.endswith(".end"):
            pass


def test_the_terminal_comes_with_the_gateways_own_ending(follow, api, record_property):
    run = Run.create(api)
    run.say("half")
    stream = follow(run)
    began = time.monotonic()
    assert run.claim(run.producer, lease_ms=2000).status_code == 200
    text, end = stream.text()
    assert text == "half"
    record_property("over after, s (promised 4)", time.monotonic() - began)
    assert end.json()["status"] == "abandoned"
    assert end.json()["error"]["code"] == "agent_lost"
    assert end.id == sortable(3, b"half") + ".end"
    assert json.dumps(end.json()["result"]) == "null"
