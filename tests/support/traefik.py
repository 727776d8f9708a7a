"""Traefik as a process, like the others of support/reverse_proxy.py: with the files that deploy/ gives away.

    with Traefik([first.address, second.address]) as proxy:
        Client.open(proxy.ws_url, token)
"""

import httpx

from support.reverse_proxy import FRONT, ReverseProxy, adapted
from support.server_process import free_ports, says_ok
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

    def prepare(self):
        super().prepare()
        dynamic = adapted("deploy/traefik/gateway.yaml", self.dynamic_replacements())
        (self.directory / "gateway.yaml").write_text(dynamic)

    def command(self):
        static = self.directory / "traefik.yaml"
        static.write_text(adapted("deploy/traefik/traefik.yaml", self.static_replacements()))
        return [tool("traefik"), f"--configFile={static}"]

    def answers(self):
        """It listens before it has read where each path goes."""
        return says_ok(f"{self.url}/health/live")


class CatalogTraefik(Traefik):
    """Finds the gateways in a Consul, by their tags, instead of in a file. Its certificate is its own."""

    CATALOG = """consulCatalog:
    endpoint:
      address: "127.0.0.1:{port}"
    exposedByDefault: false
    refreshInterval: 1s
"""
    API = """traefik:
    address: "127.0.0.1:{port}"
"""

    def __init__(self, consul):
        super().__init__([])
        self.consul = consul
        self.api_port = None

    def static_replacements(self):
        changed = super().static_replacements()
        del changed["/etc/traefik/gateway.yaml"]
        return changed | {
            "file:\n    filename: /etc/traefik/gateway.yaml\n": self.CATALOG.format(port=self.consul.port),
            "entryPoints:\n": f"entryPoints:\n  {self.API.format(port=self.api_port)}",
            "\nlog:\n": "\napi:\n  insecure: true\n\nlog:\n",
        }

    def prepare(self):
        """Nothing: it needs neither our certificate nor a file that says where the gateways are."""

    def launch(self):
        [self.api_port] = free_ports(1)
        super().launch()

    def servers(self) -> set:
        """The URLs that it sends clients to, up or down."""
        answer = httpx.get(f"http://127.0.0.1:{self.api_port}/api/http/services/gateway@consulcatalog", trust_env=False)
        return {server["url"] for server in answer.json()["loadBalancer"]["servers"]} if answer.status_code == 200 else set()

    def answers(self):
        """With nowhere to send anybody yet."""
        return says_ok(f"http://127.0.0.1:{self.api_port}/api/overview")
