"""deploy/helm/websocket-gateway, linted and rendered by a real helm, and judged by the schemas of Kubernetes."""

import json
import re
import subprocess
import tomllib

import httpx
import kubernetes_validate
import pytest
import yaml

from support.chart import CHART, KEY, RELEASE, Refused, container, helm, named, pod, render, rendered, variables
from support.gateway import REPOSITORY, Gateway, run_to_exit
from support.server_process import free_port
from support.tools import built
from support.wait import eventually

# The oldest that Chart.yaml allows, and the newest that there are schemas of.
KUBERNETES = ("1.27", kubernetes_validate.latest_version())
FULL = f"{RELEASE}-websocket-gateway"

EVERYTHING = {
    "image": {"digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {"channels": ["guide", "support"], "max_connections": 250000, "compression": True, "queue_age": "10m",
                 "consul_url": "http://consul:8500"},
    "apiKeys": [{"name": "ci", "realm": "ci", "key_sha256": "ab" * 32, "scopes": ["publish"], "channels": ["guide"], "tenant": "acme"}],
    "secrets": {"apiKey": {"name": "gateway-key"}, "redisUrl": {"name": "redis", "key": "url"}, "consulToken": {"name": "consul"}},
    "env": [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4317"}],
    "volumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "volumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
    "service": {"type": "LoadBalancer", "annotations": {"a": "b"}},
    "autoscaling": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "networkPolicy": {"clients": [{"podSelector": {"matchLabels": {"app": "traefik"}}}],
                      "egress": [{"to": [{"podSelector": {"matchLabels": {"app": "redis"}}}], "ports": [{"port": 6379}]}]},
    "serviceAccount": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "chat"},
    "priorityClassName": "high",
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"a": "b"}}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def plain():
    return render()


@pytest.fixture(scope="module")
def everything():
    return render(EVERYTHING)


@pytest.mark.parametrize("values", [KEY, EVERYTHING], ids=["plain", "everything"])
def test_lint_finds_nothing(values):
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, values=values)


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_object(plain, everything, version):
    for found in [*plain.values(), *everything.values()]:
        if found["kind"] != "ServiceMonitor":
            kubernetes_validate.validate(found, version, strict=True)


def test_a_misspelt_field_would_be_told(plain):
    """Else the test above would prove nothing."""
    wrong = plain["Deployment"] | {"spec": plain["Deployment"]["spec"] | {"minReadySecond": 5}}
    with pytest.raises(kubernetes_validate.ValidationError, match="minReadySecond"):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


def test_the_prometheus_operator_takes_its_object(everything):
    monitor = everything["ServiceMonitor"]
    assert judge(monitor) == ""
    wrong = monitor | {"spec": monitor["spec"] | {"endpoints": [{"port": "ops", "interval": "15 s"}]}}
    assert "interval" in judge(wrong)
    # It passes over names that it does not know.
    assert set(monitor["spec"]) == {"jobLabel", "selector", "endpoints"}
    assert {key for endpoint in monitor["spec"]["endpoints"] for key in endpoint} == {"port", "path", "interval", "scrapeTimeout"}


def judge(monitor) -> str:
    home, source = built("prometheus_operator"), REPOSITORY / "tests/deploy/prometheus-operator/judge.mjs"
    return subprocess.run([f"{home}/node", "--input-type=module", "-e", source.read_text()], cwd=home, text=True,
                          input=json.dumps(monitor), capture_output=True, timeout=60).stderr.strip()  # fmt: skip


def test_its_version_is_the_programs():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r"project\(websocket-gateway VERSION ([\d.]+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
    assert chart["appVersion"] == version
    assert run_to_exit("--version").stdout.split()[1].startswith(version)


