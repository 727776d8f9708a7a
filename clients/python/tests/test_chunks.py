"""The objects that the real packages stream, made without a network."""

import anthropic.types as claude
import openai.types.chat as chat
import pytest
from anthropic.lib.streaming import TextEvent
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk
from openai.lib.streaming.chat import ChunkEvent, ContentDeltaEvent
from openai.types import Completion
from openai.types.responses import ResponseCompletedEvent, ResponseTextDeltaEvent

from websocket_gateway import AgentError, text_of


def chat_chunk(*choices):
    return chat.ChatCompletionChunk.model_validate(
        {"id": "c", "created": 1, "model": "m", "object": "chat.completion.chunk", "choices": list(choices)}
    )


def test_strings_are_text():
    assert text_of("ü") == "ü"


def test_openai_chat_completions():
    choices = [
        {"index": 0, "delta": {"role": "assistant", "content": ""}},
        {"index": 0, "delta": {"content": "Hel"}},
        {"index": 0, "delta": {"content": "lo"}},
        {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    assert [text_of(chat_chunk(one)) for one in choices] == ["", "Hel", "lo", "", ""]
    assert text_of(chat_chunk()) == "", "the last one tells the usage"
    both = chat_chunk({"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}})
    assert text_of(both) == "A"
    assert text_of(chat_chunk({"index": 0, "delta": {"refusal": "No."}})) == "No."


def test_openai_helper_for_chat_completions_says_each_text_once():
    chunk = chat_chunk({"index": 0, "delta": {"content": "Hi"}})
    whole = chat.ParsedChatCompletion.model_construct(choices=[])
    events = [
        ChunkEvent.model_construct(type="chunk", chunk=chunk, snapshot=whole),
        ContentDeltaEvent.model_construct(type="content.delta", delta="Hi", snapshot="Hi", parsed=None),
    ]
    assert "".join(map(text_of, events)) == "Hi"


def test_openai_completions():
    completion = {"id": "c", "created": 1, "model": "m", "object": "text_completion"}
    choice = {"index": 0, "text": "Hi", "finish_reason": "stop", "logprobs": None}
    assert text_of(Completion.model_validate(completion | {"choices": [choice]})) == "Hi"


def test_openai_responses():
    delta = ResponseTextDeltaEvent.model_validate(
        {"type": "response.output_text.delta", "delta": "Hi", "item_id": "i", "output_index": 0, "content_index": 0,
         "sequence_number": 1, "logprobs": []}  # fmt: skip
    )
    assert text_of(delta) == "Hi"
    assert text_of(ResponseCompletedEvent.model_construct(type="response.completed")) == ""
    with pytest.raises(AgentError):
        text_of(ResponseCompletedEvent.model_construct(type="response.failed"))


def test_anthropic_messages():
    text = claude.RawContentBlockDeltaEvent.model_validate(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    )
    thinking = claude.RawContentBlockDeltaEvent.model_validate(
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm"}}
    )
    stop = claude.RawMessageStopEvent.model_validate({"type": "message_stop"})
    again = TextEvent.model_construct(type="text", text="Hi", snapshot="Hi")  # the helper's, of the same text
    assert [text_of(event) for event in (text, thinking, stop, again)] == ["Hi", "", "", ""]


def test_langchain_messages_and_generations():
    blocks = [{"type": "text", "text": "B"}, {"type": "reasoning", "reasoning": "x"}, "C"]
    assert text_of(AIMessageChunk(content="A")) == "A"
    assert text_of(AIMessageChunk(content=blocks)) == "BC"
    assert text_of(ChatGenerationChunk(message=AIMessageChunk(content="D"))) == "D"
    assert text_of(GenerationChunk(text="E")) == "E"
    assert text_of((AIMessageChunk(content="F"), {"langgraph_node": "n"})) == "F"


@pytest.mark.asyncio
async def test_langchain_streams_and_events_of_a_model():
    model = FakeListChatModel(responses=["Hello"])
    assert "".join([text_of(chunk) async for chunk in model.astream("x")]) == "Hello"
    assert "".join([text_of(event) async for event in model.astream_events("x", version="v2")]) == "Hello"


def test_what_is_nothing_known_is_an_error():
    for unknown in (5, object(), {"text": "x"}, b"bytes", None):
        with pytest.raises(TypeError):
            text_of(unknown)
