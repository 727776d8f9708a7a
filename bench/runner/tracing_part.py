"""What tracing costs: the gateway beside itself, in turn, with a real collector to send to."""

import datetime
import os
import socket
import statistics
import subprocess
import time

from . import results, scenarios, servers, tools

CONFIG = """\
receivers:
  otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}
exporters:
  file: {{path: /dev/null}}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file]}}
"""
TEXT = f"""\
{results.TRACING_HEADING}

Written by `{{command}}`.

The gateway exports its spans, not its metrics, over OTLP/HTTP to a real collector on the load generator's CPU. The CPU time is that of
the whole process, the exporter's threads included. Spans that find the queue full are dropped and counted, as always: at ratio 1 a
saturated gateway drops most of them."""


class Collector(servers.Server):
    name = "collector"

    def __init__(self):
        super().__init__()
        self.port = servers.free_port()
        made = subprocess.run([tools.ROOT / "scripts/lib/go_tools.sh", "otel-collector"], stdout=subprocess.PIPE, text=True, check=True)
        self.binary = made.stdout.strip()

    def command(self):
        config = self.folder / "collector.yaml"
        config.write_text(CONFIG.format(port=self.port))
        return [self.binary, "--config", config]

    def wait_ready(self):
        deadline = time.monotonic() + servers.START_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return f"http://127.0.0.1:{self.port}"
            time.sleep(0.05)
        raise servers.ServerFailed(f"{self.name}: does not listen\n{self.errors()}")


class Variant(servers.Gateway):
    def __init__(self, name, binary, args, ratio=None, collector=None):
        super().__init__(binary, args.shards, args.gateway_flags.split())
        self.name = name
        if ratio is not None:
            self.env |= {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
                         "OTEL_TRACES_SAMPLER_ARG": str(ratio),
                         "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}", "OTEL_METRICS_EXPORTER": "none"}


def fleet(args, gateway, collector):
    """The first is what the others are compared with."""
    made = [Variant("tracing off", gateway, args)]
    if args.before:
        made.append(Variant("before there was tracing", args.before, args))
    return made + [Variant(f"ratio {ratio:g}", gateway, args, ratio, collector) for ratio in (0, 0.01, 1)]


def rows(scenario, figures):
    """`figures`: server -> round -> figures."""
    yield ["", scenario.unit, "ratio to tracing off", *scenario.columns]
    first = next(iter(figures.values()))
    for name, rounds in figures.items():
        ratios = [of[scenario.cost] / first[number][scenario.cost] for number, of in rounds.items() if number in first]
        cells = [name, results.spread([of[scenario.cost] for of in rounds.values()], results.short)]
        cells.append("" if rounds is first else results.spread(ratios, lambda ratio: f"{ratio:.3f}"))
        yield cells + [results.short(statistics.median(of[figure] for of in rounds.values()))
                       for figure in scenario.columns.values()]


def run(args, command, load, gateway, plan, cpus, machine):
    collector = Collector()
    collector.start(cpus[1] if cpus else None)
    out = [TEXT.format(command=command), "", f"- Date: {datetime.date.today().isoformat()}"]
    out += [f"- {key}: {value}" for key, value in machine.items()]
    try:
        for scenario in plan:
            rounds = min(args.rounds or scenario.rounds, scenario.rounds)
            outcome = results.Outcome(command, machine)
            servers_in_turn = fleet(args, gateway, collector)
            scenarios.run(scenario, rounds, servers_in_turn, load, cpus, outcome)
            if outcome.failures:
                return 1
            figures = {server.name: outcome.figures[scenario.name, server.name] for server in servers_in_turn}
            out += ["", *results.table(scenario.title.removesuffix(" (peers: plain echo)"), rows(scenario, figures), "###")]
            print("\n".join(out[-len(figures) - 2:]), flush=True)
    finally:
        collector.stop()
    if os.getloadavg()[2] > len(os.sched_getaffinity(0)):
        out += ["", results.BUSY]
    if args.write:
        results.write(tools.BENCH / "RESULTS.md", tracing="\n".join(out) + "\n")
    return 0
