"""Text that is not RFC 8259 JSON is answered, not guessed at; nobody else notices."""

import pytest

NOT_JSON = {
    "nothing": "",
    "white space": " \t\n",
    "a word": "hello",
    "an open object": '{"payload":{}',
    "an open list": "[" * 60000,
    "an open string": '{"payload":{"a":"',
    "two values": '{"payload":{}} {"payload":{}}',
    "a closing brace too many": '{"payload":{}}}',
    "mismatched": '{"payload":{"a":[}]}',
    "a trailing comma": '{"payload":{},}',
    "a trailing comma in a list": '{"payload":{"a":[1,]}}',
    "two commas": '{"payload":{"a":[1,,2]}}',
    "no comma": '{"payload":{} "id":1}',
    "no colon": '{"payload" {}}',
    "no value": '{"payload":}',
    "a key without quotes": "{payload:{}}",
    "single quotes": "{'payload':{}}",
    "a number as key": "{1:2}",
    "a comment": '{"payload":{}/* hi */}',
    "a line comment": '{"payload":{}}// hi',
    "NaN": '{"payload":{"a":NaN}}',
    "Infinity": '{"payload":{"a":-Infinity}}',
    "a leading zero": '{"payload":{"a":01}}',
    "a negative leading zero": '{"payload":{"a":-01}}',
    "a plus": '{"payload":{"a":+1}}',
    "a bare point": '{"payload":{"a":.5}}',
    "a point at the end": '{"payload":{"a":1.}}',
    "a bare exponent": '{"payload":{"a":1e}}',
    "a bare minus": '{"payload":{"a":-}}',
    "hex": '{"payload":{"a":0x10}}',
    "True": '{"payload":{"a":True}}',
    "half a word": '{"payload":{"a":nul}}',
    "a long word": '{"payload":{"a":nulll}}',
    "a raw newline": '{"payload":{"a":"x\ny"}}',
    "a raw tab": '{"payload":{"a":"x\ty"}}',
    "a raw NUL": '{"payload":{"a":"x\x00y"}}',
    "a NUL behind": '{"payload":{}}\x00',
    "a byte order mark": '\ufeff{"payload":{}}',
    "a form feed": '{"payload":\f{}}',
    "a no-break space": '{"payload":\u00a0{}}',
    "an unknown escape": r'{"payload":{"a":"\x41"}}',
    "a short escape": r'{"payload":{"a":"\u12"}}',
    "an escape without hex": r'{"payload":{"a":"\u12g4"}}',
    "a lone high surrogate": r'{"payload":{"a":"\ud800"}}',
    "a lone low surrogate": r'{"payload":{"a":"\udc00"}}',
    "a high surrogate before a letter": r'{"payload":{"a":"\ud800\u0041"}}',
    "two high surrogates": r'{"payload":{"a":"\ud800\ud800"}}',
    "a pair the wrong way round": r'{"payload":{"a":"\udc00\ud800"}}',
    "a lone surrogate in a key": r'{"payload":{"\udfff":1}}',
    "a lone surrogate in a field nobody reads": r'{"payload":{},"x":["\ud800"]}',
    "an upper-case lone surrogate": r'{"payload":{"a":"\uDBFF"}}',
}


@pytest.fixture(scope="module")
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture(scope="module")
def attacker(gateway):
    return gateway.connect()


@pytest.fixture(scope="module")
def bystander(gateway):
    return gateway.connect()


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_it_is_invalid_json(attacker, bystander, agent, text):
    answer = attacker.ask(text)
    assert (answer["type"], answer["code"], answer["message"]) == ("error", "invalid_json", "Invalid message format")
    assert attacker.ask({"id": text[:20], "payload": {}})["type"] == "ack"
    bystander.assert_silent()


@pytest.mark.parametrize("depth", [100, 1000, 20000])
def test_depth_is_answered_one_way_or_the_other(attacker, bystander, depth):
    """RFC 8259 lets a parser bound the depth; ours may, and must not fall over it."""
    text = '{"id":"deep-%d","payload":{"a":%s}}' % (depth, "[" * depth + "]" * depth)
    answer = attacker.ask(text)
    assert answer["type"] == "ack" or answer["code"] in ("invalid_json", "invalid_message")
    bystander.assert_silent()


def test_a_thousand_keys_are_a_message(attacker):
    fields = ",".join(f'"k{n}":{n}' for n in range(2000))
    assert attacker.ask('{"id":"wide","payload":{%s}}' % fields)["type"] == "ack"


def test_none_of_it_reached_an_agent(gateway, attacker, agent):
    attacker.say(id="last", text="the last one")
    seen = [agent.next().json()["message"]]
    while seen[-1].get("id") != "last":
        seen.append(agent.next().json()["message"])
    assert all(isinstance(message["payload"], dict) for message in seen)
    assert gateway.api.get("/health/live").status_code == 200
