import random

from websocket_gateway.sse import Event, Lines, Parser

STREAM = ": hello\n\nid: 1\ndata: {\"a\":\ndata: 1}\n\nevent: gap\r\ndata:x\r\n\r\ndata: ü\rid: 2\r\rid: 3\n\n"
EVENTS = [Event("1", "message", '{"a":\n1}'), Event("1", "gap", "x"), Event("2", "message", "ü")]


def test_events_come_out_however_the_bytes_were_cut():
    data = STREAM.encode()
    for seed in range(200):
        rng, lines, parser, events, at = random.Random(seed), Lines(), Parser(), [], 0
        while at < len(data):
            size = rng.randrange(1, 9)
            events += [event for line in lines.feed(data[at : at + size]) if (event := parser.line(line))]
            at += size
        assert events == EVENTS
        assert parser.last_id == "3"


def test_half_an_event_of_the_last_connection_is_none():
    parser = Parser()
    parser.line("data: half")
    parser.begin()
    assert parser.line("") is None


def test_an_id_counts_when_its_event_is_whole():
    """A cut behind the id would else lose that event: the next connection asks for what comes behind it."""
    parser = Parser()
    for line in ("id: 1", "data: whole", "", "id: 2", "data: ha"):
        parser.line(line)
    assert parser.last_id == "1"
    parser.begin()
    parser.line("data: without an id")
    assert parser.line("") == Event("1", "message", "without an id")
