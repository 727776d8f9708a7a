"""The text in what model libraries stream: strings, and the objects of openai, anthropic and langchain-core. They are known
by their shape, so none of these packages has to be there."""

from collections.abc import Mapping
from typing import Any

from .errors import AgentError


def text_of(chunk: Any) -> str:
    """Of one chunk or event; "" for those that carry none (tools, usage, thinking). TypeError for what is nothing known."""
    if isinstance(chunk, str):
        return chunk
    if isinstance(chunk, tuple) and chunk:
        return text_of(chunk[0])  # LangGraph's (chunk, metadata)
    if isinstance(chunk, Mapping):
        return _text_of_langchain_event(chunk)
    if isinstance(getattr(chunk, "choices", None), list):
        return _text_of_choices(chunk.choices)
    if getattr(chunk, "message", None) is not None and hasattr(chunk, "generation_info"):
        return text_of(chunk.message)  # langchain-core's ChatGenerationChunk
    if hasattr(chunk, "generation_info"):
        return str(chunk.text)
    if isinstance(kind := getattr(chunk, "type", None), str):
        return _text_of_typed(chunk, kind)
    raise TypeError(f"no text and no known chunk of a stream: {type(chunk).__module__}.{type(chunk).__qualname__}")


def _text_of_choices(choices: list[Any]) -> str:
    """openai: chat completions have a delta, the older completions a text. Of several answers the first."""
    for choice in choices:
        if getattr(choice, "index", 0) == 0:
            delta = getattr(choice, "delta", None)
            text = getattr(choice, "text", None) if delta is None else (delta.content or getattr(delta, "refusal", None))
            return text or ""
    return ""


def _text_of_typed(chunk: Any, kind: str) -> str:
    if kind in ("response.output_text.delta", "response.refusal.delta", "content.delta", "refusal.delta"):
        return str(chunk.delta)  # openai: responses, and the helper for chat completions
    if kind == "content_block_delta":  # anthropic; its helper's "text" events say the same again
        return chunk.delta.text if getattr(chunk.delta, "type", "") == "text_delta" else ""
    if kind in ("AIMessageChunk", "ai"):
        return _text_of_content(chunk.content)
    if kind in ("error", "response.failed"):
        raise AgentError("the model's stream broke off", "model_error")
    return ""


def _text_of_content(content: Any) -> str:
    """langchain-core: a string, or blocks of which some are text."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(block if isinstance(block, str) else _text_of_block(block) for block in blocks)


def _text_of_block(block: Any) -> str:
    is_text = isinstance(block, Mapping) and block.get("type") in ("text", "output_text", "text_delta")
    return str(block.get("text") or "") if is_text else ""


def _text_of_langchain_event(event: Mapping[str, Any]) -> str:
    """astream_events(); of a chain's nested events only the model's own count."""
    if "event" not in event:
        raise TypeError("a mapping is no chunk of a known stream")
    if event["event"] in ("on_chat_model_stream", "on_llm_stream"):
        return text_of(event["data"]["chunk"])
    return ""
