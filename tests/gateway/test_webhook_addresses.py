"""A webhook leads to the hosts of the list and nowhere else, whatever a name, a redirect or a resolver says."""

import ssl
import time

import pytest

from support.api import assert_refused
from support.certificates import make_certificates
from support.gateway import Gateway, run_to_exit
from support.hook_server import SUBSCRIBE, HookServer, redirect, subscribe
from support.own_hosts import own_hosts
from support.wait import eventually

FLAGS = ("--webhook-attempts", "2", "--webhook-timeout", "1s")
ON_LIST = "hooks.example.org,*.example.net,inside.example.org=127.0.0.0/8,127.0.0.1"
PRIVATE = ["127.0.0.1", "127.1.2.3", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0",
           "::ffff:127.0.0.1", "fd00:ec2::254", "fe80::1", "224.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]  # fmt: skip


@pytest.fixture(scope="module")
def hosts():
    with own_hosts() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(hosts):
    with Gateway(*FLAGS, "--webhook-hosts", ON_LIST, "--log-level", "debug", binary=hosts.program) as started:
        yield started


@pytest.fixture
def hook():
    with HookServer(host="0.0.0.0") as server:
        yield server


@pytest.fixture
def client(gateway):
    return gateway.connect()


def here(gateway, made):
    return gateway.api.get(f"{SUBSCRIBE}/{made['subscription_id']}").json()["here"]


def failed(gateway, client, hook, made, why):
    """A message reaches nobody, and the webhook says why."""
    client.say()
    eventually(lambda: why in (here(gateway, made)["last_failure"] or ""))
    eventually(lambda: here(gateway, made)["waiting"] == 0)
    assert hook.posted == []


@pytest.mark.parametrize("name", ["other.example.org", "example.net", "a.b.example.net", "hooks.example.org.evil.test", "localhost", "127.0.0.2", "[::1]", "10.0.0.1"])
def test_a_host_that_is_not_on_the_list_is_refused(gateway, hook, name):
    body = {"channel": "guide", "callback": hook.url(name), "realm": "shop"}
    assert_refused(gateway.api.post(SUBSCRIBE, body), 403)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_on_the_list_does_not_lead_inside(gateway, hosts, hook, client, address):
    hosts.name("hooks.example.org", address)
    made = subscribe(gateway.api, hook, url=hook.url("hooks.example.org"))
    failed(gateway, client, hook, made, "no address of hooks.example.org may be connected to")
    gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")


def test_nor_does_one_that_an_asterisk_names(gateway, hosts, hook, client):
    hosts.name("any.example.net", "127.0.0.1")
    made = subscribe(gateway.api, hook, url=hook.url("ANY.example.net"))
    failed(gateway, client, hook, made, "no address of any.example.net")
    gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")


def test_of_several_addresses_only_those_that_may_be_are_tried(gateway, hosts, hook, client):
    # 192.0.2.1 would be tried first, were it not for documentation.
    hosts.name("inside.example.org", "192.0.2.1", "127.0.0.1")
    made = subscribe(gateway.api, hook, url=hook.url("inside.example.org"))
    client.say()
    assert hook.next().headers["host"] == f"inside.example.org:{hook.port}"
    gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")


def test_a_name_that_changes_its_mind_is_looked_up_for_each_request(gateway, hosts, hook, client):
    hosts.name("inside.example.org", "127.0.0.1")
    made = subscribe(gateway.api, hook, url=hook.url("inside.example.org"))
    client.say()
    hook.next()
    hosts.name("inside.example.org", "10.0.0.1")
    hook.posted.clear()
    failed(gateway, client, hook, made, "no address of inside.example.org")
    gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")


@pytest.mark.parametrize("target", ["http://127.0.0.1:{port}/inside", "http://169.254.169.254/latest/meta-data/", "/elsewhere"])
def test_a_redirect_is_not_followed(gateway, hook, client, target):
    with HookServer() as inside:
        hook.answer = redirect(target.format(port=inside.port))
        made = subscribe(gateway.api, hook)
        client.say()
        for _ in range(2):
            assert hook.next().path == "/hook"
        eventually(lambda: here(gateway, made)["waiting"] == 0)
        assert here(gateway, made)["last_failure"] == "it redirects, which is not followed"
        assert inside.posted == []
        gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")


def test_a_name_without_an_address_fails(gateway, hook, client):
    made = subscribe(gateway.api, hook, url=hook.url("nowhere.example.net"))
    failed(gateway, client, hook, made, "can't resolve nowhere.example.net")
    gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    make_certificates(directory)
    return directory


def tls_server(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    return HookServer(context=context)


def test_over_tls_the_server_has_to_be_who_it_says(hosts, certificates):
    hosts.name("localhost", "127.0.0.1")
    hosts.name("other.example.org", "127.0.0.1")
    names = ("localhost=127.0.0.1", "other.example.org=127.0.0.1")
    flags = (*FLAGS, "--webhook-hosts", ",".join(names), "--webhook-ca-file", certificates / "ca.crt")
    with Gateway(*flags, binary=hosts.program) as gateway, tls_server(certificates) as hook:
        client = gateway.connect()
        made = subscribe(gateway.api, hook, url=hook.url("localhost"))
        client.say()
        assert hook.next().verified(made["secret"])
        gateway.api.delete(f"{SUBSCRIBE}/{made['subscription_id']}")
        hook.posted.clear()
        made = subscribe(gateway.api, hook, url=hook.url("other.example.org"))
        failed(gateway, client, hook, made, "TLS handshake")


def test_and_be_known_to_somebody_who_is_trusted(certificates):
    with Gateway(*FLAGS, "--webhook-hosts", "127.0.0.1") as gateway, tls_server(certificates) as hook:
        made = subscribe(gateway.api, hook)
        failed(gateway, gateway.connect(), hook, made, "TLS handshake")


def test_the_list_can_be_changed_while_it_runs(tmp_path, hook):
    file = tmp_path / "gateway.toml"
    file.write_text('webhook_hosts = ["127.0.0.1"]\n')
    with Gateway(*FLAGS, "--config", file) as gateway:
        client = gateway.connect()
        made = subscribe(gateway.api, hook)
        client.say()
        hook.next()
        file.write_text('webhook_hosts = ["hooks.example.org"]\n')
        assert gateway.api.post("/api/admin/reload", {}).json()["changed"] == ["webhook-hosts"]
        hook.posted.clear()
        failed(gateway, client, hook, made, "its host is not among webhook-hosts")
        file.write_text("webhook_hosts = []\n")
        gateway.api.post("/api/admin/reload", {})
        client.say()
        time.sleep(0.3)
        file.write_text('webhook_hosts = ["127.0.0.1"]\n')
        gateway.api.post("/api/admin/reload", {})
        hook.next()


@pytest.mark.parametrize("entry", ["http://a", "a/b", "*", "*.", "a.*", "*.*.a", "a:0", "a:x", "a=10.0.0.1/8", "a=b", "127.1", "0x7f000001", "1.2.3.4=10.0.0.0/8", "[::1", "a b", "-a"])
def test_an_entry_that_is_none_stops_the_start(entry):
    ended = run_to_exit("--webhook-hosts", entry)
    assert ended.returncode == 2 and "webhook-hosts" in ended.stderr
