"""The Helm chart of deploy/helm, rendered by a real helm.

    objects = render({"autoscaling": {"enabled": True}})
    objects["HorizontalPodAutoscaler"]["spec"]["maxReplicas"]
"""

import json
import os
import subprocess
import tempfile

import yaml

from support.gateway import REPOSITORY
from support.tools import tool

CHART = REPOSITORY / "deploy/helm/websocket-gateway"
RELEASE = "chat"
# What a chart without values asks for.
KEY = {"secrets": {"apiKey": {"name": "gateway-key"}}}


class Refused(Exception):
    """What helm said."""


def helm(*arguments, values=None) -> str:
    """Its output. A home of its own, so that it finds nobody's repositories and plugins."""
    with tempfile.TemporaryDirectory() as home:
        command = [tool("helm"), *map(str, arguments)]
        if values is not None:
            command.append("--values=-")
        done = subprocess.run(command, input=json.dumps(values or {}), capture_output=True, text=True, timeout=60,
                              env=os.environ | {"HOME": home, "KUBECONFIG": f"{home}/none"})  # fmt: skip
        if done.returncode != 0:
            raise Refused(done.stdout + done.stderr)
        return done.stdout


def rendered(values=None) -> list[dict]:
    """Every object; with a Secret's name for the key unless the values have one."""
    text = helm("template", RELEASE, CHART, "--namespace=chat", values=KEY | (values or {}))
    return [found for found in yaml.safe_load_all(text) if found]


def render(values=None) -> dict[str, dict]:
    """By kind; Services by their kind and name."""
    return {named(found): found for found in rendered(values)}


def named(found) -> str:
    return f"Service {found['metadata']['name']}" if found["kind"] == "Service" else found["kind"]


def pod(objects) -> dict:
    return objects["Deployment"]["spec"]["template"]["spec"]


def container(objects) -> dict:
    (only,) = pod(objects)["containers"]
    return only


def variables(objects) -> dict[str, str]:
    """Those whose content stands there."""
    return {each["name"]: each["value"] for each in container(objects)["env"] if "value" in each}
