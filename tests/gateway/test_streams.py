"""Plain streams at /v1/stream: made, written, read, waited for and removed; the conformance suite is in tests/streams."""

import base64
import socket
import uuid

import pytest

from support.api import assert_refused
from support.run_engines import ENGINES, readers, run_gateway, waiting
from support.runs import RUNS, Run, RunStream, sortable
from support.wait import eventually

TEXT = {"content-type": "text/plain"}
ALLOWED = "https://app.example.org"


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param, "--allowed-origin", ALLOWED, "--stream-poll-wait", "20s") as started:
        yield started


class Stream:
    def __init__(self, api, name=None):
        self.api = api
        self.name = name or f"stream-{uuid.uuid4().hex}"
        self.path = f"/v1/stream/{self.name}"

    def put(self, content=b"", **headers):
        return self.api.request("PUT", self.path, content=content, headers=_named(headers) or TEXT)

    def post(self, content=b"", **headers):
        return self.api.request("POST", self.path, content=content, headers=TEXT | _named(headers))

    def say(self, content, producer="p", epoch=0, seq=0, **headers):
        return self.post(content, producer_id=producer, producer_epoch=epoch, producer_seq=seq, **headers)

    def get(self, **query):
        return self.api.get(self.path, params=query)


def _named(headers):
    return {name.replace("_", "-"): str(value) for name, value in headers.items()}


@pytest.fixture
def stream(api):
    made = Stream(api)
    assert made.put().status_code == 201
    return made


class TestWriting:
    def test_is_made_once(self, api):
        stream = Stream(api)
        made = stream.put(b"first", content_type="text/markdown; charset=utf-8", stream_ttl=60)
        assert made.status_code == 201
        assert made.headers["location"] == f"{api.base_url}{stream.path}"
        assert made.headers["content-type"] == "text/markdown; charset=utf-8"
        assert made.headers["stream-next-offset"] == sortable(0, b"first")
        again = stream.put(b"lost", content_type="TEXT/markdown", stream_ttl=60)
        assert (again.status_code, again.headers["stream-next-offset"]) == (200, made.headers["stream-next-offset"])
        assert_refused(stream.put(content_type="text/markdown", stream_ttl=61), 409, "stream_exists")
        assert stream.get().text == "first"

    def test_the_same_seq_with_other_bytes_is_a_conflict(self, stream):
        first = stream.say("a")
        assert (first.status_code, first.headers["producer-epoch"], first.headers["producer-seq"]) == (200, "0", "0")
        again = stream.say("a")
        assert (again.status_code, again.headers["stream-next-offset"]) == (204, sortable(0, b"a"))
        assert_refused(stream.say("b"), 409, "sequence_conflict")
        gap = stream.say("c", seq=5)
        assert_refused(gap, 409, "sequence_gap")
        assert (gap.headers["producer-expected-seq"], gap.headers["producer-received-seq"]) == ("1", "5")
        assert stream.say("d", epoch=3).status_code == 200
        fenced = stream.say("e", seq=1)
        assert_refused(fenced, 403, "fenced")
        assert fenced.headers["producer-epoch"] == "3"
        assert stream.get().text == "ad"

    def test_closes_for_good(self, stream):
        assert stream.post(b"x").status_code == 204
        closed = stream.post(stream_closed="true")
        assert (closed.status_code, closed.headers["stream-closed"]) == (204, "true")
        late = stream.post(b"y")
        assert_refused(late, 409, "stream_closed")
        assert (late.headers["stream-closed"], late.headers["stream-next-offset"]) == ("true", sortable(0, b"x"))

    def test_forks_are_told_that_they_are_not_served(self, api, stream):
        assert_refused(Stream(api).put(stream_forked_from=stream.path), 501, "not_implemented")

    def test_is_removed(self, api, stream):
        stream.post(b"old")
        assert api.request("DELETE", stream.path).status_code == 204
        assert_refused(stream.get(), 404, "run_not_found")
        assert_refused(stream.post(b"x"), 404, "run_not_found")
        assert_refused(api.request("DELETE", stream.path), 404, "run_not_found")
        assert eventually(lambda: stream.put(b"new").status_code == 201)
        assert stream.get().text == "new"


