"""The runbook's commands for Redis show what docs/OPERATIONS.md says they show, with a Redis that is in that state."""

import contextlib

import pytest

from support import runbook
from support.cluster import is_ready
from support.runbook import Scene
from support.wait import eventually


def scene_of(redis, gateway) -> Scene:
    return Scene.of(gateway, redis_url=redis.url)


@contextlib.contextmanager
def redis_well(redis, start):
    yield scene_of(redis, start())


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
    scene.__name__.replace("_", " "): scene for scene in (redis_well, redis_gone, redis_out_of_memory, inbox_stuck)
}


@pytest.mark.parametrize("name", SCENES)
def test_the_commands_show_what_the_runbook_shows(name, redis, cluster):
    with SCENES[name](redis, lambda *flags: cluster.start("--log-format", "json", *flags)) as scene:
        runbook.check(runbook.scenes()[name], scene)
