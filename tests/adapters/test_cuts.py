"""Every client's answer is exact, though its connections break every 300 ms (I24)."""

import random

import pytest

from adapters.conftest import Cuts
from support.wait import paced

GATEWAY_FLAGS = ("--log-level", "error")
WORDS = ("word ", "ünï ", "𝄞 ", "漢字 ", "\n", '"quoted" ', "\\ ")


def spoken(answer, seconds=2.5):
    """Says words for a while; all that was said."""
    rng, said = random.Random(7), ""
    for _ in paced(0.02, seconds + 20):
        text = rng.choice(WORDS) * rng.randrange(1, 8)
        answer.say(text)
        said += text
        if len(said) > seconds / 0.02 * 12:
            return said
    raise AssertionError("the agent was not served in time")


@pytest.mark.parametrize("kind", ["default", "workflow", "websocket"])
def test_ai_sdk(gateway, client, answer, kind):
    with Cuts(gateway) as cuts:
        asker = client(kind, cuts.url, resumes=True)
        answering = answer()
        cuts.begin()
        said = spoken(answering)
        answering.end()
        told = asker.told()
    assert (told["text"], told["messages"], told["status"]) == (said, 2, "ready"), told
    assert cuts.count >= 3


def test_ai_sdk_with_a_resumable_fetch_hears_of_no_drop(gateway, client, answer, resumable):
    with Cuts(gateway) as cuts:
        asker = client("default", cuts.url, resumable=resumable)
        answering = answer()
        cuts.begin()
        said = spoken(answering)
        answering.end()
        told = asker.told()
    assert (told["text"], told["drops"], told["status"]) == (said, 0, "ready"), told
    assert cuts.count >= 3


def test_http_agent_with_a_resumable_fetch(gateway, client, answer, resumable):
    with Cuts(gateway) as cuts:
        asker = client("http-agent", cuts.url, resumable=resumable)
        answering = answer()
        cuts.begin()
        said = spoken(answering)
        answering.end()
        told = asker.told()
    assert (told["text"], told["messages"], told["failures"]) == (said, ["user", "assistant"], []), told
    assert told["events"].count("RUN_FINISHED") == 1
    assert cuts.count >= 3


def test_copilotkits_agent(gateway, client, answer):
    with Cuts(gateway) as cuts:
        asker = client("copilot", cuts.url, resumes=True)
        answering = answer()
        cuts.begin()
        said = spoken(answering)
        answering.end()
        told = asker.told()
    assert (told["text"], told["messages"]) == (said, ["user", "assistant"]), told
    assert cuts.count >= 3
