"""A Consul agent of a test's own, in dev mode: everything it knows is in its memory.

    with ConsulServer() as consul, Gateway("--consul-url", consul.url) as gateway:
        eventually(lambda: consul.passing("websocket-gateway"))
"""

import json

import httpx

from support.certificates import make_certificates
from support.server_process import ServerProcess, free_ports
from support.tools import tool

TOKEN = "3b9f7f0e-5a0c-4c8e-9c6f-1d2f0b7a6e11"


class ConsulServer(ServerProcess):
    """One agent, which is its own server. With `acl` nothing is allowed without a token; `token` may do everything.

    With `tls` it is at `https_url` as well, with a certificate of the authority in `ca_file`.
    """

    def __init__(self, *, acl=False, tls=False):
        super().__init__()
        self.acl = acl
        self.tls = tls
        self.token = TOKEN if acl else None
        self.port = None
        self.https_port = None

    def command(self):
        again = self.port is not None
        ports = free_ports(5)
        if again:
            ports[0] = self.port
        self.port = ports[0]
        names = ("http", "server", "serf_lan", "serf_wan", "grpc")
        config = {
            "ports": dict(zip(names, ports, strict=True)) | {"dns": -1, "grpc_tls": -1},
            "bind_addr": "127.0.0.1",
            "client_addr": "127.0.0.1",
            "log_level": "WARN",
            "disable_update_check": True,
        }
        if self.tls:
            make_certificates(self.directory)
            self.https_port = free_ports(1)[0]
            config["ports"]["https"] = self.https_port
            files = {"cert_file": "server.crt", "key_file": "server.key"}
            config["tls"] = {"https": {name: str(self.directory / file) for name, file in files.items()}}
        if self.acl:
            config["acl"] = {
                "enabled": True, "default_policy": "deny",
                "tokens": {"initial_management": self.token, "agent": self.token},
            }  # fmt: skip
        file = self.directory / "consul.json"
        file.write_text(json.dumps(config))
        return [tool("consul"), "agent", "-dev", "-node", "test", "-config-file", file]

    def answers(self):
        """It has a leader, which is itself, and has written itself down."""
        try:
            return bool(self.get("/v1/catalog/service/consul"))
        except (httpx.HTTPError, ValueError):
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def https_url(self):
        return f"https://127.0.0.1:{self.https_port}"

    @property
    def ca_file(self):
        return self.directory / "ca.crt"

    # What it knows.

    def request(self, method, path, **options) -> httpx.Response:
        headers = {"X-Consul-Token": self.token} if self.token else {}
        return httpx.request(method, self.url + path, headers=headers, timeout=10, **options)

    def get(self, path):
        response = self.request("GET", path)
        response.raise_for_status()
        return response.json()

    def services(self) -> dict:
        """What is registered with the agent, by id."""
        return self.get("/v1/agent/services")

    def health(self, service="websocket-gateway") -> list:
        return self.get(f"/v1/health/service/{service}")

    def passing(self, service="websocket-gateway") -> list:
        """The ids of the instances whose checks all pass."""
        return [entry["Service"]["ID"] for entry in self.get(f"/v1/health/service/{service}?passing")]

    def check(self, service_id) -> dict:
        """The check of one instance."""
        return self.get("/v1/agent/checks")[f"service:{service_id}"]

    # What may be done to it.

    def deregister(self, service_id):
        self.request("PUT", f"/v1/agent/service/deregister/{service_id}").raise_for_status()

    def new_token(self, rules) -> str:
        """A token of a policy with those rules; `acl` only."""
        name = f"policy-{len(self.get('/v1/acl/policies'))}"
        self.request("PUT", "/v1/acl/policy", json={"Name": name, "Rules": rules}).raise_for_status()
        made = self.request("PUT", "/v1/acl/token", json={"Policies": [{"Name": name}]})
        made.raise_for_status()
        return made.json()["SecretID"]

    def restart(self):
        """Killed and started again on the same port: it has forgotten everything."""
        self.kill()
        return self.start()
