"""nginx and HAProxy as processes, each with the configuration that deploy/ gives away.

    with Nginx([first.address, second.address]) as proxy:
        Client.open(proxy.ws_url, token)

What a test replaces in a configuration is listed in `replacements`, and each must stand there just once:
addresses, ports, files, and waiting times that are too long for a test. All the rest runs as it is deployed.
The programs are unpacked by scripts/lib/debian_tools.sh; scripts/test hands on where ($PROXIES).
"""

import os
import subprocess
from pathlib import Path

from support.certificates import make_certificates
from support.server_process import ServerProcess, accepts, free_ports

REPOSITORY = Path(__file__).resolve().parents[2]
# Who may say whom it speaks for; another loopback address may not.
FRONT, STRANGER = "127.0.0.2", "127.0.0.3"


def adapted(file: str, replacements: dict) -> str:
    """The text of a file of the repository after the replacements."""
    text = (REPOSITORY / file).read_text()
    for old, new in replacements.items():
        assert text.count(old) == 1, f"{file}: {old!r} stands there {text.count(old)} times"
        text = text.replace(old, new)
    return text


def unpacked() -> Path:
    found = os.environ.get("PROXIES")
    if not found:
        found = subprocess.run(
            [REPOSITORY / "scripts/lib/debian_tools.sh", "proxies"], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()
    return Path(found)


class ReverseProxy(ServerProcess):
    """One proxy process on two free ports of loopback, plain and TLS, before the gateways at `addresses`.

    `idle` and `api_idle`: after how many seconds of silence it cuts a WebSocket, or an API call; None leaves
    them as they are deployed.
    """

    name = ""
    refusals_max = 0  # of one client's handshakes while a gateway leaves, before one succeeds
    handshake_logged = "/ws"  # in the log, when a WebSocket went through

    def __init__(self, addresses, *, idle=None, api_idle=None):
        super().__init__()
        self.addresses = [f"{host}:{port}" for host, port in addresses]
        self.idle = idle
        self.api_idle = api_idle
        self.port = self.tls_port = None

    def prepare(self):
        make_certificates(self.directory)

    def launch(self):
        self.port, self.tls_port = free_ports(2)
        super().launch()

    def wait_answering(self, deadline=60, attempts=20):
        """On other ports if one was taken meanwhile; whatever else ended it is said again, and shown at the end."""
        try:
            return super().wait_answering(deadline)
        except AssertionError:
            if attempts == 1 or self.process.poll() is None:
                raise
        self.launch()
        return self.wait_answering(deadline, attempts - 1)

    def answers(self):
        return accepts(self.port) and accepts(self.tls_port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"https://127.0.0.1:{self.tls_port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def wss_url(self):
        return f"wss://127.0.0.1:{self.tls_port}/ws"

    @property
    def ca_file(self):
        return self.directory / "ca.crt"


class Nginx(ReverseProxy):
    name = "nginx"

    MAIN = """daemon off;
{user}pid {directory}/nginx.pid;
error_log {directory}/server.log info;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  include {directory}/websocket-gateway.conf;
}}
"""

    def replacements(self):
        first, second = self.addresses
        changed = {
            "10.0.0.11:8000": first,
            "10.0.0.12:8000": second,
            "set_real_ip_from 10.0.1.0/24": f"set_real_ip_from {FRONT}/32",
            "  10.0.1.0/24 1;": f"  {FRONT}/32 1;",
            "listen 80;": f"listen 127.0.0.1:{self.port};",
            "listen 443 ssl;": f"listen 127.0.0.1:{self.tls_port} ssl;",
            "/etc/nginx/tls/gateway.crt": f"{self.directory}/server.crt",
            "/etc/nginx/tls/gateway.key": f"{self.directory}/server.key",
            "/var/log/nginx/websocket-gateway.log": f"{self.directory}/access.log",
        }
        if self.idle is not None:
            changed["proxy_read_timeout 75s"] = f"proxy_read_timeout {self.idle}s"
        if self.api_idle is not None:
            changed["proxy_read_timeout 60s"] = f"proxy_read_timeout {self.api_idle}s"
        return changed

    def kill(self):
        """Its master ends its workers; they would outlive one that is killed."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)

    def command(self):
        (self.directory / "websocket-gateway.conf").write_text(
            adapted("deploy/nginx/websocket-gateway.conf", self.replacements())
        )
        user = "user root;\n" if os.geteuid() == 0 else ""  # the directory is this user's alone
        main = self.directory / "nginx.conf"
        main.write_text(self.MAIN.format(directory=self.directory, user=user))
        return [unpacked() / "usr/sbin/nginx", "-p", self.directory, "-c", main, "-e", self.log_file]


class Haproxy(ReverseProxy):
    name = "haproxy"

    def replacements(self):
        first, second = self.addresses
        changed = {
            "10.0.0.11:8000": first,
            "10.0.0.12:8000": second,
            "acl from_front src 10.0.1.0/24": f"acl from_front src {FRONT}",
            "bind :80 ": f"bind 127.0.0.1:{self.port} ",
            "bind :443 ssl crt /etc/haproxy/gateway.pem": f"bind 127.0.0.1:{self.tls_port} ssl crt {self.directory}/gateway.pem",
            "log /dev/log local0": "log stdout format raw local0",
            "maxconn 100000 ": "maxconn 1000 ",
        }
        if self.idle is not None:
            changed["timeout tunnel 75s"] = f"timeout tunnel {self.idle}s"
        if self.api_idle is not None:
            for side in ("client", "server"):
                changed[f"timeout {side} 60s"] = f"timeout {side} {self.api_idle}s"
        return changed

    def command(self):
        pem = (self.directory / "server.crt").read_text() + (self.directory / "server.key").read_text()
        (self.directory / "gateway.pem").write_text(pem)
        config = self.directory / "haproxy.cfg"
        config.write_text(adapted("deploy/haproxy/haproxy.cfg", self.replacements()))
        return [unpacked() / "usr/sbin/haproxy", "-db", "-f", config]
