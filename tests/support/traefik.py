"""A Traefik of a test's own, with the file provider.

    with Traefik({"http": {"routers": {...}, "services": {...}}}) as traefik:
        httpx.get(traefik.url)
"""

import json

import httpx

from support.server_process import ServerProcess, free_ports
from support.tools import tool


class Traefik(ServerProcess):
    """`dynamic` is the content of the file provider's file; `static` is added to the static configuration."""

    def __init__(self, dynamic, static=None):
        super().__init__()
        self.dynamic = dynamic
        self.static = static or {}
        self.port = None
        self.api_port = None

    def command(self):
        if self.port is None:
            self.port, self.api_port = free_ports(2)
        dynamic = self.directory / "dynamic.yaml"
        dynamic.write_text(json.dumps(self.dynamic))  # JSON is YAML
        static = {
            "entryPoints": {
                "web": {"address": f"127.0.0.1:{self.port}"},
                "traefik": {"address": f"127.0.0.1:{self.api_port}"},
            },
            "providers": {"file": {"filename": str(dynamic), "watch": True}},
            "ping": {"entryPoint": "traefik"},
            "api": {"insecure": True, "dashboard": False},
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "WARN"},
        }
        file = self.directory / "traefik.yaml"
        file.write_text(json.dumps(merged(static, self.static)))
        return [tool("traefik"), f"--configFile={file}"]

    def answers(self):
        try:
            return httpx.get(f"{self.api_url}/ping", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def api_url(self):
        return f"http://127.0.0.1:{self.api_port}"

    def rewrite(self, dynamic):
        """Replaces the dynamic configuration; Traefik takes it within a second or two."""
        self.dynamic = dynamic
        fresh = self.directory / "dynamic.yaml.new"
        fresh.write_text(json.dumps(dynamic))
        fresh.replace(self.directory / "dynamic.yaml")


def merged(base, extra):
    """Dictionaries level by level; anything else of `extra` replaces."""
    if not (isinstance(base, dict) and isinstance(extra, dict)):
        return extra
    return base | {key: merged(base[key], content) if key in base else content for key, content in extra.items()}
