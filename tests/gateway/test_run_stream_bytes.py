"""GET /v1/stream/{run_id}: a run's log as bytes, from any place of it."""

import pytest

from support.api import assert_refused
from support.run_engines import ENGINES, run_gateway
from support.runs import Run, cursor, fold, sortable, stream_path


@pytest.fixture(scope="module", params=ENGINES)
def gateway(request):
    with run_gateway(request.param) as started:
        yield started


class TestBytes:
    def test_the_log_and_where_it_goes_on(self, api, run):
        run.say("añ\r\nb")
        response = api.get(stream_path(run))
        text = "añ\r\nb".encode()
        assert response.content == text
        assert response.headers["content-type"] == "text/plain; charset=utf-8"
        assert response.headers["stream-next-offset"] == sortable(1, text)
        assert response.headers["stream-up-to-date"] == "true"
        assert response.headers["run-status"] == "in_progress"
        assert response.headers["run-hash"] == fold(text)
        assert "stream-closed" not in response.headers
        run.end()
        ended = api.get(stream_path(run))
        assert (ended.headers["stream-closed"], ended.headers["run-status"]) == ("true", "completed")
        assert api.request("HEAD", stream_path(run)).headers["stream-closed"] == "true"

    def test_from_an_offset_in_either_form(self, api, run):
        run.say("Once upon a time")
        for offset in (cursor(1, b"Once"), sortable(1, b"Once")):
            assert api.get(stream_path(run), params={"offset": offset}).text == " upon a time"
        assert api.get(stream_path(run), params={"offset": "-1"}).text == "Once upon a time"
        assert api.get(stream_path(run), params={"offset": "now"}).text == ""

    def test_i18_an_offset_that_does_not_fit_is_410(self, api, run):
        run.say("Once upon a time")
        wrong = [cursor(1, b"Twice"), cursor(2, b"Once"), cursor(1, b"Once upon a time there")]
        for offset in wrong:
            assert_refused(api.get(stream_path(run), params={"offset": offset}), 410, "cursor_mismatch")
        run.claim(run.producer, keep=5)
        cut = api.get(stream_path(run), params={"offset": cursor(1, b"Once upon")})
        assert_refused(cut, 410, "cursor_mismatch")
        assert api.get(stream_path(run), params={"offset": cursor(1, b"Once")}).text == " "

    @pytest.mark.parametrize("query", ["offset=1", "offset=01.1.00000000000000", "live=poll", "offset=1.2.3"])
    def test_what_is_wrong_is_400(self, api, run, query):
        assert_refused(api.get(f"{stream_path(run)}?{query}"), 400, "invalid_argument")

    def test_items_are_an_array(self, api):
        run = Run.create(api, format="json")
        assert api.get(stream_path(run)).json() == []
        run.say(None, items=[{"a": 1}, "x"])
        response = api.get(stream_path(run))
        assert response.headers["content-type"] == "application/json"
        assert response.json() == [{"a": 1}, "x"]