class TestSettings:
    def test_the_gateway_takes_them(self, everything, tmp_path):
        file, env = settings_of(everything, tmp_path)
        result = run_to_exit(*container(everything)["args"][:1], file, "--print-config", env=env)
        assert result.returncode == 0, result.stderr
        taken = tomllib.loads(result.stdout)
        assert taken["max_connections"] == 250000 and taken["channels"] == ["guide", "support"]
        assert taken["listen"] == ["0.0.0.0:8000"] and taken["ops_listen"] == ["0.0.0.0:9000"]
        assert taken["log_format"] == "json" and taken["drain_timeout"] == "30s"
        assert taken["instance_id"] == "a-pod" and taken["advertise"] == "10.1.2.3"
        assert taken["api_keys"][0]["key_sha256"] == "ab" * 32
        assert "Warning" not in result.stdout

    def test_a_value_of_each_kind_reads_back(self):
        values = {"a": 7, "b": "1h", "c": ["x", 'y"'], "d": False, "e": 1000000000, "drain_timeout": 3}
        toml = render({"settings": values})["ConfigMap"]["data"]["gateway.toml"]
        assert {**tomllib.loads(toml), **values} == tomllib.loads(toml)

    def test_another_setting_is_another_pod(self, plain):
        def mark(objects):
            return objects["Deployment"]["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]

        assert mark(plain) == mark(render())
        assert mark(plain) != mark(render({"settings": {"queue_age": "1m"}}))

    def test_a_services_variables_stay_out(self, plain):
        """Of a release called gateway they would begin with GATEWAY_."""
        assert pod(plain)["enableServiceLinks"] is False


def settings_of(objects, directory):
    """(the settings file, the environment) as a pod would have them, with files for its secrets."""
    file = directory / "gateway.toml"
    file.write_text(objects["ConfigMap"]["data"]["gateway.toml"])
    env = {"GATEWAY_INSTANCE_ID": "a-pod", "GATEWAY_ADVERTISE": "10.1.2.3"}
    secrets = {"api-key": "0123456789abcdef", "redis-url": "redis://user:secret@redis:6379", "consul-token": "token"}
    for name, value in variables(objects).items():
        if name.endswith("_FILE"):
            secret = directory / value.rsplit("/", 1)[1]
            secret.write_text(secrets[secret.name])
            value = str(secret)
        env[name] = value
    return file, env


class TestSecrets:
    def test_they_are_named_and_never_there(self, everything):
        (volume,) = [each for each in pod(everything)["volumes"] if each["name"] == "secrets"]
        named_keys = {(each["secret"]["name"], each["secret"]["items"][0]["key"], each["secret"]["items"][0]["path"])
                      for each in volume["projected"]["sources"]}  # fmt: skip
        assert named_keys == {("gateway-key", "api-key", "api-key"), ("redis", "url", "redis-url"), ("consul", "consul-token", "consul-token")}
        (mount,) = [each for each in container(everything)["volumeMounts"] if each["name"] == "secrets"]
        for name, _, path in named_keys:
            assert f"{mount['mountPath']}/{path}" in variables(everything).values(), name
        assert not {"Secret"} & set(everything)

    def test_the_gateways_group_alone_may_read_them(self, everything):
        (volume,) = [each for each in pod(everything)["volumes"] if each["name"] == "secrets"]
        assert volume["projected"]["defaultMode"] == 0o440
        assert pod(everything)["securityContext"]["fsGroup"] == pod(everything)["securityContext"]["runAsGroup"]

    def test_an_address_with_a_password_is_refused(self):
        with pytest.raises(Refused, match="secrets.redisUrl"):
            render({"settings": {"redis_url": "redis://:secret@redis"}})

    def test_a_key_as_a_variable_is_refused(self):
        with pytest.raises(Refused, match="env"):
            render({"env": [{"name": "GATEWAY_API_KEY", "value": "0123456789abcdef"}]})


class TestRefusals:
    def test_without_a_key(self):
        with pytest.raises(Refused, match="does not start without a key"):
            render({"secrets": {}})

    @pytest.mark.parametrize("values", [{"replicas": 2}, {"replicas": 1, "autoscaling": {"enabled": True}}])
    def test_more_than_one_on_the_memory_engine(self, values):
        with pytest.raises(Refused, match="memory engine"):
            render({"settings": {"engine": "memory"}} | values)
        assert render({"settings": {"engine": "memory"}, "replicas": 1})

    def test_scaling_by_nothing(self):
        with pytest.raises(Refused, match="autoscaling by nothing"):
            render({"autoscaling": {"enabled": True, "connections": 0, "cpuPercent": 0}})

    @pytest.mark.parametrize(
        "values",
        [{"replica": 3}, {"image": {"tga": "1"}}, {"settings": {"listen": ["0.0.0.0:1"]}}, {"settings": {"Queue-Age": 1}},
         {"settings": {"drain_timeout": "soon"}}, {"service": {"port": 0}}, {"secrets": {"apiKey": {"name": "A B"}}},
         {"apiKeys": [{"realm": "r", "key": "0123456789abcdef", "scopes": ["send"]}]}],
        ids=str,
    )  # fmt: skip
    def test_values_that_there_are_not(self, values):
        with pytest.raises(Refused, match="schema"):
            render(values)


class TestEnd:
    # The grace of shutdown.md: five seconds for answers, two with OpenTelemetry, ten where Redis may be away.
    @pytest.mark.parametrize(
        ("drain", "seconds"), [("30s", 30), (20, 20), ("1500ms", 2), ("2m", 120), (None, 10), ("0s", 0)]
    )
    def test_its_grace_follows_the_drain(self, drain, seconds):
        for pre_stop in (0, 7):
            values = {"settings": {"drain_timeout": drain}, "termination": {"preStopSeconds": pre_stop}}
            assert pod(render(values))["terminationGracePeriodSeconds"] == pre_stop + seconds + 5 + 2 + 10 + 1

    def test_without_redis_it_is_shorter(self):
        values = {"settings": {"engine": "memory", "drain_timeout": "30s"}, "replicas": 1}
        assert pod(render(values))["terminationGracePeriodSeconds"] == 5 + 30 + 5 + 2 + 1

    def test_it_still_takes_clients_while_load_balancers_learn(self, plain):
        assert container(plain)["lifecycle"]["preStop"]["exec"]["command"] == ["/bin/sleep", "5"]

    def test_one_goes_at_a_time_and_another_is_there_before(self, plain):
        spec = plain["Deployment"]["spec"]
        assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
        assert plain["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


class TestProbes:
    def test_the_gateway_answers_them(self, plain):
        ports = {port["name"]: port["containerPort"] for port in container(plain)["ports"]}
        assert ports == {"http": 8000, "ops": 9000}
        ops = f"127.0.0.1:{free_port()}"
        with Gateway("--ops-listen", ops), httpx.Client(base_url=f"http://{ops}") as client:
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container(plain)[kind]["httpGet"]
                assert probe["port"] == "ops"
                assert client.get(probe["path"]).status_code == 200, kind

    def test_alive_is_not_ready(self, plain):
        """Else a Redis that is away would restart every gateway."""
        assert container(plain)["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert container(plain)["readinessProbe"]["httpGet"]["path"] != "/health/live"


class TestRights:
    """Of the Pod Security Standards, "restricted"."""

    def test_nobody_with_nothing_to_write_to(self, everything):
        context, own = pod(everything)["securityContext"], container(everything)["securityContext"]
        assert context["runAsNonRoot"] and context["seccompProfile"]["type"] == "RuntimeDefault"
        assert own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

    def test_the_user_is_the_images(self, plain):
        (user,) = re.findall(r"^USER (\d+):(\d+)$", (REPOSITORY / "deploy/Dockerfile").read_text(), re.MULTILINE)
        context = pod(plain)["securityContext"]
        assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user

    def test_no_token_of_the_cluster(self, plain):
        assert pod(plain)["automountServiceAccountToken"] is False
        assert plain["ServiceAccount"]["automountServiceAccountToken"] is False


class TestNetwork:
    def test_metrics_are_for_the_inside(self, plain):
        rules = {rule["ports"][0]["port"]: rule.get("from") for rule in plain["NetworkPolicy"]["spec"]["ingress"]}
        assert rules["http"] is None and rules["ops"]
        assert plain["NetworkPolicy"]["spec"]["policyTypes"] == ["Ingress"]
        assert [port["name"] for port in plain[f"Service {FULL}"]["spec"]["ports"]] == ["http"]

    def test_nobody_asks_them_where_nobody_is_named(self):
        (rule,) = render({"networkPolicy": {"monitoring": []}})["NetworkPolicy"]["spec"]["ingress"]
        assert rule["ports"][0]["port"] == "http"

    def test_what_may_be_reached_is_names_and_what_is_given(self, everything):
        spec = everything["NetworkPolicy"]["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        assert [rule["ports"][0]["port"] for rule in spec["egress"]] == [53, 6379]

    def test_every_selector_finds_the_pods(self, everything):
        labels = everything["Deployment"]["spec"]["template"]["metadata"]["labels"]
        for kind, found in everything.items():
            spec = found.get("spec", {})
            selector = spec.get("podSelector") or spec.get("selector") or {}
            wanted = selector.get("matchLabels", selector)
            if kind != "ServiceMonitor":
                assert wanted.items() <= labels.items(), kind


class TestScaling:
    def test_by_connections_and_cpu(self, everything):
        scaler = everything["HorizontalPodAutoscaler"]["spec"]
        assert scaler["scaleTargetRef"]["name"] == everything["Deployment"]["metadata"]["name"]
        assert [metric["type"] for metric in scaler["metrics"]] == ["Pods", "Resource"]
        assert "replicas" not in everything["Deployment"]["spec"]

    def test_cpu_has_a_request_to_be_measured_by(self, everything):
        assert container(everything)["resources"]["requests"]["cpu"]

    def test_the_adapter_serves_the_metric_that_the_gateway_has(self, everything):
        wanted = everything["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
        (rule,) = yaml.safe_load((CHART.parent / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
        assert rule["name"]["as"] == wanted and rule["seriesQuery"].startswith(wanted + "{")
        with Gateway() as gateway:
            gateway.connect()
            eventually(lambda: values_of(gateway, wanted) == ["1"])


def values_of(gateway, metric) -> list[str]:
    return [line.split()[1] for line in gateway.api.get("/metrics").text.splitlines() if line.startswith(metric)]


class TestMonitor:
    def test_it_finds_the_port_for_it_and_that_alone(self, everything):
        spec = everything["ServiceMonitor"]["spec"]
        found = [each for each in rendered(EVERYTHING) if each["kind"] == "Service"
                 and spec["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()]  # fmt: skip
        assert [named(each) for each in found] == [f"Service {FULL}-ops"]
        assert found[0]["spec"]["ports"][0]["name"] == spec["endpoints"][0]["port"]
        assert found[0]["spec"]["publishNotReadyAddresses"]

    def test_its_job_is_the_one_of_the_alerts(self, everything):
        labels = everything[f"Service {FULL}-ops"]["metadata"]["labels"]
        job = labels[everything["ServiceMonitor"]["spec"]["jobLabel"]]
        assert f'job="{job}"' in (REPOSITORY / "deploy/prometheus/alerts.yml").read_text()


def test_the_notes_say_what_to_do():
    notes = helm("install", RELEASE, CHART, "--namespace=chat", "--dry-run=client", values=EVERYTHING).split("NOTES:")[1]
    assert f"ws://{FULL}.chat:80/ws" in notes and "custom.metrics.k8s.io" in notes and "gateway-key" in notes