class TestReading:
    def test_etag_changes_with_bytes_and_the_end(self, api, stream):
        stream.post(b"one")
        tags = [stream.get().headers["etag"]]
        assert api.get(stream.path, headers={"If-None-Match": tags[0]}).status_code == 304
        assert api.get(stream.path, headers={"If-None-Match": f'"other", {tags[0]}'}).status_code == 304
        stream.post(b"two")
        tags.append(stream.get().headers["etag"])
        stream.post(stream_closed="true")
        tags.append(stream.get().headers["etag"])
        tags.append(stream.get(offset=sortable(0, b"one")).headers["etag"])
        assert len(set(tags)) == 4
        unchanged = api.get(stream.path, headers={"If-None-Match": tags[2]})
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tags[2])

    def test_a_head_tells_what_a_get_does(self, api, stream):
        stream.post(b"one")
        run = Run.create(api)
        run.say("one")
        for path in (stream.path, f"/v1/stream/{run.run_id}"):
            got, head = api.get(path), api.request("HEAD", path)
            assert (head.status_code, head.content) == (200, b"")
            names = ("etag", "stream-next-offset", "content-type", "stream-up-to-date")
            assert [head.headers[name] for name in names] == [got.headers[name] for name in names]
            assert head.headers.get("content-length") in (None, got.headers["content-length"])
        assert api.request("HEAD", f"/v1/stream/{uuid.uuid4().hex}").status_code == 404

    def test_a_long_poll_whose_client_has_left_gives_its_place_back(self, gateway, stream):
        before = readers(gateway)
        with socket.create_connection((gateway.host, gateway.port)) as client:
            client.sendall(f"GET {stream.path}?offset=now&live=long-poll HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.api_key}\r\n\r\n".encode())
            eventually(lambda: readers(gateway) > before)
        # It would wait for 20 s.
        eventually(lambda: readers(gateway) == before, deadline=10)

    def test_a_long_poll_waits_for_bytes(self, gateway, stream):
        answer = waiting(gateway, lambda: stream.get(offset="now", live="long-poll"))
        stream.post(b"news")
        response = answer.result(20)
        assert (response.status_code, response.text) == (200, "news")
        assert response.headers["stream-cursor"].isdigit()
        assert stream.get(offset=sortable(0, b""), live="long-poll").text == "news"

    @pytest.mark.parametrize("cursor", ["18446744073709551614", "18446744073709551615", "99999999999999999999999", "7x", "-1", ""])
    def test_a_cursor_of_caches_goes_up(self, stream, cursor):
        stream.post(b"x")
        told = int(stream.get(offset="-1", live="long-poll", cursor=cursor).headers["stream-cursor"])
        assert told > 2_000_000
        assert told == 2**64 - 1 or cursor != "18446744073709551614"

    def test_a_long_poll_waits_for_the_end(self, gateway, stream):
        answer = waiting(gateway, lambda: stream.get(offset="now", live="long-poll"))
        stream.post(stream_closed="true")
        response = answer.result(20)
        assert (response.status_code, response.headers["stream-closed"]) == (204, "true")
        assert stream.get(offset="now", live="long-poll").status_code == 204

    def test_a_long_poll_is_told_that_it_is_gone(self, gateway, api, stream):
        answer = waiting(gateway, lambda: stream.get(offset="now", live="long-poll"))
        api.request("DELETE", stream.path)
        assert_refused(answer.result(20), 404, "run_not_found")

    def test_binary_comes_in_base64(self, gateway, api, closing):
        stream = Stream(api)
        data = bytes(range(256)) * 200
        stream.put(data, content_type="image/png")
        feed = closing(RunStream(gateway.url, stream.name, gateway.api_key, {"offset": "-1", "live": "sse"}))
        assert feed.headers["stream-sse-data-encoding"] == "base64"
        got = b""
        while len(got) < len(data):
            event = feed.next()
            if event.event == "data":
                got += base64.b64decode(event.data)
        assert got == data

    def test_lines_keep_their_blanks(self, gateway, stream, closing):
        stream.post(b" a\n  b\n\n c")
        feed = closing(RunStream(gateway.url, stream.name, gateway.api_key, {"offset": "-1", "live": "sse"}))
        assert feed.next().data == " a\n  b\n\n c"
        stream.post(stream_closed="true")
        assert feed.text()[1].json() == {"streamNextOffset": sortable(0, b" a\n  b\n\n c"), "upToDate": True, "streamClosed": True}

    def test_bytes_that_are_no_text_come_with_marks_in_their_place(self, gateway, stream, closing):
        data = b"a\xe4b" + b"\x80" * 20_000 + b"\xc3"
        assert stream.post(data, stream_closed="true").status_code == 204
        feed = closing(RunStream(gateway.url, stream.name, gateway.api_key, {"offset": "-1", "live": "sse"}))
        assert feed.text()[0] == "a\ufffdb" + "\ufffd" * 20_001
        assert stream.get().content == data

    def test_no_page_is_served(self, api):
        stream = Stream(api)
        stream.put(b"<script>alert(1)</script>", content_type="text/html")
        response = stream.get()
        assert response.headers["content-type"] == "text/html"
        assert response.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert response.headers["x-content-type-options"] == "nosniff"

    def test_a_page_may_ask_beforehand(self, api, stream):
        asks = {"Origin": ALLOWED, "Access-Control-Request-Method": "POST"}
        leave = api.request("OPTIONS", stream.path, headers=asks)
        assert leave.status_code == 204
        allowed = leave.headers["access-control-allow-headers"].lower()
        assert {"if-none-match", "producer-id", "stream-closed"} <= set(allowed.split(", "))
        assert {"GET", "HEAD", "PUT", "POST", "DELETE"} == set(leave.headers["access-control-allow-methods"].split(", "))


