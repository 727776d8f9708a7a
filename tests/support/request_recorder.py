"""An HTTP server of a test's own that takes every POST, and keeps what a collector would not show: the headers."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RequestRecorder:
    """For `with`. `headers_of(path)`: of each request so far, by their lower-case names."""

    def __init__(self):
        self._requests = []
        requests = self._requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def headers_of(self, path) -> list:
        return [headers for requested, headers in list(self._requests) if requested == path]

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
