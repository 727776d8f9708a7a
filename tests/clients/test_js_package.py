"""The npm package as a user has it: packed, installed into an empty directory, and its README tried."""

import json
import re
import subprocess

import pytest

from clients.js_pages import js_client
from support.gateway import REPOSITORY
from support.run_copies import Owner

GATEWAY_FLAGS = ("--log-level", "error")
# For TypeScript as today's Node and as bundlers see it; as CommonJS too.
USER_TS = """
import { connect, GatewayError, type Run } from 'websocket-gateway-client';
import { resumable } from 'websocket-gateway-client/resumable';
import { agent, type Envelope } from 'websocket-gateway-client/producer';
const gateway = connect('ws://host/ws', { token: async () => 'token' });
const run: Run = gateway.ask('guide', { message: 'hello' }, { thread_id: 't' });
run.on('delta', (text, message) => { const n: number = text.length + message.pos; void n; });
gateway.on('state', (state, error) => { if (state === 'closed' && error instanceof GatewayError) error.code.trim(); });
for await (const text of run) text.trim();
const f: typeof fetch = resumable();
agent('http://host', { key: 'k', fetch: f }).run({} as Envelope, async (owned) => { await owned.append('text'); });
// @ts-expect-error there is no such event
run.on('nonsense', () => {});
"""


@pytest.fixture(scope="module")
def node():
    """What scripts/lib/js_client.sh has put beside the package: (node, the arguments that make it npm)."""
    program = js_client() / "node"
    npm = program.resolve().parents[1] / "lib/node_modules/npm/bin/npm-cli.js"
    return program, [program, npm]


def run(command, timeout=60, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, **options)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(node, tmp_path_factory):
    """An empty directory but for the installed package; and what npm has packed."""
    _, npm = node
    home, packed = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("packed")
    told = json.loads(run([*npm, "pack", "--json", "--ignore-scripts", "--pack-destination", packed], cwd=js_client()))
    # A list of packages, or since npm 12 an object of them by name.
    told = told[0] if isinstance(told, list) else next(iter(told.values()))
    (home / "package.json").write_text('{"private":true,"type":"module"}')
    run([*npm, "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", packed / told["filename"]], cwd=home)
    return home, {file["path"] for file in told["files"]}


def test_the_console_has_it_as_it_is_built():
    """A build of the gateway needs no npm: what its page embeds is in the tree, and is this."""
    built = js_client() / "dist/index.global.js"
    embedded = REPOSITORY / "src/post_office/console/client.js"
    assert embedded.read_bytes() == built.read_bytes(), f"copy {built} to {embedded}"


def test_ships_what_is_needed_and_nothing_else(installed):
    home, files = installed
    beside = {"README.md", "LICENSE", "package.json"}
    assert beside <= files
    assert all(re.fullmatch(r"dist/\w+(\.global)?\.(js|cjs|d\.ts|d\.cts)", file) for file in files - beside), files
    assert [path.name for path in (home / "node_modules").iterdir() if not path.name.startswith(".")] == ["websocket-gateway-client"]
    assert "dependencies" not in json.loads((home / "node_modules/websocket-gateway-client/package.json").read_text())


def test_the_first_example_runs(gateway, installed, node):
    home, _ = installed
    readme = (home / "node_modules/websocket-gateway-client/README.md").read_text()
    example = re.search(r"```js\n(.*?)```", readme, re.DOTALL)[1]
    for before, after in (("ws://127.0.0.1:8000/ws", gateway.ws_url), ("the session token", gateway.new_session())):
        assert before in example
        example = example.replace(before, after)
    (home / "example.js").write_text(example)
    agent = gateway.subscribe("guide")
    process = subprocess.Popen([node[0], "example.js"], cwd=home, stdout=subprocess.PIPE, text=True)
    try:
        envelope = agent.envelope()
        assert envelope["message"]["payload"] == {"message": "Tell me a story"}
        owner = Owner.claim(gateway.api, envelope["run"]["run_id"])
        owner.append("Once upon a time")
        assert process.stdout.readline() == "Once upon a time\n"
        owner.append(" there was a log.")
        owner.end()
        assert process.communicate(timeout=20)[0] == " there was a log.\ncompleted true\n"
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("entry", ["", "/resumable", "/producer"])
def test_is_there_for_modules_and_for_require(installed, node, entry):
    home, _ = installed
    names = {"": "GatewayError,connect", "/resumable": "resumable", "/producer": "AgentError,Refused,agent,textOf"}[entry]
    package = f"websocket-gateway-client{entry}"
    as_module = f"console.log(Object.keys(await import('{package}')).filter((name) => name !== 'module.exports').sort().join())"
    (home / "required.cjs").write_text(f"console.log(Object.keys(require('{package}')).sort().join())")
    assert run([node[0], "--input-type=module", "-e", as_module], cwd=home).strip() == names
    assert run([node[0], "required.cjs"], cwd=home).strip() == names


@pytest.mark.parametrize("module, resolution, name", [
    ("nodenext", "nodenext", "user.ts"), ("nodenext", "nodenext", "user.cts"), ("esnext", "bundler", "user.ts")])  # fmt: skip
def test_has_types_for_every_way_of_importing(installed, node, module, resolution, name):
    home, _ = installed
    # CommonJS has no await outside of functions.
    text = USER_TS.replace("for await (const text of run) text.trim();", "") if name.endswith(".cts") else USER_TS
    (home / name).write_text(text)
    client = js_client()
    run([node[0], client / "node_modules/typescript/bin/tsc", "--noEmit", "--strict", "--target", "es2022", "--lib", "es2022,dom", "--types", "",
         "--module", module, "--moduleResolution", resolution, name], cwd=home)  # fmt: skip


def test_the_units_hold(node):
    """clients/js/test, which also measures that `connect` costs 4 kB at most."""
    client = js_client()
    tests = sorted((client / "test").glob("*.test.mjs"))
    run([node[0], "--test", "--test-timeout=30000", *tests], timeout=160, cwd=client)
