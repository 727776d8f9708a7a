"""What both Python clients do: one command a line in, one answer a line out, both JSON."""

import asyncio
import json
import sys


def say(**answer):
    print(json.dumps(answer), flush=True)


async def talk(list_tools, call_tool):
    """{"list": true} and {"call": name, "arguments": {…}}, until standard input ends."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        command = json.loads(line)
        try:
            if "list" in command:
                say(tools=[tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in await list_tools()])
            else:
                result = await call_tool(command["call"], command["arguments"])
                dump = result.model_dump(by_alias=True, mode="json")
                say(result={"structured": dump.get("structuredContent"), "is_error": dump["isError"],
                            "texts": [part.text for part in result.content]})
        except Exception as error:  # whatever the library makes of a refusal is what the test wants to see
            say(error=f"{type(error).__name__}: {error}")
