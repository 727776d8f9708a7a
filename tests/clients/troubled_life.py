"""Questions and answers of one package while nothing around it is steady: lines end at random bytes, and what was asked
over them is asked again; the gateway, the client and the agent are killed and started again. All of it from a seed.

    with TroubledLife("js", cluster, user, random.Random(7)) as life:
        while life.troubles < 500:
            life.answer()
"""

import re

from clients.cutting_proxy import CuttingProxy
from clients.driver import Driver, DriverError
from support.server_process import free_port

DUPLICATES = re.compile(r'^(?:websocket_messages_routed|gateway_runs_appends)_total\{outcome="duplicate"\} (\d+)', re.MULTILINE)
WORDS = ("word", "ünï", "𝄞", "漢字")
ANSWER_SIZE = 6000
PATIENCE = {"timeout_s": 120, "timeout": 130}
PROMISE = {"lease_ms": 60_000, "timeout": 130}  # nothing here has to be quick


class TroubledLife:
    """`drops`, `restarts` by what was restarted, `duplicates` as the gateway counts them, `answers` and their `bytes`;
    `unheard` are questions of which no agent has heard."""

    def __init__(self, kind, cluster, user, rng):
        self.kind, self.cluster, self.rng = kind, cluster, rng
        self.restarts = {"gateway": 0, "client": 0, "agent": 0}
        self.answers = self.unheard = self.bytes = self._duplicates = 0
        self._flags = ("--listen", f"127.0.0.1:{free_port()}", "--log-level", "error", "--ack-wait", "1s", "--max-connections-per-user", "0")
        self.gateway = cluster.start(*self._flags)
        self._token, self._producer = self.gateway.new_session(user_id=user), f"agent-of-{user}"
        self._front = CuttingProxy(self.gateway.address, self._client_limits)
        self._back = CuttingProxy(self.gateway.address, self._agent_limits)

    def __enter__(self):
        self._front.__enter__()
        self._back.__enter__()
        self.reader, self.writer = Driver(self.kind), Driver(self.kind)
        self._connect()
        self._call_agent()
        self._subscribe()
        return self

    def __exit__(self, *_):
        for driver in (self.reader, self.writer):
            driver.kill()
            driver.close()
        self._front.__exit__()
        self._back.__exit__()

    @property
    def drops(self):
        return self._front.drops + self._back.drops

    @property
    def troubles(self):
        return self.drops + sum(self.restarts.values())

    @property
    def duplicates(self):
        page = self.gateway.api.get("/metrics").text
        return self._duplicates + sum(map(int, DUPLICATES.findall(page)))

    def answer(self):
        """One question, and its answer to the end."""
        run, said = f"r{self.answers + self.unheard}", ""
        self.run_id = self.reader.call("ask", run=run, channel="guide", payload={"message": run}, timeout=130)["run_id"]
        if not self._take(run):
            self.unheard += 1
            return
        self.writer.call("open", run=run, **PROMISE)
        while len(said) < ANSWER_SIZE:
            text = f"{len(said)} {self.rng.choice(WORDS)} " * self.rng.randrange(1, 40)
            self.writer.call("append", run=run, text=text, timeout=130)
            said += text
            said = self._trouble(run, said)
            assert said.startswith(self.reader.state(run)["text"]), (said, self.reader.state(run))
        self.writer.call("end", run=run, timeout=130)
        state = self.reader.wait(run, end=True, timeout_s=120)
        assert (state["text"], state["status"], state["verified"]) == (said, "completed", True), (said, state)
        self.answers += 1
        self.bytes += len(said.encode())

    def _trouble(self, run, said):
        """What the agent has said of the answer, after it."""
        chance = self.rng.random()
        if chance < 0.005:
            self._restart_gateway()
        elif chance < 0.012:
            self._restart_client(run)
        elif chance < 0.017:
            return self._restart_agent(run, said)
        elif chance < 0.4:
            self.writer.call("flush", run=run, timeout=130)
        elif chance < 0.5:
            self.writer.call("flush", run=run, timeout=130)
            self.reader.wait(run, bytes=len(said.encode()), timeout_s=120)
        return said

    # What is killed, and comes back.

    def _restart_gateway(self):
        self._duplicates = self.duplicates
        self.gateway.crash()
        self.gateway = self.cluster.start(*self._flags)
        self.restarts["gateway"] += 1

    def _restart_client(self, run):
        """It comes back with the text and the cursor that it has kept, or with nothing."""
        state = self.reader.state(run)
        self.reader.kill()
        self.reader.close()
        self.reader = Driver(self.kind)
        self._connect()
        kept = {"cursor": state["cursor"], "text": state["text"]} if state.get("cursor") and self.rng.random() < 0.5 else {}
        self.reader.call("attach", run=run, run_id=self.run_id, timeout=130, **kept)
        self.restarts["client"] += 1

    def _restart_agent(self, run, said):
        """Its next life has the question from where the first has put it down, and keeps what is stored of the answer."""
        self.writer.kill()
        self.writer.close()
        self.writer = Driver(self.kind)
        self._call_agent()
        kept = self.writer.call("open", run=run, keep="all", envelope=self.envelope, **PROMISE)["kept"]
        assert said.startswith(kept), (said, kept)
        self._subscribe()
        self.restarts["agent"] += 1
        return kept

    # Who is there.

    def _connect(self):
        self.reader.call("connect", url=self._front.ws_url, token=self._token, **PATIENCE)

    def _call_agent(self):
        self.writer.call("agent", url=self._back.url, key=self.gateway.api_key, producer=self._producer)

    def _subscribe(self):
        self.writer.call("subscribe", channel="guide", group="agents")

    def _take(self, run) -> bool:
        """Waits until the agent has the question; of those before, an acknowledgement may have been lost. False: each of the
        five deliveries that a group gets was lost, and the client is told that no agent began."""
        while True:
            try:
                envelope = self.writer.call("next", timeout_s=10)["envelope"]
            except DriverError as error:
                assert error.code == "timeout", error
                state = self.reader.state(run)
                if state["status"] == "abandoned":
                    assert (state["text"], state["error"]["code"]) == ("", "no_agent"), state
                    return False
                continue
            if envelope["run"]["run_id"] == self.run_id:
                self.envelope = envelope
                return True
            self.writer.call("ack", timeout=130)

    # Bytes that go through, (down, up). The beginning of a connection is cut, too; some live for long enough for a whole
    # answer. Of agents' calls it is mostly the answer that is lost: they are made, and made again.

    def _client_limits(self):
        down = self.rng.randrange(self.rng.choice((500, 2000, 2000, 2000, 40_000)))
        return down, self.rng.randrange(900) if self.rng.random() < 0.1 else None

    def _agent_limits(self):
        if self.rng.random() < 0.2:
            return None, self.rng.randrange(100, 3000)
        return self.rng.randrange(self.rng.choice((1000, 4000, 4000, 40_000))), None
