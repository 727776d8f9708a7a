"""The Python package as it is published: built, typed, installed, and doing what its README says."""

import os
import re
import subprocess
import zipfile

import pytest

from clients.driver import ROOT, installed
from support.wait import eventually

PACKAGE = ROOT / "clients/python"
GATEWAY_FLAGS = ("--session-policy", "optional", "--anonymous-channels", "guide", "--log-level", "error")


@pytest.fixture(scope="module")
def place():
    return installed("python")


# The lowest versions of what it depends on, and those that its tests are pinned to.
LOWEST, PINNED = "httpx==0.27.0\nwebsockets==14.0\n", (PACKAGE / "requirements.txt").read_text()


@pytest.fixture(scope="module", params=[LOWEST, PINNED], ids=["lowest", "pinned"])
def clean(place, tmp_path_factory, request):
    """A new environment with the wheel and what it asks for, and nothing of the checkout."""
    directory = tmp_path_factory.mktemp("clean")
    (directory / "constraints.txt").write_text(request.param)
    run(place / "venv/bin/python", "-m", "venv", "--without-pip", directory / "venv")
    [wheel] = (place / "dist").glob("*.whl")
    run(place / "venv/bin/python", "-m", "pip", "--python", directory / "venv/bin/python", "install", "--quiet",
        "--disable-pip-version-check", "-c", "constraints.txt", wheel, cwd=directory)  # fmt: skip
    return directory


def run(*command, **options):
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=150, **options)
    assert ended.returncode == 0, ended.stdout[-6000:]
    return ended.stdout


def programs():
    """Those of the README that are whole."""
    blocks = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    return [block for block in blocks if "asyncio.run(main())" in block]


def test_its_own_tests_pass(place):
    told = run(place / "venv/bin/python", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=PACKAGE)
    assert re.search(r"\d{3} passed", told) and "skipped" not in told, told[-500:]


def test_types_are_whole_and_the_readmes_programs_have_them(place, tmp_path):
    files = [tmp_path / f"program_{n}.py" for n, _ in enumerate(programs())]
    for file, text in zip(files, programs(), strict=True):
        file.write_text(text)
    assert len(files) == 2
    mypy = (place / "venv/bin/mypy", "--strict", "--cache-dir", tmp_path / "cache")
    assert "no issues found" in run(*mypy, PACKAGE / "src", cwd=tmp_path)
    assert "no issues found" in run(*mypy, *files, cwd=tmp_path)


def test_what_is_published_is_typed_and_licensed(place):
    [wheel], [source] = (place / "dist").glob("*.whl"), (place / "dist").glob("*.tar.gz")
    names = zipfile.ZipFile(wheel).namelist()
    assert "websocket_gateway/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)
    assert (PACKAGE / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert not [name for name in names if "test" in name]
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert re.findall(r"^Requires-Dist: (\w+)", metadata, re.MULTILINE) == ["httpx", "websockets"]
    assert source.name == "websocket_gateway_client-0.1.0.tar.gz"


def test_the_readmes_programs_run_where_nothing_else_is_installed(gateway, clean):
    agent, client = programs()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "PYTHON"))}
    environment |= {"GATEWAY_URL": gateway.url, "GATEWAY_WS_URL": gateway.ws_url, "GATEWAY_API_KEY": gateway.api_key}
    python, options = clean / "venv/bin/python", {"env": environment, "cwd": clean}
    agent_process = subprocess.Popen([python, "-c", agent], stderr=subprocess.PIPE, text=True, **options)
    try:
        told = run(python, "-c", client, **options)
        assert told == "You said: hello\ncompleted, verified: True\n"
        eventually(lambda: agent_process.poll() is None)
    finally:
        agent_process.terminate()
        agent_process.communicate(timeout=20)
