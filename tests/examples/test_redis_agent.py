"""The agent with only a Redis client, against gateways on a real Redis."""

import collections
import re
import subprocess
import sys

import pytest

from support.cluster import listening
from support.gateway import REPOSITORY, binary_path
from support.process import Process
from support.redis_agent import wait_for_group
from support.redis_cluster import RedisCluster
from support.wait import eventually

DEADLINE = 30
INBOX = "websocket:inbox:guide"


@pytest.fixture
def start_agent(redis):
    agents = []

    def start(*flags):
        command = [sys.executable, REPOSITORY / "examples/redis_agent.py", "--url", redis.url, *flags]
        agents.append(Process(command, start_new_session=True))
        return agents[-1]

    yield start
    for agent in agents:
        agent.kill()


@pytest.fixture
def store(redis):
    with redis.client() as client:
        yield client


def read_answer(client):
    """Frames until a final one: of one answer, or of several at a time."""
    frames = [client.receive(DEADLINE)]
    while not frames[-1]["data"]["final"]:
        frames.append(client.receive(DEADLINE))
    return frames


class TestListening:
    def test_it_answers_word_by_word_on_both_instances(self, cluster, redis, start_agent):
        gateways = [cluster.start(), cluster.start()]
        start_agent("--delay", "0", "--channel", "guide", "--channel", "pillar:content")
        eventually(lambda: listening(redis, "websocket:pillar:content"))
        for gateway in gateways:
            client, other = gateway.connect(), gateway.connect()
            client.send({"channel": "guide", "payload": {"message": "how  do you do?", "conversation_id": "c-1"}})
            frames = read_answer(client)
            words, final = frames[:-1], frames[-1]
            assert len(words) > 5
            assert [frame["data"]["seq"] for frame in frames] == list(range(len(frames)))
            assert "".join(frame["data"]["delta"] for frame in words) == final["message"]
            assert "how  do you do?" in final["message"]
            assert (final["agent_type"], final["conversation_id"]) == ("guide", "c-1")
            client.say("pillar:content", text="and you?")
            assert read_answer(client)[-1]["pillar"] == "content"
            other.assert_silent()

    def test_what_is_no_question_is_passed_over(self, cluster, redis, store, start_agent):
        gateway = cluster.start()
        start_agent("--delay", "0")
        eventually(lambda: listening(redis, "websocket:guide"))
        client = gateway.connect()
        gateway.api.publish("guide", {"note": "to all"})
        assert client.receive() == {"note": "to all"}
        for nonsense in ("", "{", "[]", "7", b"\xff", '{"connection_id":1,"reply_to":2,"channel":3,"message":4}'):
            store.publish("websocket:guide", nonsense)
        client.say(text="still there?")
        assert "still there?" in read_answer(client)[-1]["message"]

    def test_it_comes_back_after_redis_was_gone(self, cluster, redis, start_agent):
        gateway = cluster.start()
        agent = start_agent("--delay", "0")
        eventually(lambda: listening(redis, "websocket:guide"))
        redis.restart(keep_data=False)
        eventually(lambda: listening(redis, "websocket:guide"), DEADLINE)
        client = gateway.connect(eventually(lambda: new_session(gateway), DEADLINE))
        client.say(text="again")
        assert "again" in read_answer(client)[-1]["message"]
        agent.terminate()
        assert agent.wait_exit() == 0


def new_session(gateway):
    answer = gateway.api.post("/api/traffic-cop/sessions", {"user_id": "ada"})
    ready = gateway.api.get("/health/websocket-gateway").status_code == 200
    return answer.status_code == 201 and ready and answer.json()["session_id"]


