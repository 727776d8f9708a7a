#!/usr/bin/env python3
"""The agent behind the chat page, in Python; agent.ts is the same in TypeScript. Python 3.11, and the package of
clients/python: pip install ./clients/python

    GATEWAY_API_KEY=... examples/chat/agent.py

Several share the channel. When one is killed, another is given its message, and begins the answer again.
"""

import argparse
import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from typing import Any

try:
    from websocket_gateway import Agent, AgentError, Answer, Refused
except ModuleNotFoundError:
    Agent = None  # --help does without

STORY = """\
Once upon a time there was a gateway between people and machines. Whatever went through it was written down \
before it was said, byte by byte, in a log that had one author and one end.

One night somebody pulled the plug. When the light came back, the people looked at their screens: there stood the \
beginning of the story, as they had read it. Nobody had to ask again. The next word came, and it was the right one."""


async def model(question: str) -> AsyncIterator[str]:
    """A stand-in for a model: the same question has the same answer, a word at a time."""
    # In earnest: stream = await openai.chat.completions.create(model=…, messages=…, stream=True)
    # run.pipe(stream) takes that as it is, and likewise the streams of Anthropic and LangChain.
    if re.search(r"\bfail\b", question, re.IGNORECASE):
        raise AgentError("You asked me to fail.", "as_asked")
    if count := re.search(r"\bcount to (\d{1,4})\b", question, re.IGNORECASE):
        text = " ".join(str(n + 1) for n in range(int(count[1])))
    else:
        text = STORY if re.search(r"\bstory\b", question, re.IGNORECASE) else f"You said: {question}"
    for word in re.findall(r"\S+\s*", text):
        yield word
        await asyncio.sleep(0.04)


def question_in(payload: dict[str, Any]) -> str:
    """`{"message": …}` of our own client; of the AI SDK all messages of the chat, of which a model would be given all."""
    if not (messages := payload.get("messages")):
        return str(payload.get("message") or "")
    return "".join(part.get("text", "") for part in messages[-1].get("parts", []) if part.get("type") == "text")


async def answer(run: "Answer") -> None:
    question = question_in(run.envelope.payload)
    if not question.strip():
        raise AgentError("There is nothing to answer.", "no_question")
    await run.pipe(model(question))


async def serve(url: str, key: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asyncio.current_task().cancel)
    async with Agent(url, key=key) as gateway:
        await gateway.serve("guide", answer, group="agents")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("GATEWAY_URL", "http://127.0.0.1:8000"),
                        help="default: $GATEWAY_URL, else http://127.0.0.1:8000")  # fmt: skip
    options = parser.parse_args()
    if Agent is None:
        parser.error("this agent needs the package of clients/python: pip install ./clients/python")
    key = os.environ.get("GATEWAY_API_KEY")
    if not key:
        parser.error("the key comes from the environment: GATEWAY_API_KEY")
    if not options.url.startswith(("http://", "https://")):
        parser.error(f"no address of a gateway, such as http://127.0.0.1:8000: {options.url!r}")
    logging.basicConfig(format="agent: %(message)s")
    logging.getLogger("websocket_gateway").setLevel(logging.INFO)  # says so when the gateway is not there
    try:
        asyncio.run(serve(options.url, key))
    except asyncio.CancelledError:
        pass
    except Refused as error:
        sys.exit(f"agent: {options.url} says no: {error}")


if __name__ == "__main__":
    main()
