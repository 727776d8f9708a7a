"""Traefik as a process, like the others of support/reverse_proxy.py: with the files that deploy/ gives away.

    with Traefik([first.address, second.address]) as proxy:
        Client.open(proxy.ws_url, token)
"""

import httpx

from support.reverse_proxy import FRONT, ReverseProxy, adapted
from support.tools import tool


class Traefik(ReverseProxy):
    """`idle` and `api_idle` are how long it waits for a request, and for all of it: it cuts nothing that is open."""

    name = "traefik"
    handshake_logged = "gateway-ws@"

    def static_replacements(self):
        changed = {
            'address: ":80"': f'address: "127.0.0.1:{self.port}"',
            'address: ":443"': f'address: "127.0.0.1:{self.tls_port}"',
            "10.0.1.0/24": f"{FRONT}/32",
            "/etc/traefik/gateway.yaml": f"{self.directory}/gateway.yaml",
        }
        if self.idle is not None:
            changed["idleTimeout: 75s"] = f"idleTimeout: {self.idle}s"
        if self.api_idle is not None:
            changed["readTimeout: 15s"] = f"readTimeout: {self.api_idle}s"
        return changed

    def dynamic_replacements(self):
        first, second = self.addresses
        return {
            "10.0.0.11:8000": first,
            "10.0.0.12:8000": second,
            "/etc/traefik/tls/gateway.crt": f"{self.directory}/server.crt",
            "/etc/traefik/tls/gateway.key": f"{self.directory}/server.key",
        }

    def command(self):
        dynamic = adapted("deploy/traefik/gateway.yaml", self.dynamic_replacements())
        (self.directory / "gateway.yaml").write_text(dynamic)
        static = self.directory / "traefik.yaml"
        static.write_text(adapted("deploy/traefik/traefik.yaml", self.static_replacements()))
        return [tool("traefik"), f"--configFile={static}"]

    def _listens(self):
        """It listens before it has read where each path goes."""
        try:
            return httpx.get(f"{self.url}/health/live", trust_env=False, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False
