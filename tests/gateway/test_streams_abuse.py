"""What hostile or clumsy holders of a key do to plain streams."""

import socket
import uuid

import pytest

from support.api import assert_refused
from support.gateway import Gateway, is_sanitized
from support.wait import eventually

KEY = "key-of-a-writer-0123456789"
OTHERS_KEY = "key-of-another-0123456789"
TEXT = {"content-type": "text/plain"}
OPEN = 20


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "gateway.toml"
    realms = {"shop": KEY, "elsewhere": OTHERS_KEY}
    file.write_text("\n".join(f'[[api_keys]]\nrealm = "{realm}"\nkey = "{key}"\nscopes = ["runs"]\n' for realm, key in realms.items()))
    with Gateway("--config", str(file), "--max-open-runs-per-realm", str(OPEN), "--run-bytes", "64KiB", "--api-body-bytes", "128KiB") as started:
        yield started


@pytest.fixture
def api(gateway):
    return gateway.api_with(KEY)


@pytest.fixture
def path(api):
    path = f"/v1/stream/{uuid.uuid4().hex}"
    assert api.request("PUT", path, headers=TEXT).status_code == 201
    yield path
    api.request("DELETE", path)


def post(api, path, content, **headers):
    return api.request("POST", path, content=content, headers=TEXT | {name.replace("_", "-"): value for name, value in headers.items()})


def test_too_many_streams(gateway, api):
    paths = [f"/v1/stream/many-{i}" for i in range(OPEN + 5)]
    answers = [api.request("PUT", path, headers=TEXT) for path in paths]
    assert [answer.status_code for answer in answers] == [201] * OPEN + [429] * 5
    assert_refused(answers[-1], 429, "resource_exhausted")
    assert answers[-1].headers["retry-after"] == "1"
    assert gateway.api_with(OTHERS_KEY).request("PUT", "/v1/stream/theirs", headers=TEXT).status_code == 201
    for path in paths[:OPEN]:
        assert api.request("DELETE", path).status_code == 204
    assert api.request("PUT", paths[-1], headers=TEXT).status_code == 201
    assert api.request("DELETE", paths[-1]).status_code == 204


def test_giant_bodies(api, path):
    assert_refused(post(api, path, b"x" * (64 * 1024 + 1)), 413, "stream_too_large")
    assert post(api, path, b"x" * (128 * 1024 + 1)).status_code == 413
    assert_refused(api.request("PUT", f"{path}-2", content=b"x" * (64 * 1024 + 1), headers=TEXT), 413, "stream_too_large")
    assert post(api, path, b"x" * 64 * 1024).status_code == 204
    assert_refused(post(api, path, b"x"), 413, "stream_too_large")


def test_a_thousand_producers_cost_no_more_than_their_bound(gateway, api, path):
    before = None
    for i in range(1000):
        answer = eventually(lambda i=i: (said := post(api, path, b"x", Producer_Id=f"{i:0128}", Producer_Epoch="0", Producer_Seq="0")).status_code == 200 and said)
        assert answer.headers["producer-seq"] == "0"
        before = before or (i == 100 and gateway.rss_bytes)
    if not is_sanitized():
        assert gateway.rss_bytes - before < 8 * 1024 * 1024
    assert post(api, path, b"x", Producer_Id=f"{999:0128}", Producer_Epoch="0", Producer_Seq="0").status_code == 204


@pytest.mark.parametrize("name", ["a%20b", "a%2Fb", "%00", "%0d%0aX:1", "ä", "a" * 129, "run_mine", "%7B%7D", "."  * 129])
def test_names_that_are_none(api, name):
    assert api.request("PUT", f"/v1/stream/{name}", headers=TEXT).status_code in (400, 404)


def send_raw(gateway, head: bytes) -> bytes:
    with socket.create_connection(gateway.address, 10) as connection:
        connection.sendall(head)
        return connection.recv(4096)


@pytest.mark.parametrize(
    "header",
    [b"Content-Type: text/plain\rX-Evil: 1", b"Content-Type: text/plain\x00", b"Content-Type: text/pl\x7fain", b"Content-Type: a/b;\xc3\xa4",
     b"Stream-TTL: 1\r\nStream-TTL: 2", b"Producer-Id: \x01"])
def test_headers_that_break_out(gateway, header):
    head = b"PUT /v1/stream/evil HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + KEY.encode() + b"\r\nContent-Length: 0\r\n"
    answer = send_raw(gateway, head + header + b"\r\n\r\n")
    assert b"X-Evil" not in answer
    assert answer.startswith(b"HTTP/1.1 400") or (header.startswith(b"Producer") and answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 201")))


def test_a_host_that_would_break_out_of_location(gateway, api):
    head = b"PUT /v1/stream/evil HTTP/1.1\r\nHost: a\x0bb\r\nAuthorization: Bearer " + KEY.encode() + b"\r\nContent-Length: 0\r\n\r\n"
    assert send_raw(gateway, head).startswith(b"HTTP/1.1 400")


def test_bytes_are_stored_as_they_come(api, path):
    marked = b"\xef\xbb\xbf\x1f\x8b\x00"
    assert post(api, path, marked).status_code == 204
    assert api.get(path).content == marked
    assert_refused(post(api, path, b"x", Content_Encoding="gzip"), 415)


def test_it_can_be_switched_off(gateway_factory):
    api = gateway_factory("--streams", "off").api
    assert_refused(api.request("PUT", "/v1/stream/x", headers=TEXT), 403, "permission_denied")
    assert_refused(api.request("PUT", "/v1/stream/__ds/subscriptions/x", headers=TEXT), 501, "not_implemented")
