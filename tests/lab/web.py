"""What the lab's HTTP servers share: threads, TLS, bodies, and faults switched on by files."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Faults:
    """A fault is on while a file of its name exists in the directory."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def on(self, name):
        return (self.directory / name).exists()


class Server(ThreadingHTTPServer):
    """Listens on a free loopback port; handlers reach their settings through `server.lab`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler, lab, tls=None):
        self.lab = lab
        self.tls = tls
        super().__init__(("127.0.0.1", 0), handler)

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def start(self):
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def finish_request(self, request, client_address):
        if not self.tls:
            super().finish_request(request, client_address)
            return
        # Here, in the connection's own thread, a slow handshake holds up nobody else.
        request.settimeout(60)
        with self.tls.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request, client_address):
        """Clients that go away are what tests are about; they are no errors of the lab."""


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with bodies by length or chunked, in both directions."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format, *args):
        pass

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = bytearray()
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                if size == 0:
                    while self.rfile.readline().strip():
                        pass
                    return bytes(body)
                body += self.rfile.read(size)
                self.rfile.readline()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, status, body=b"", headers=()):
        """One answer with a length, in as few packets as possible."""
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        if status >= 200 and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        # Written together with the headers, which `end_headers` would send on their own.
        self._headers_buffer.append(b"\r\n")
        if self.command != "HEAD":
            self._headers_buffer.append(body)
        self.flush_headers()


def server_tls(directory):
    """The lab's server certificate, from the directory that setup.sh made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return context
