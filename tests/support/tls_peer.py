"""TLS of a client's in user space, so that a test has each of its records in its hand before it is sent."""

import ssl

from support.certificates import any_certificate


class AfterHeader:
    """Its first bytes leave together with a header."""

    def __init__(self, inner, header):
        self.inner, self.header = inner, header

    def sendall(self, data):
        self.inner.sendall(self.header + data)
        self.header = b""

    def __getattr__(self, name):
        return getattr(self.inner, name)


class WithBio:
    """In place of a peer's socket. `send` is what carries its records: the socket's own, or a test's."""

    def __init__(self, inner, context=None, send=None):
        self.inner, self.send_records = inner, send or inner.sendall
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or any_certificate()).wrap_bio(self.incoming, self.outgoing, server_hostname=None)
        self._call(self.tls.do_handshake)

    def _call(self, function, *arguments):
        while True:
            try:
                result = function(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                data = self.inner.recv(65536)
                if not data:
                    return b""
                self.incoming.write(data)

    def flush(self):
        if self.outgoing.pending:
            self.send_records(self.outgoing.read())

    def sendall(self, data):
        self._call(self.tls.write, data)

    def recv(self, size):
        return self._call(self.tls.read, size)

    def __getattr__(self, name):
        return getattr(self.inner, name)
