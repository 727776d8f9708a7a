"""deploy/collector.yaml, read by a real collector: ours has fewer parts than the image that compose.yaml names."""

import subprocess

import pytest
import yaml

from support.gateway import REPOSITORY
from support.tools import tool

# What the image has and ours has not. Their settings are not looked at here.
ABSENT = {"processors": {"memory_limiter", "batch"}, "exporters": {"prometheus"}}


@pytest.fixture(scope="module")
def config():
    return yaml.safe_load((REPOSITORY / "deploy/collector.yaml").read_text())


def without_absent(config) -> dict:
    kept = {kind: {name: part for name, part in parts.items() if name not in ABSENT.get(kind, ())}
            for kind, parts in config.items()}  # fmt: skip
    kept["service"]["pipelines"] = {
        signal: {kind: [name for name in names if name not in ABSENT.get(kind, ())] for kind, names in pipeline.items()}
        for signal, pipeline in config["service"]["pipelines"].items()
    }
    return kept


def validate(config, file) -> subprocess.CompletedProcess:
    file.write_text(yaml.safe_dump(config))
    return subprocess.run([tool("otel-collector"), "validate", f"--config={file}"], capture_output=True, text=True, timeout=60)


def test_a_collector_takes_it(config, tmp_path):
    result = validate(without_absent(config), tmp_path / "collector.yaml")
    assert result.returncode == 0, result.stderr


def test_it_would_tell_a_wrong_one(config, tmp_path):
    """Else the test above would prove nothing."""
    wrong = without_absent(config)
    wrong["receivers"]["otlp"]["protocols"]["grpc"]["endpiont"] = "0.0.0.0:4317"
    assert "endpiont" in validate(wrong, tmp_path / "collector.yaml").stderr


def test_every_part_is_used_and_there(config):
    for kind in ("receivers", "processors", "exporters"):
        used = {name for pipeline in config["service"]["pipelines"].values() for name in pipeline[kind]}
        assert used == set(config[kind]), kind
