"""deploy/compose.yaml, without a container engine: what can be told from the file and the gateway itself."""

import re

import pytest
import yaml

from support.gateway import REPOSITORY, run_to_exit

DEPLOY = REPOSITORY / "deploy"


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def gateways(compose):
    return {name: service for name, service in compose["services"].items() if name.startswith("gateway-")}


def seconds(text) -> float:
    return float(re.fullmatch(r"(\d+)s", text)[1])


def test_it_has_the_parts(compose, gateways):
    assert set(compose["services"]) == {"redis", "consul", "traefik", "collector", *gateways}
    assert len(gateways) == 2
    for name, service in compose["services"].items():
        assert re.fullmatch(r"websocket-gateway|[\w./-]+:[\w.-]+", service["image"]), f"{name}: pin the image"


def test_what_is_named_is_there(compose):
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), volume
            else:
                assert source.startswith("/") or source in compose["volumes"], volume
        assert set(service["networks"]) <= set(compose["networks"]), name
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_whoever_is_waited_for_has_a_health_check(compose):
    for service in compose["services"].values():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in compose["services"][other], other


def test_the_gateway_takes_every_variable(gateways):
    for name, service in gateways.items():
        env = service["environment"] | {"GATEWAY_LISTEN": "0.0.0.0:8000", "GATEWAY_API_KEY": "0123456789abcdef"}
        result = run_to_exit("--check-config", env=env)
        assert result.returncode == 0, f"{name}: {result.stderr}"
        assert not result.stderr, result.stderr


def test_no_secret_has_a_default(gateways):
    """Started as the example stands, the gateway refuses."""
    example = (DEPLOY / "gateway.env.example").read_text()
    assert re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE) == [("GATEWAY_API_KEY", "")]
    for service in gateways.values():
        assert service["env_file"] == "gateway.env" and "GATEWAY_API_KEY" not in service["environment"]
        env = service["environment"] | {"GATEWAY_LISTEN": "0.0.0.0:8000", "GATEWAY_API_KEY": ""}
        assert run_to_exit("--check-config", env=env).returncode == 2


def test_gateways_have_names_of_their_own(gateways):
    assert len({service["environment"]["GATEWAY_INSTANCE_ID"] for service in gateways.values()}) == len(gateways)


def test_consul_is_told_where_each_is(compose, gateways):
    for name, service in gateways.items():
        assert service["environment"]["GATEWAY_ADVERTISE"] == name
        assert service["environment"]["GATEWAY_CONSUL_URL"].removeprefix("http://").split(":")[0] in compose["services"]


def test_the_collector_is_where_they_send(compose, gateways):
    receivers = yaml.safe_load((DEPLOY / "collector.yaml").read_text())["receivers"]["otlp"]["protocols"]
    for service in gateways.values():
        protocol = service["environment"]["OTEL_EXPORTER_OTLP_PROTOCOL"]
        host, port = service["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://").split(":")
        assert host in compose["services"] and receivers[protocol]["endpoint"] == f"0.0.0.0:{port}"


def test_clients_are_sent_to_traefik(compose, gateways):
    """Not to a name of the inside, which discovery would answer with."""
    (port,) = compose["services"]["traefik"]["ports"]
    outside = port.split(":")[1]
    assert {service["environment"]["GATEWAY_PUBLIC_URL"] for service in gateways.values()} == {f"ws://localhost:{outside}"}


def test_a_drain_is_not_cut_short(gateways):
    for service in gateways.values():
        drain = seconds(service["environment"]["GATEWAY_DRAIN_TIMEOUT"])
        assert seconds(service["stop_grace_period"]) >= drain + 5


def test_the_proxy_is_trusted_and_nobody_else(compose, gateways):
    address = compose["services"]["traefik"]["networks"]["inside"]["ipv4_address"]
    assert {service["environment"]["GATEWAY_TRUSTED_PROXY"] for service in gateways.values()} == {address}


def test_what_asks_for_no_password_is_out_of_the_proxys_reach(compose, gateways):
    services, networks = compose["services"], compose["networks"]
    reached = set(services["traefik"]["networks"])
    for name in ("redis", "consul"):
        (network,) = services[name]["networks"]
        assert networks[network]["internal"] and network not in reached
        assert "ports" not in services[name]
        beside = {other for other, service in services.items() if network in service["networks"]}
        assert beside == {"redis", "consul", *gateways}


def nested(labels) -> dict:
    """Labels as Traefik reads them: each dot a level; the content as text."""
    tree = {}
    for label, content in labels.items():
        *levels, last = label.split(".")
        place = tree
        for level in levels:
            place = place.setdefault(level, {})
        place[last] = content
    return tree


def as_text(tree):
    """A file's content in the form of labels: lists joined, numbers as text."""
    if isinstance(tree, dict):
        return {key: as_text(content) for key, content in tree.items()}
    return ",".join(tree) if isinstance(tree, list) else str(tree)


def test_the_labels_say_what_the_file_provider_says(gateways):
    file = yaml.safe_load((DEPLOY / "traefik/gateway.yaml").read_text())["http"]
    balancer = file["services"]["gateway"]["loadBalancer"]
    del balancer["servers"]
    expected = as_text(file)
    expected["services"]["gateway"]["loadBalancer"]["server"] = {"port": "8000"}
    for service in gateways.values():
        assert nested(service["labels"])["traefik"] == {"enable": "true", "http": expected}


def test_traefik_has_the_same_waiting_times(compose):
    static = yaml.safe_load((DEPLOY / "traefik/traefik.yaml").read_text())
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in compose["services"]["traefik"]["command"])
    expected = {}
    for name, value in static["entryPoints"]["web"]["transport"]["respondingTimeouts"].items():
        expected[f"entryPoints.web.transport.respondingTimeouts.{name}"] = value
    for name, value in static["serversTransport"]["forwardingTimeouts"].items():
        expected[f"serversTransport.forwardingTimeouts.{name}"] = value
    assert {name: flags.get(name) for name in expected} == expected
