"""Clients of other protocols on many instances: an answer goes on elsewhere when its instance is killed."""

import uuid

from support.chats import AiSdk, answer_to, new_chat, text_of, user_message


def test_i14_a_killed_instance_costs_the_chat_nothing(cluster, closing):
    first, second = cluster.start(), cluster.start()
    token = first.new_session(user_id=f"user-{uuid.uuid4().hex}")
    agent = second.subscribe("guide")
    chat, message = new_chat(), user_message()
    stream = AiSdk(first, closing, token).send(chat, message)
    answer = answer_to(second, agent)
    answer.say("Once ")
    had = stream.next()
    while "Once" not in had.data:
        had = stream.next()
    first.crash()
    assert stream.rest() == []  # and no [DONE]
    answer.say("upon ")
    there = AiSdk(second, closing, token)
    again = there.resume(chat)
    behind = there.resume(answer.run.run_id, headers={"Last-Event-ID": had.id})
    posted = there.send(chat, message)
    answer.say("a time")
    answer.end()
    assert text_of(again.chunks()) == text_of(posted.chunks()) == "Once upon a time"
    assert text_of(behind.chunks()) == "upon a time"
    assert agent.waiting() == 0
