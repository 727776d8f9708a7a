"""What is shipped is hardened: read from the binary, whatever the build said."""

import re
import subprocess

import pytest

from support.gateway import binary_path


def read(*options) -> str:
    return subprocess.run(["readelf", "-W", *options, binary_path()], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def symbols():
    return set(re.findall(r"\bUND (\w+)", read("--dyn-syms")))


def test_its_place_in_memory_is_random():
    assert re.search(r"Type:\s+DYN", read("-h"))
    assert re.search(r"FLAGS_1.*\bPIE\b", read("-d"))


def test_its_tables_are_read_only_before_it_begins():
    assert "GNU_RELRO" in read("-l")
    assert re.search(r"FLAGS_1.*\bNOW\b", read("-d"))


def test_its_stack_is_no_code():
    assert re.search(r"GNU_STACK\s.*\sRW\s", read("-l"))


def test_a_stack_that_is_overwritten_is_noticed(symbols):
    assert "__stack_chk_fail" in symbols


def test_copies_are_checked_for_their_size(symbols):
    assert {name for name in symbols if re.fullmatch(r"__\w+_chk", name)} - {"__stack_chk_fail"}


def test_calls_go_to_beginnings_only():
    """Each function that is called through a pointer begins with the instruction for it (x86-64)."""
    if "X86-64" not in read("-h"):
        return
    code = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", "--disassemble=main", binary_path()], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"<main>:\n\s+\w+:\s+endbr64", code)
