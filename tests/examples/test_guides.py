"""The programs of docs/guides, as they stand there but for the addresses, at a real gateway."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from support.chromium import FLAGS, chromium_path
from support.gateway import REPOSITORY
from support.process import Process
from support.run_copies import Owner, ask
from support.server_process import free_port
from support.tools import built
from support.wait import eventually

GUIDES = REPOSITORY / "docs/guides"
GATEWAY, SITE = "127.0.0.1:8000", "127.0.0.1:8080"
KEY = "0123456789abcdef"
GATEWAY_ENV = {"GATEWAY_API_KEY": KEY}
RUN = {
    "agent.md": ["python", "ts", "sh"],
    "page.md": ["html", "sh"],
    "own-page.md": ["python", "js", "sh"],
    "answers-that-survive.md": ["python"],
    "web-server.md": [],  # its program is examples/webhook_agent.py
}


def programs(guide) -> list[tuple[str, str]]:
    """The language and the text of each fenced block."""
    return re.findall(r"^```(\w+)\n(.*?)^```", (GUIDES / guide).read_text(), re.DOTALL | re.MULTILINE)


def program(guide, language) -> str:
    (text,) = [text for its, text in programs(guide) if its == language]
    return text


@pytest.fixture
def start():
    """Starts a process for one test, and kills it at its end."""
    with contextlib.ExitStack() as stack:

        def started(command, *, env, **options):
            process = Process(command, env=os.environ | env, text=True, **options)
            stack.callback(lambda: (process.kill(), process.process.communicate(timeout=20)))
            return process

        yield started


def test_no_program_is_left_out():
    assert {path.name: [language for language, _ in programs(path.name)] for path in GUIDES.iterdir()} == RUN


# agent.md


def python_agent(place):
    (place / "agent.py").write_text(program("agent.md", "python"))
    return [f"{built('python_client')}/venv/bin/python", place / "agent.py"]


def typescript_agent(place):
    """Linked as `npm install ../../clients/js` does it."""
    (place / "node_modules").mkdir()
    (place / "node_modules/websocket-gateway-client").symlink_to(built("js_client"))
    (place / "agent.mts").write_text(program("agent.md", "ts"))
    return [f"{built('js_client')}/node", place / "agent.mts"]


# What the user sees of a failure: the code and the words.
AGENTS = [(python_agent, "no_question"), (typescript_agent, "no_question")]


@pytest.mark.parametrize(("write", "code"), AGENTS, ids=["python", "typescript"])
def test_an_agent_answers_is_stopped_and_fails(gateway, start, tmp_path, write, code):
    start(write(tmp_path), env={"GATEWAY_URL": gateway.url, **GATEWAY_ENV})
    client = gateway.connect()
    _, copy = ask(client, "how are you?", id="answered")
    assert (copy.read_end(client)["status"], copy.text) == ("completed", "You said: how are you? ")
    _, copy = ask(client, "word " * 200, id="stopped")
    copy.read_until(client, lambda copy: copy.text.count("word") >= 3)
    client.send({"type": "cancel", "run_id": copy.run_id})
    end = copy.read_end(client)
    assert (end["status"], end["error"]) == ("cancelled", None) and copy.text.count("word") < 200
    _, copy = ask(client, " ", id="failed")
    end = copy.read_end(client)
    assert (end["status"], end["error"]) == ("failed", {"code": code, "message": "There is nothing to answer."})


@pytest.mark.parametrize("example", ["", "chat/agent.ts"], ids=["guide", "chat"])
def test_the_types_of_the_agent_hold(tmp_path, example):
    _, path = typescript_agent(tmp_path)
    if example:
        path.unlink()
        path = shutil.copy(REPOSITORY / "examples" / example, tmp_path / "agent.mts")
    modules = f"{built('js_client')}/node_modules"
    command = [f"{modules}/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext",
               "--typeRoots", f"{modules}/@types", "--types", "node", path]  # fmt: skip
    environment = os.environ | {"PATH": f"{os.path.dirname(os.path.realpath(built('js_client') + '/node'))}:{os.environ['PATH']}"}
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout


def test_the_shell_is_an_agent_too(gateway, start):
    command = ["sh", "-ec", "exec " + program("agent.md", "sh")]
    agent = start(command, env={"GATEWAY_URL": gateway.url, **GATEWAY_ENV}, cwd=REPOSITORY, start_new_session=True)
    try:
        client = gateway.connect()
        _, copy = ask(client, "hello", id="m1")
        assert copy.read_end(client)["status"] == "completed" and copy.text.startswith("Hello from ")
    finally:
        os.killpg(agent.pid, 9)  # with its curl


# page.md and own-page.md


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(browser):
    context = browser.new_context()
    made = context.new_page()
    made.set_default_timeout(20_000)
    yield made
    context.close()


@pytest.fixture
def site(gateway_factory):
    """The origin of a page, which is not served yet, and a gateway that lets it in."""
    origin = f"127.0.0.1:{free_port()}"
    return origin, gateway_factory("--allowed-origin", f"http://{origin}", env=GATEWAY_ENV)


def put_page(place, gateway, text):
    shutil.copy(f"{built('js_client')}/dist/index.js", place / "gateway-client.js")
    (place / "chat.html").write_text(text.replace(GATEWAY, gateway.url.removeprefix("http://")))


def open_page(page, address):
    """Its server has just been started. Only then: who goes to an address with a fragment again stays where he is."""

    def is_there():
        with contextlib.suppress(OSError), socket.create_connection(urlsplit(address).netloc.split(":"), timeout=5):
            return True

    eventually(is_there, message="the page is served")
    page.goto(address)


def asked(page, agent, gateway, question) -> Owner:
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Ask").click()
    envelope = agent.envelope()
    assert envelope["message"]["payload"] == {"message": question}
    return Owner.claim(gateway.api, envelope["run"]["run_id"], lease_ms=60_000)


def session_told(page, act) -> str:
    """What the site answers the page that asks for its session because of what `act` does."""
    with page.expect_response(lambda response: response.url.endswith("/session")) as told:
        act()
    return told.value.text()


def test_the_page_streams_goes_on_when_loaded_again_and_stops(site, start, page, tmp_path):
    origin, gateway = site
    noise = []
    page.on("pageerror", lambda error: noise.append(str(error)))
    put_page(tmp_path, gateway, program("page.md", "html"))
    command = program("page.md", "sh").replace(GATEWAY, gateway.url.removeprefix("http://"))
    made = subprocess.run(["sh", "-ec", command], capture_output=True, text=True, timeout=20, check=True)
    token = re.search(r'"session_id":"([^"]+)"', made.stdout)[1]
    start([sys.executable, "-m", "http.server", origin.split(":")[1], "--bind", "127.0.0.1", "--directory", tmp_path],
          env={}, stderr=subprocess.DEVNULL)  # fmt: skip
    agent = gateway.subscribe("guide")
    open_page(page, f"http://{origin}/chat.html#{token}")
    answer, status, stop = page.locator("#answer"), page.locator("#status"), page.get_by_role("button", name="Stop")
    expect(status).to_have_text("Ask something")
    expect(stop).to_be_disabled()
    owner = asked(page, agent, gateway, "a story")
    owner.append("Once upon ")
    expect(answer).to_have_text("Once upon ")
    page.reload()
    expect(answer).to_have_text("Once upon ")
    expect(status).to_have_text("in_progress")
    owner.append("a time")
    expect(answer).to_have_text("Once upon a time")
    stop.click()
    eventually(lambda: owner.record()["cancel_requested"], message="the stop has arrived")
    owner.end("cancelled")
    expect(status).to_have_text("cancelled")
    expect(stop).to_be_disabled()
    owner = asked(page, agent, gateway, "another")
    owner.append("No")
    owner.end("failed", error={"code": "tired", "message": "Come back tomorrow"})
    expect(status).to_have_text("failed: Come back tomorrow")
    expect(answer).to_have_text("No")
    assert noise == []


def test_a_site_gives_its_page_a_new_session_when_one_has_ended(site, start, page, tmp_path):
    origin, gateway = site
    text, was = program("page.md", "html"), re.compile(r"^ *const gateway = connect\(.*\n", re.MULTILINE)
    (line,) = was.findall(text)
    put_page(tmp_path, gateway, text.replace(line, program("own-page.md", "js")))
    served = program("own-page.md", "python").replace(GATEWAY, gateway.url.removeprefix("http://"))
    host, port = SITE.split(":")
    (tmp_path / "site.py").write_text(served.replace(f'"{host}", {port}', f'"{host}", {origin.split(":")[1]}'))
    start([sys.executable, "site.py"], env=GATEWAY_ENV, cwd=tmp_path, stderr=subprocess.DEVNULL)
    agent = gateway.subscribe("guide")
    first = session_told(page, lambda: open_page(page, f"http://{origin}/chat.html"))
    expect(page.locator("#status")).to_have_text("Ask something")
    assert session_told(page, page.reload) == first
    expect(page.locator("#status")).to_have_text("Ask something")
    owner = asked(page, agent, gateway, "a story")
    owner.append("Once ")
    expect(page.locator("#answer")).to_have_text("Once ")
    assert session_told(page, lambda: gateway.api.delete_session(first)) != first
    owner.append("more")
    owner.end()
    expect(page.locator("#answer")).to_have_text("Once more")
    expect(page.locator("#status")).to_have_text("completed")


def test_curl_says_what_1006_hides(gateway_factory):
    curl = program("own-page.md", "sh")
    origin = re.search(r"Origin: ([^']+)", curl)[1]
    for flags, status, said in (((), "403 Forbidden", "origin_not_allowed"),
                                (("--allowed-origin", origin), "101 Switching Protocols", "invalid session")):  # fmt: skip
        gateway = gateway_factory(*flags, env=GATEWAY_ENV)
        command = curl.replace(GATEWAY, gateway.url.removeprefix("http://"))
        told = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20).stdout.decode(errors="replace")
        assert told.startswith(f"HTTP/1.1 {status}") and said in told, told


# answers-that-survive.md


def test_an_answer_outlives_its_gateway(redis, cluster, start, tmp_path):
    first = cluster.start("--reuse-port", "on")
    second = cluster.start("--reuse-port", "on", "--listen", f"127.0.0.1:{first.port}")
    (tmp_path / "follow.py").write_text(program("answers-that-survive.md", "python"))
    key = {"GATEWAY_URL": first.url, "GATEWAY_API_KEY": first.api_key}
    start([sys.executable, REPOSITORY / "examples/agent.py", "--delay", "0.01"], env=key, stderr=subprocess.DEVNULL)
    session = {"GATEWAY_WS_URL": first.ws_url, "SESSION_TOKEN": first.new_session()}
    python, said = f"{built('python_client')}/venv/bin/python", tmp_path / "said"
    with said.open("w") as output:
        follower = start([python, tmp_path / "follow.py"], env=session, stdout=output, stderr=subprocess.PIPE)
    eventually(lambda: " 10 " in said.read_text(), message="the answer has begun")
    with redis.client() as client:

        def holder():
            return next((gateway for gateway in (first, second)
                         if client.scard(f"websocket:gateway:{gateway.instance_id}:connections")), None)  # fmt: skip

        eventually(holder, message="it is registered").crash()
    assert " 300" not in said.read_text(), "it was over before"
    assert follower.wait_exit(60) == 0
    counted = " ".join(str(n + 1) for n in range(300))
    assert said.read_text() == f"{counted}\ncompleted, verified: True\n"
    states = follower.process.stderr.read().split()
    assert states.count("[open]") == 2 and "[waiting]" in states, states
