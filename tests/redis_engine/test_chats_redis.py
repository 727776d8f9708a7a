"""AI SDK's chats while Redis refuses, or is slow."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support.chats import AiSdk, answer_to, new_chat, text_of, user_message
from support.wait import eventually


@pytest.fixture
def gateway(cluster):
    return cluster.start()


@pytest.fixture
def ada(gateway, closing):
    return AiSdk(gateway, closing, gateway.new_session(user_id="ada"))


def test_asking_again_while_redis_is_full_loses_no_answer(gateway, redis, ada):
    agent, chat, message = gateway.subscribe("guide"), new_chat(), user_message()
    ada.send(chat, message)
    answer = answer_to(gateway, agent)
    answer.say("kept")
    answer.end()
    later = user_message("later")
    ada.send(chat, later)
    answer_to(gateway, agent).end()
    with redis.client() as client:
        client.config_set("maxmemory", 1)
        try:
            # The latest is read, and nothing has to be made.
            assert ada.send(chat, later).status == 200
            refused = ada.post(ada.body(chat, message))
            assert refused.status_code == 503, refused.text
        finally:
            client.config_set("maxmemory", 0)
    assert text_of(ada.send(chat, message).chunks()) == "kept"
    assert agent.waiting() == 0


CHANGES = {
    "deleted": lambda api, token: api.delete_session(token),
    "suspended": lambda api, token: api.patch_session(token, status="suspended"),
    "narrowed": lambda api, token: api.patch_session(token, context={"channels": ["pillar:content"]}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_session_that_changes_while_its_question_is_on_the_way(gateway, redis, ada, change):
    with redis.client() as client, ThreadPoolExecutor(1) as pool:
        idle = client.info("clients")["blocked_clients"]
        client.client_pause(200, all=False)  # writes wait, and go on in order
        asking = pool.submit(ada.send, new_chat(), user_message())
        eventually(lambda: client.info("clients")["blocked_clients"] > idle)
        CHANGES[change](gateway.api, ada.token)
        stream = asking.result()
    if stream.status == 200:
        stream.rest()
        assert stream.was_cut is True
    else:
        assert stream.status in (401, 404)
