"""Whatever a client is told was published every reader takes, however deep it is."""

import json

import pytest

from support.mcp import Mcp

DEPTHS = [1, 100, *range(505, 516), 600]


def nested(depth):
    """A message of that many levels, its own and the payload's included."""
    return '{"id":%d,"payload":%s}' % (depth, '{"a":' * (depth - 2) + "{}" + "}" * (depth - 2))


@pytest.mark.parametrize("inbox", ["pubsub", "stream"])
def test_it_is_refused_or_arrives_everywhere(cluster, inbox):
    gateway = cluster.start("--inbox", inbox)
    mcp = Mcp(gateway)
    cursor = mcp.poll("guide", wait_seconds=0)["cursor"]
    streams = [gateway.subscribe("guide")] + ([gateway.subscribe("guide", "group")] if inbox == "stream" else [])
    client = gateway.connect()
    taken = []
    for depth in DEPTHS:
        answer = client.ask(nested(depth))
        if answer["type"] == "ack":
            assert answer["status"] == "published"
            taken.append(nested(depth))
        else:
            assert (answer["code"], answer["id"] if "id" in answer else depth) == ("invalid_message", depth)
    assert len(taken) >= 3
    for stream in streams:
        assert [json.dumps(event.json()["message"], separators=(",", ":")) for event in stream.take(len(taken))] == taken
    read = []
    while len(read) < len(taken):
        page = mcp.poll("guide", cursor=cursor)
        cursor = page["cursor"]
        read += [json.dumps(message["message"], separators=(",", ":")) for message in page["messages"]]
    assert read == taken
