"""An OpenTelemetry collector of a test's own: OTLP in, over gRPC and HTTP; what it received can be read back.

    with OtelCollector() as collector, Gateway(env={"OTEL_EXPORTER_OTLP_ENDPOINT": collector.grpc_url}):
        eventually(lambda: collector.metric("websocket.connections.active"))

Attributes are dictionaries of Python values; a resource is one as well.
"""

import json
from dataclasses import dataclass, field

from support.certificates import make_certificates
from support.server_process import ServerProcess, accepts, free_ports
from support.tools import tool

CONFIG = """\
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: "127.0.0.1:{grpc}"{tls}}}
      http: {{endpoint: "127.0.0.1:{http}"{tls}}}
exporters:
  file/metrics: {{path: "{directory}/metrics.jsonl", append: true}}
  file/traces: {{path: "{directory}/traces.jsonl", append: true}}
  file/logs: {{path: "{directory}/logs.jsonl", append: true}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [file/metrics]}}
    traces: {{receivers: [otlp], exporters: [file/traces]}}
    logs: {{receivers: [otlp], exporters: [file/logs]}}
"""
TLS = ', tls: {{cert_file: "{directory}/server.crt", key_file: "{directory}/server.key"}}'


@dataclass
class Span:
    name: str
    trace_id: str
    span_id: str
    parent_span_id: str
    kind: int
    attributes: dict
    resource: dict
    scope: str
    start: int  # nanoseconds since 1970
    end: int
    status: dict
    links: list
    events: list


@dataclass
class Point:
    """One value of a metric: a number, or for histograms the OTLP data point as it came."""

    attributes: dict
    value: object
    time: int


@dataclass
class Metric:
    name: str
    unit: str
    description: str
    kind: str  # gauge, sum, histogram, ...
    resource: dict
    scope: str
    points: list = field(default_factory=list)
    monotonic: bool = False
    temporality: int = 0


class OtelCollector(ServerProcess):
    """Its ports stay the same when it is stopped and started again, and so does what it has received.

    With `tls` it listens with a certificate of the authority in `ca_file`, and not without.
    """

    def __init__(self, *, tls=False):
        super().__init__()
        self.tls = tls
        self.grpc_port = None
        self.http_port = None

    def command(self):
        if self.grpc_port is None:
            self.grpc_port, self.http_port = free_ports(2)
            if self.tls:
                make_certificates(self.directory)
        tls = TLS.format(directory=self.directory) if self.tls else ""
        config = self.directory / "collector.yaml"
        config.write_text(CONFIG.format(grpc=self.grpc_port, http=self.http_port, directory=self.directory, tls=tls))
        return [tool("otel-collector"), "--config", config]

    def answers(self):
        return all(accepts(port) for port in (self.grpc_port, self.http_port))

    @property
    def grpc_url(self):
        return f"{self._scheme}://127.0.0.1:{self.grpc_port}"

    @property
    def http_url(self):
        return f"{self._scheme}://127.0.0.1:{self.http_port}"

    @property
    def ca_file(self):
        return self.directory / "ca.crt"

    def variables(self, protocol="http/protobuf", **more) -> dict:
        """What a gateway needs to export here, soon; with other OTEL_* variables to taste."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.grpc_url if protocol == "grpc" else self.http_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            **({"OTEL_EXPORTER_OTLP_CERTIFICATE": str(self.ca_file)} if self.tls else {}),
        } | more

    @property
    def _scheme(self):
        return "https" if self.tls else "http"

    # What it has received, in order.

    def spans(self, name=None) -> list:
        found = []
        for resource, scope, span in self._read("traces", "resourceSpans", "scopeSpans", "spans"):
            if name in (None, span["name"]):
                found.append(
                    Span(
                        name=span["name"],
                        trace_id=span["traceId"],
                        span_id=span["spanId"],
                        parent_span_id=span.get("parentSpanId", ""),
                        kind=span.get("kind", 0),
                        attributes=attributes(span),
                        resource=resource,
                        scope=scope,
                        start=int(span["startTimeUnixNano"]),
                        end=int(span["endTimeUnixNano"]),
                        status=span.get("status", {}),
                        links=span.get("links", []),
                        events=span.get("events", []),
                    )
                )
        return found

    def metrics(self, name=None) -> list:
        """Every export of every metric, or of that one."""
        found = []
        for resource, scope, metric in self._read("metrics", "resourceMetrics", "scopeMetrics", "metrics"):
            if name not in (None, metric["name"]):
                continue
            kind = next(key for key in ("gauge", "sum", "histogram", "exponentialHistogram", "summary") if key in metric)
            data = metric[kind]
            found.append(
                Metric(
                    name=metric["name"],
                    unit=metric.get("unit", ""),
                    description=metric.get("description", ""),
                    kind=kind,
                    resource=resource,
                    scope=scope,
                    points=[Point(attributes(p), value(p), int(p.get("timeUnixNano", 0))) for p in data["dataPoints"]],
                    monotonic=data.get("isMonotonic", False),
                    temporality=data.get("aggregationTemporality", 0),
                )
            )
        return found

    def metric(self, name) -> Metric | None:
        """The latest export of a metric."""
        found = self.metrics(name)
        return found[-1] if found else None

    def latest(self, name, **wanted):
        """The latest value of a metric with (at least) those attributes; None when there is none."""
        metric = self.metric(name)
        points = metric.points if metric else []
        return next((p.value for p in points if wanted.items() <= p.attributes.items()), None)

    def raw(self, signal) -> str:
        """All that came of "metrics", "traces" or "logs" as text: for what must not be in it."""
        file = self.directory / f"{signal}.jsonl"
        return file.read_text() if file.exists() else ""

    def _read(self, signal, resources, scopes, items):
        for line in self.raw(signal).splitlines(keepends=True):
            if not line.endswith("\n"):
                continue  # it is being written
            for group in json.loads(line).get(resources, []):
                resource = attributes(group.get("resource", {}))
                for scope in group.get(scopes, []):
                    for item in scope.get(items, []):
                        yield resource, scope.get("scope", {}).get("name", ""), item


def attributes(holder) -> dict:
    return {pair["key"]: plain(pair["value"]) for pair in holder.get("attributes", [])}


def plain(tagged):
    """An OTLP AnyValue as a Python value; 64-bit numbers come as text."""
    kind, content = next(iter(tagged.items()), (None, None))
    if kind == "intValue":
        return int(content)
    if kind == "arrayValue":
        return [plain(entry) for entry in content.get("values", [])]
    return content


def value(point):
    if "asInt" in point:
        return int(point["asInt"])
    return point.get("asDouble", point)
