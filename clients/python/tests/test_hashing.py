import random

import pytest

from websocket_gateway.hashing import EMPTY, fold, hash_text, parse_cursor, parse_hash


def slowly(data):
    one = other = 0
    for byte in data:
        one = (one * 31415927 + byte + 1) % 67108859
        other = (other * 27182819 + byte + 1) % 67108837
    return one, other


def test_is_what_the_protocol_says():
    data = random.Random(1).randbytes(20_000)
    assert fold(data) == slowly(data)
    assert hash_text(fold(b"")) == "0" * 14


def test_folds_however_it_is_cut():
    rng = random.Random(2)
    data, value, at = rng.randbytes(30_000), EMPTY, 0
    while at < len(data):
        size = rng.choice([0, 1, 7, 4095, 4096, 4097])
        value = fold(data[at : at + size], value)
        at += size
    assert value == fold(data)


def test_cursors_of_either_form():
    assert parse_cursor("1.15131.1c8441d38a51ad") == parse_cursor("0001.000000015131.1c8441d38a51ad")
    assert parse_cursor("1.15131.1c8441d38a51ad") == (1, 15131, parse_hash("1c8441d38a51ad"))
    for bad in ("", "1.2", "1.2.3", "a.1.1c8441d38a51ad", "1.-2.1c8441d38a51ad"):
        with pytest.raises(ValueError):
            parse_cursor(bad)
