"""Payloads pass as they were sent: nothing is parsed into a value and written anew."""

import json

import pytest

TEXTS = {
    "a number beyond a double": '{"payload":{"n":1e400,"m":-1E+400}}',
    "many digits": '{"payload":{"n":123456789012345678901234567890,"x":0.1000000000000000055511151231257827}}',
    "forms of zero": '{"payload":{"n":[-0,0.0,0e0,-0.0e-0]}}',
    "duplicate keys": '{"payload":{"a":1,"a":2},"other":1,"other":2}',
    "duplicate payload": '{"payload":{"first":1},"payload":{"second":2}}',
    "odd escapes": r'{"payload":{"a":"\u0041\/\u002f\b\f\n\r\t\"\\","\u0061":"\u00e9é"}}',
    "escaped keys": r'{"\u0070ayload":{"message":"x"},"ch\u0061nnel":"guide"}',
    "an escaped NUL": r'{"payload":{"a":"\u0000"}}',
    "an escaped pair": r'{"payload":{"a":"\ud83d\ude00😀"}}',
    "non-characters": '{"payload":{"a":"\\uffff\\ufffe\uffff\u2028\u2029\ufeff\x7f"}}',
    "wide spaces": ' \t { "payload"\t:  { "a" : [ 1 , 2 ] }  }  ',
    "newlines": '{\n  "payload": {\n    "a": 1\n  }\n}\n',
    "empty keys": '{"payload":{"":{"":[]}}}',
    "nothing": '{"payload":{}}',
    "a script": '{"payload":{"a":"</script><!--\u00a0"}}',
    "like a header": '{"payload":{"a":"data: x\\n\\nid: 7\\nevent: y"}}',
    "deep": '{"payload":' + '{"a":' * 30 + "[[[[1]]]]" + "}" * 30 + "}",
}


@pytest.fixture(scope="module")
def agent(gateway):
    return gateway.subscribe("guide")


@pytest.fixture(scope="module")
def client(gateway):
    return gateway.connect()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_client_message_reaches_the_agent_as_it_was_sent(agent, client, text):
    client.send(text)
    data = agent.next_from(client).data
    assert f'"message":{text.strip()},' in data or f'"message":{text},' in data
    assert json.loads(data)["connection_id"] == client.connection_id


def test_a_carriage_return_costs_nothing_but_itself(agent, client):
    """An event stream cannot carry one in a line: it comes as the newline it means."""
    client.send('{\r\n"payload":\r{"a":1}}')
    assert agent.next_from(client).json()["message"] == {"payload": {"a": 1}}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_what_an_agent_sends_reaches_the_client_as_it_was_given(gateway, client, text):
    body = '{"connection_id":"%s","message":%s}' % (client.connection_id, text)
    response = gateway.api.request("POST", "/api/post-office/websocket/send", content=body.encode())
    assert response.status_code == 200, response.text
    assert client.receive_text().strip() == text.strip()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_publication_reaches_client_and_agent_as_it_was_given(gateway, agent, client, text):
    body = '{"channel":"guide","realm":"tests","message":%s}' % text
    response = gateway.api.request("POST", "/api/post-office/websocket/publish", content=body.encode())
    assert response.status_code == 200, response.text
    assert client.receive_text().strip() == text.strip()
    while True:
        data = agent.next().data
        if '"source":"tests"' in data:
            break
    assert f'"message":{text.strip()},' in data or f'"message":{text},' in data


@pytest.mark.parametrize("message", ['"text"', "1e400", "null", "true", "[1,2]", '""'])
def test_a_message_need_not_be_an_object(gateway, client, message):
    body = '{"connection_id":"%s","message":%s}' % (client.connection_id, message)
    assert gateway.api.request("POST", "/api/post-office/websocket/send", content=body.encode()).status_code == 200
    assert client.receive_text() == message
