"""The runbook's commands for Redis show what docs/RUNBOOK.md says they show, with a Redis that is in that state."""

import contextlib
import re

import pytest

from support import runbook
from support.cluster import is_ready
from support.runbook import Scene
from support.wait import eventually


def scene_of(redis, gateway, session="none") -> Scene:
    return Scene.of(gateway, session, redis_url=redis.url)


@contextlib.contextmanager
def redis_well(redis, start):
    yield scene_of(redis, start())


@contextlib.contextmanager
def redis_two_instances(redis, start):
    gateway, other = start(), start()
    for instance in (gateway, other, other):
        instance.connect()
    scene = scene_of(redis, gateway)
    scene.other_url = other.url
    yield scene


@contextlib.contextmanager
def redis_restarted(redis, start):
    """The session is one of before."""
    before = start()
    session = before.new_session(user_id="runbook")
    before.stop()
    yield scene_of(redis, start(), session)


@contextlib.contextmanager
def redis_gone(redis, start):
    gateway = start()
    redis.kill()
    eventually(lambda: not is_ready(gateway))
    yield scene_of(redis, gateway)


@contextlib.contextmanager
def redis_out_of_memory(redis, start):
    gateway = start()
    with redis.client() as client:
        client.config_set("maxmemory", 1)
    assert gateway.api.post("/api/traffic-cop/sessions", {"user_id": "runbook"}).status_code == 503
    yield scene_of(redis, gateway)


@contextlib.contextmanager
def inbox_stuck(redis, start):
    """A worker has taken a message, and does not acknowledge it."""
    gateway = start("--inbox", "stream")
    assert gateway.connect().say(id=1)["status"] == "published"
    with redis.client() as client:
        taken = client.xreadgroup("agents", "worker-1", {"websocket:inbox:guide": ">"}, count=1)
    assert taken
    yield scene_of(redis, gateway)


SCENES = {
    scene.__name__.replace("_", " "): scene
    for scene in (redis_well, redis_two_instances, redis_restarted, redis_gone, redis_out_of_memory, inbox_stuck)
}

def test_what_the_text_tells_to_ask_redis_is_answered(redis, cluster):
    named = runbook.named("on_redis")
    assert len(named) >= 4
    with redis_well(redis, cluster.start) as scene:
        for command, got in zip(named, runbook.run(named, scene, "systemd"), strict=True):
            assert not re.search(r"(?i)\berr\b|error:|unrecognized|could not connect", got), f"{command}\n{got}"


# Redis is asked in another way where the gateway runs in another way.
CASES = [(name, "systemd") for name in SCENES] + [("redis well", "docker"), ("redis well", "kubectl")]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_the_commands_show_what_the_runbook_shows(name, way, redis, cluster):
    with SCENES[name](redis, lambda *flags: cluster.start("--log-format", "json", *flags)) as scene:
        runbook.check(runbook.scenes()[name], scene, way)
