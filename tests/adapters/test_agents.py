"""An agent of ours that only writes text answers clients of other protocols."""

import pytest

from clients.driver import THERE, Driver

GATEWAY_FLAGS = ("--log-level", "error")


@pytest.fixture(scope="module", params=THERE)
def writer(request, gateway):
    with Driver(request.param) as driver:
        driver.call("agent", url=gateway.url, key=gateway.api_key)
        driver.call("subscribe", channel="guide", group="agents")
        yield driver


@pytest.mark.parametrize("kind", ["default", "websocket", "http-agent"])
def test_text_is_all_that_it_writes(client, writer, kind):
    asker = client(kind)
    envelope = writer.call("next")["envelope"]
    assert envelope["run"]["format"] in ("ai-sdk", "ag-ui")
    run = f"{kind}-{writer.kind}"
    writer.call("open", run=run)
    writer.write(run, "I do ", "well, “ü𝄞”")
    writer.call("end", run=run)
    told = asker.told()
    assert told["text"] == "I do well, “ü𝄞”", told
    assert told.get("finish", "stop") == "stop"