class TestRuns:
    """A run at the same address."""

    def test_its_owner_appends(self, api):
        run = Run.create(api)
        log = Stream(api, run.run_id)
        said = log.say("one", run.producer, 1, 0)
        assert (said.status_code, said.headers["stream-next-offset"]) == (200, sortable(1, b"one"))
        assert log.say("one", run.producer, 1, 0).status_code == 204
        assert_refused(log.say("two", run.producer, 1, 0), 409, "sequence_conflict")
        assert log.say("two", run.producer, 1, 1, stream_closed="true").headers["stream-closed"] == "true"
        assert api.get(run.path).json()["status"] == "completed"
        assert log.get().text == "onetwo"
        assert_refused(log.say("three", run.producer, 1, 2), 409, "run_ended")

    def test_an_epoch_that_no_claim_has_is_no_fence(self, api):
        run = Run.create(api)
        log = Stream(api, run.run_id)
        fenced = log.say("x", run.producer, 0, 0)
        assert_refused(fenced, 403, "fenced")
        assert fenced.headers["producer-epoch"] == "1"
        assert_refused(log.say("x", run.producer, 2, 0), 409, "run_moved")
        assert_refused(log.post(b"x"), 400, "invalid_argument")
        assert_refused(log.say("{}", run.producer, 1, 0, content_type="application/json"), 409, "content_type")

    @pytest.mark.parametrize("content", [b"\xe4 alone", "half a character: ä".encode()[:-1], b"a" + b"\x80" * 40_000], ids=["latin-1", "cut", "long"])
    def test_what_is_not_utf_8_is_refused(self, gateway, api, closing, content):
        run = Run.create(api)
        log = Stream(api, run.run_id)
        assert_refused(log.say(content, run.producer, 1, 0), 400, "invalid_argument")
        assert log.say("ä", run.producer, 1, 0, stream_closed="true").status_code == 200
        assert closing(RunStream(gateway.url, run.run_id, gateway.api_key, {"offset": "-1", "live": "sse"})).text()[0] == "ä"

    def test_json_items(self, api):
        run = Run.create(api, format="json")
        log = Stream(api, run.run_id)
        assert log.say('[{"a":1},2]', run.producer, 1, 0, content_type="application/json").status_code == 200
        assert log.get().json() == [{"a": 1}, 2]

    def test_is_not_made_or_removed_here(self, api):
        run = Run.create(api, run_id=f"mine-{uuid.uuid4().hex}")
        log = Stream(api, run.run_id)
        assert_refused(log.put(), 409, "stream_exists")
        assert_refused(api.request("DELETE", log.path), 409, "run_exists")
        assert_refused(Stream(api, "run_mine").put(), 400, "invalid_argument")

    def test_a_stream_is_no_run(self, api, stream):
        path = f"{RUNS}/{stream.name}"
        owner = {"producer": "p", "epoch": 1}
        assert_refused(api.get(path), 404, "run_not_found")
        assert_refused(api.post(f"{path}/claim", {"producer": "p"}), 404, "run_not_found")
        assert_refused(api.post(f"{path}/append", owner | {"seq": 0, "text": "x"}), 404, "run_not_found")
        assert_refused(api.post(f"{path}/heartbeat", owner), 404, "run_not_found")
        assert_refused(api.post(f"{path}/cancel", {}), 404, "run_not_found")
        assert_refused(api.delete(path), 404, "run_not_found")
        assert stream.name not in {run["run_id"] for run in api.get(RUNS).json()["runs"]}

    def test_a_long_poll_of_a_run(self, gateway, api):
        run = Run.create(api)
        log = Stream(api, run.run_id)
        answer = waiting(gateway, lambda: log.get(offset="-1", live="long-poll"))
        run.say("news")
        assert answer.result(20).text == "news"
        assert_refused(log.get(live="long-poll"), 400, "invalid_argument")


class TestAccess:
    def test_sessions_and_strangers_see_none(self, gateway, api, stream):
        stranger = api.get("/v1/stream/nobodys", headers={"Authorization": ""}).content
        token = gateway.new_session(user_id="ada")
        seen = api.get(stream.path, headers={"Authorization": f"Bearer {token}"})
        assert_refused(seen, 404, "run_not_found")
        assert seen.content == api.get("/v1/stream/nobodys", headers={"Authorization": f"Bearer {token}"}).content
        assert api.get(stream.path, headers={"Authorization": ""}).content == stranger
        assert api.request("PUT", "/v1/stream/x", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    def test_a_client_cannot_attach(self, gateway, stream):
        answer = gateway.connect().ask({"type": "attach", "run_id": stream.name, "id": 1})
        assert (answer["type"], answer["code"]) == ("error", "unknown_run")
