"""deploy/systemd/websocket-gateway.service, as systemd itself reads it. No systemd runs it here."""

import re
import subprocess

import pytest

from support.gateway import REPOSITORY, Gateway, binary_path, environment, run_to_exit

UNIT = REPOSITORY / "deploy/systemd/websocket-gateway.service"
EXPOSURE_MAX = 15  # tenths: 1.5 of 10, "OK"


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """The unit with a program that is there."""
    file = tmp_path_factory.mktemp("unit") / UNIT.name
    text = UNIT.read_text()
    assert text.count("/usr/local/bin/websocket-gateway") == 1
    file.write_text(text.replace("/usr/local/bin/websocket-gateway", str(binary_path())))
    return file


def analyze(*arguments):
    return subprocess.run(["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def values(name) -> list:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


def test_systemd_finds_nothing_wrong(unit):
    result = analyze("verify", "--recursive-errors=no", unit)
    assert result.returncode == 0 and not result.stderr.strip(), result.stderr


def test_its_socket_is_sound_beside_it(unit):
    """And the gateway asks for it by the name that it has."""
    socket = unit.parent / "websocket-gateway.socket"
    socket.write_text((UNIT.parent / socket.name).read_text())
    result = analyze("verify", "--recursive-errors=no", socket, unit)
    assert result.returncode == 0 and not result.stderr.strip(), result.stderr
    name = re.search(r"^FileDescriptorName=(.*)$", socket.read_text(), re.MULTILINE)[1]
    checked = run_to_exit("--listen", f"systemd:{name}", "--check-config", env={"GATEWAY_API_KEY": "0123456789abcdef"})
    assert checked.returncode == 0, checked.stderr


def test_little_is_exposed(unit):
    result = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_MAX}", unit)
    assert result.returncode == 0, result.stdout


def test_a_drain_is_not_cut_short():
    drain = int(re.search(r"GATEWAY_DRAIN_TIMEOUT=(\d+)s", values("Environment")[0])[1])
    assert int(values("TimeoutStopSec")[0].removesuffix("s")) >= drain + 5
    assert values("KillSignal") == ["SIGTERM"]


def test_the_gateway_takes_its_variables(tmp_path):
    settings = tmp_path / "settings"
    settings.write_text('listen = ["0.0.0.0:8000"]\n')
    env = dict(pair.split("=", 1) for pair in values("Environment")[0].split())
    flags = values("ExecStart")[0].replace("${CREDENTIALS_DIRECTORY}/settings", str(settings)).split()[1:]
    result = run_to_exit(*flags, "--check-config", env=env | {"GATEWAY_API_KEY": "0123456789abcdef"})
    assert result.returncode == 0, result.stderr


def test_wrong_settings_are_not_tried_again():
    assert run_to_exit("--no-such-flag").returncode == int(values("RestartPreventExitStatus")[0])


def allowed_calls() -> set:
    """What the unit's SystemCallFilter lets through: its words with the groups of systemd resolved."""
    allowed = set()
    for line in values("SystemCallFilter"):
        calls = set().union(*(members(word) for word in line.removeprefix("~").split()))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    return allowed


def members(word) -> set:
    if not word.startswith("@"):
        return {word}
    listed = analyze("syscall-filter", word).stdout
    words = [line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(members(inner) for inner in words))


def test_every_system_call_of_a_whole_life_is_allowed(tmp_path):
    """Start, a client, an agent, a fan-out and a drain, under strace."""
    trace = tmp_path / "trace"
    with Gateway("--shards", "2") as gateway:
        tracer = subprocess.Popen(["strace", "-f", "-q", "-c", "-o", trace, "-p", str(gateway.pid)], stderr=subprocess.PIPE)
        try:
            clients = [gateway.connect() for _ in range(20)]
            agent = gateway.subscribe("guide")
            assert clients[0].say(id=1)["status"] == "published"
            assert agent.envelope()["channel"] == "guide"
            gateway.api.publish("guide", {"to": "all"})
            assert [client.receive() for client in clients] == [{"to": "all"}] * 20
        finally:
            gateway.stop()
            tracer.wait(30)
    started = tmp_path / "started"
    command = ["strace", "-f", "-q", "-c", "-o", started, binary_path(), "--print-config"]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    seen = set()
    for file in (trace, started):
        seen |= {line.split()[-1] for line in file.read_text().splitlines() if re.match(r"\s*\d+\.\d+\s", line)}
    seen.discard("total")
    assert {"epoll_wait", "sendmsg"} & seen or "write" in seen
    assert seen - allowed_calls() == set()
