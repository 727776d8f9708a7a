"""/asyncapi.json held by the official parser of AsyncAPI, which also judges it by its own rules."""

import json
import subprocess

import pytest

from support.gateway import REPOSITORY

PARSE = REPOSITORY / "tests/documents/asyncapi/parse.mjs"


@pytest.fixture(scope="module")
def parser():
    script = subprocess.run([REPOSITORY / "scripts/lib/asyncapi_parser.sh"], capture_output=True, text=True, check=False)
    assert script.returncode == 0, script.stderr
    directory = script.stdout.strip()

    def parse(document):
        # Node looks for packages beside the program: it is given on standard input, in their directory.
        parsed = subprocess.run([f"{directory}/node", "--input-type=module", "-", document], cwd=directory,
                                input=PARSE.read_text(), capture_output=True, text=True, timeout=120, check=False)  # fmt: skip
        assert parsed.returncode == 0, parsed.stderr
        return json.loads(parsed.stdout)

    return parse


@pytest.fixture(scope="module")
def served(gateway, tmp_path_factory):
    file = tmp_path_factory.mktemp("asyncapi") / "asyncapi.json"
    file.write_bytes(gateway.api_with(None).get("/asyncapi.json").content)
    return file


def test_the_parser_has_nothing_to_say_against_it(parser, served):
    parsed = parser(served)
    assert parsed["diagnostics"] == []
    assert set(parsed["operations"]) == {"receiveFromClient", "sendToClient"}
    document = json.loads(served.read_text())
    for name, messages in parsed["operations"].items():
        listed = document["operations"][name]["messages"]
        assert messages == [message["$ref"].rsplit("/", 1)[1] for message in listed]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document["operations"]["sendToClient"].update(action="shout"),
        lambda document: document["channels"]["websocket"]["messages"].pop("ack"),
        lambda document: document["components"]["messages"]["ack"]["payload"].update(type="thing"),
        lambda document: document.update(asyncapi="3.0.0"),
    ],
    ids=["an unknown action", "a reference to nothing", "an unknown type", "an older version"],
)
def test_and_says_so_when_there_is_something(parser, served, tmp_path, break_it):
    document = json.loads(served.read_text())
    break_it(document)
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(document))
    assert parser(broken)["diagnostics"]