class TestInbox:
    FLAGS = ("--inbox", "--claim-after", "2", "--delay", "0.1")

    def open_at(self, store, name):
        """How many entries an agent has taken and not acknowledged."""
        return len(store.xpending_range(INBOX, "agents", "-", "+", 100, consumername=name))

    def test_two_compete_one_dies_in_the_middle_and_nothing_is_lost(self, cluster, redis, store, start_agent):
        gateways = [cluster.start("--inbox", "stream"), cluster.start("--inbox", "stream")]
        wait_for_group(redis, INBOX, "agents")
        agents = {name: start_agent(*self.FLAGS, "--name", name) for name in ("one", "two")}
        clients = [gateway.connect() for gateway in gateways]
        asked = [f"question {n}" for n in range(8)]
        for n, text in enumerate(asked):
            assert clients[n % 2].say(id=n, text=text)["status"] == "published"
        eventually(lambda: all(self.open_at(store, name) for name in agents), DEADLINE, "both are at work")
        agents["one"].kill()
        assert self.open_at(store, "one") == 1
        runs = collections.defaultdict(list)
        for client in clients:
            for _ in range(4):
                for frame in read_answer(client):
                    runs[frame["data"]["run_id"]].append(frame)
        ended = [frames[-1]["message"] for frames in runs.values() if frames[-1]["data"]["final"]]
        assert sorted(re.search("“(.*)”", message)[1] for message in ended) == asked, "each to its end, once"
        assert len(runs) - len(ended) <= 1, "only what the dead one had begun is begun again"
        eventually(lambda: store.xpending(INBOX, "agents")["pending"] == 0)

    def test_an_answer_that_takes_long_is_not_claimed(self, cluster, redis, store, start_agent):
        gateway = cluster.start("--inbox", "stream")
        wait_for_group(redis, INBOX, "agents")
        for name in ("one", "two"):
            start_agent("--inbox", "--claim-after", "1", "--delay", "0.2", "--name", name)
        client = gateway.connect()
        client.say(text="slowly")
        frames = read_answer(client)
        assert len(frames) * 0.2 > 2, "it took longer than the time after which it is claimed"
        assert len({frame["data"]["run_id"] for frame in frames}) == 1
        eventually(lambda: store.xpending(INBOX, "agents")["pending"] == 0)
        client.assert_silent()

    def test_asked_to_end_it_ends_its_answer_and_leaves_the_group(self, cluster, redis, store, start_agent):
        gateway = cluster.start("--inbox", "stream")
        agent = start_agent(*self.FLAGS, "--name", "one")
        client = gateway.connect()
        client.say(text="goodbye")
        client.receive(DEADLINE)
        agent.terminate()
        assert "goodbye" in read_answer(client)[-1]["message"]
        assert agent.wait_exit() == 0
        assert store.xpending(INBOX, "agents")["pending"] == 0
        assert store.xinfo_consumers(INBOX, "agents") == []

    def test_publications_are_done_with_at_once(self, cluster, redis, store, start_agent):
        gateway = cluster.start("--inbox", "stream")
        wait_for_group(redis, INBOX, "agents")
        gateway.api.publish("guide", {"note": "to all"})
        eventually(lambda: store.xlen(INBOX) == 1)
        start_agent(*self.FLAGS)
        eventually(lambda: store.xinfo_groups(INBOX)[0]["lag"] == 0 and store.xpending(INBOX, "agents")["pending"] == 0)


class TestOnACluster:
    """Its channels are in slots of their own: here on two masters."""

    CHANNELS = ("guide", "pillar:content")

    @pytest.fixture
    def redis(self):
        with RedisCluster() as started:
            yield started

    @pytest.fixture
    def names(self, redis, tmp_path):
        """A file with what the gateway prints."""
        command = [binary_path(), "--engine", "redis", "--redis-url", redis.url, "--print-redis-names"]
        file = tmp_path / "names"
        file.write_text(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        return file

    @pytest.fixture
    def prefixes(self, redis, names):
        found = {line.split()[0]: line.split()[-1] for line in names.read_text().splitlines()}
        assert len({redis.master_of(found[channel]) for channel in self.CHANNELS}) == 2
        return found

    def listens(self, node, name):
        with node.client() as client:
            return client.execute_command("PUBSUB SHARDNUMSUB", name)[0][1] > 0

    def assert_answers(self, client, channel, text):
        client.say(channel, text=text)
        assert text in read_answer(client)[-1]["message"]

    def test_it_listens_where_each_channel_is_and_goes_along_with_its_slot(self, cluster, redis, names, prefixes, start_agent):
        gateways = [cluster.start("--inbox", "pubsub") for _ in range(2)]
        start_agent("--names", names, "--delay", "0", "--channel", "guide", "--channel", "pillar:content")
        heard = [f"{prefixes[channel]}{channel}" for channel in self.CHANNELS]
        eventually(lambda: all(self.listens(redis.master_of(name), name) for name in heard))
        clients = [gateway.connect() for gateway in gateways]
        for client in clients:
            for channel in self.CHANNELS:
                self.assert_answers(client, channel, f"on {channel}?")
        new_master = redis.migrate(prefixes["guide"])
        eventually(lambda: self.listens(new_master, heard[0]), DEADLINE)
        for client in clients:
            self.assert_answers(client, "guide", "still there?")
        old_master = redis.master_of(heard[1])
        old_master.kill()
        eventually(lambda: self.listens(redis.replica_of(old_master), heard[1]), DEADLINE)
        self.assert_answers(gateways[0].connect(), "pillar:content", "and you?")

    def test_of_an_inbox_nothing_is_lost(self, cluster, redis, names, prefixes, start_agent):
        gateway = cluster.start()
        agents = [start_agent("--names", names, *TestInbox.FLAGS, "--name", name, "--channel", "guide") for name in ("one", "two")]
        inbox = f"{prefixes['guide']}inbox:guide"
        client = gateway.connect()
        with redis.master_of(inbox).client() as store:
            client.say(text="first")
            eventually(lambda: store.xpending(inbox, "agents")["pending"] == 1)
            agents[0].kill()
            client.say(text="second")
            ended = set()
            while len(ended) < 2:
                ended.add(re.search("“(.*)”", read_answer(client)[-1]["message"])[1])
            assert ended == {"first", "second"}
            eventually(lambda: store.xpending(inbox, "agents")["pending"] == 0)


def test_on_a_cluster_it_says_that_it_needs_the_names():
    command = [sys.executable, REPOSITORY / "examples/redis_agent.py", "--url", "redis+cluster://127.0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "--names" in done.stderr
