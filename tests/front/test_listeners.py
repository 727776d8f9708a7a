"""Real proxies in front of the gateway's other kinds of listeners: PROXY headers, and Unix sockets."""

import contextlib

import httpx
import pytest

from support.client import Client
from support.gateway import Gateway
from support.reverse_proxy import STRANGER, unpacked
from support.server_process import ServerProcess, accepts, free_port
from support.wait import eventually

TRUSTED = "127.0.0.2"  # the address from which the proxy connects


class Front(ServerProcess):
    """A proxy on one port, before the one gateway that its configuration names."""

    def __init__(self, configuration):
        super().__init__()
        self.configuration = configuration
        self.port = free_port()

    def answers(self):
        return accepts(self.port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"


class TcpHaproxy(Front):
    """It does not read what it passes on."""

    def command(self):
        file = self.directory / "haproxy.cfg"
        file.write_text(
            f"""global
  log stdout format raw local0
defaults
  mode tcp
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:{self.port}
  default_backend gateways
backend gateways
  option httpchk GET /health/websocket-gateway
  server gateway {self.configuration} check inter 200ms
"""
        )
        return [unpacked() / "usr/sbin/haproxy", "-db", "-f", file]

    def stop(self):
        self.end(5)
        super().stop()


class NginxBefore(Front):
    def command(self):
        file = self.directory / "nginx.conf"
        file.write_text(
            f"""daemon off;
master_process off;
pid {self.directory}/nginx.pid;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {self.directory}/body;
  proxy_temp_path {self.directory}/proxy;
  fastcgi_temp_path {self.directory}/fastcgi;
  uwsgi_temp_path {self.directory}/uwsgi;
  scgi_temp_path {self.directory}/scgi;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  server {{
    listen 127.0.0.1:{self.port};
    location / {{
      proxy_pass http://{self.configuration};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""
        )
        return [unpacked() / "usr/sbin/nginx", "-p", self.directory, "-c", file, "-e", self.log_file]


def session_from(front, gateway, address):
    """A session that somebody at that address makes through the proxy."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), trust_env=False) as client:
        headers = {"Authorization": f"Bearer {gateway.api_key}"}
        answer = client.post(f"{front.url}/api/traffic-cop/sessions", json={"user_id": "ada"}, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer.json()["session_id"]


def serves_through(front, gateway):
    """Calls, clients and agents; and whoever comes is known by the address that the proxy saw."""
    with contextlib.closing(Client.open(front.ws_url, session_from(front, gateway, STRANGER))) as client:
        assert client.say(id=1)["status"] in ("published", "queued")
    eventually(lambda: f"address={STRANGER}\n" in gateway.log_text, message=gateway.log_text[-1000:])


@pytest.mark.parametrize(
    "how", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority"]
)
def test_haproxy_says_whose_the_bytes_are(how):
    flags = ("--listen", "127.0.0.1:0?proxy_protocol", "--trusted-proxy", TRUSTED)
    with Gateway(*flags) as gateway:
        server = f"{gateway.host}:{gateway.port} source {TRUSTED} {how}"
        with TcpHaproxy(server) as front:
            serves_through(front, gateway)
            # Its checks say LOCAL, and are answered.
            assert "is DOWN" not in front.log_text
        assert "proxy_header_refused" not in gateway.log_text


def test_a_haproxy_that_is_not_trusted_is_told_so():
    with Gateway("--listen", "127.0.0.1:0?proxy_protocol", "--trusted-proxy", TRUSTED) as gateway:
        server = f"{gateway.host}:{gateway.port} source {STRANGER} send-proxy-v2"
        with TcpHaproxy(server):
            eventually(lambda: f"proxy_header_refused peer={STRANGER}" in gateway.log_text)


def test_haproxy_by_a_unix_socket(tmp_path):
    path = tmp_path / "ws.sock"
    with Gateway("--listen", "127.0.0.1:0", "--listen", f"unix:{path}?proxy_protocol") as gateway:
        with TcpHaproxy(f"unix@{path} send-proxy-v2") as front:
            serves_through(front, gateway)


def test_nginx_by_a_unix_socket(tmp_path):
    path = tmp_path / "ws.sock"
    with Gateway("--listen", "127.0.0.1:0", "--listen", f"unix:{path}") as gateway:
        with NginxBefore(f"unix:{path}:") as front:
            serves_through(front, gateway)
