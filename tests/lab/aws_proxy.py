"""The way to the AWS emulator, which can be made to hang or to break.

Faults: `aws-hang` holds every request until the file is gone, `aws-hang-tagging` those that tag a
bucket; `aws-down` resets connections.
"""

import http.client
import select
import socket
import struct
import time

from web import Handler

HOP_BY_HOP = {
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade", "content-length", "expect",
}


class AwsProxy(Handler):
    """`server.lab` holds `faults` and `emulator` (host, port)."""

    def forward(self):
        lab = self.server.lab
        if lab.faults.on("aws-down"):
            self.reset()
            return
        body = self.read_body()
        while lab.faults.on("aws-hang") or (self.tags() and lab.faults.on("aws-hang-tagging")):
            time.sleep(0.05)
            if self.is_gone():
                break
        if self.is_gone():
            self.close_connection = True
            return
        upstream = http.client.HTTPConnection(*lab.emulator, timeout=120)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for key, value in self.headers.items():
                if key.lower() not in HOP_BY_HOP:
                    upstream.putheader(key, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self.answer(502, b"the lab's AWS emulator does not answer\n")
            return
        finally:
            upstream.close()
        kept = [
            (key, value)
            for key, value in response.getheaders()
            if key.lower() not in HOP_BY_HOP | {"server", "date"}
        ]
        if self.command == "HEAD":
            self.answer_head(response, kept)
        else:
            self.answer(response.status, content, kept)

    def answer_head(self, response, headers):
        self.send_response(response.status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", response.getheader("Content-Length") or "0")
        self.end_headers()

    def tags(self):
        return self.command == "PUT" and "?tagging" in self.path

    def is_gone(self):
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_PATCH = do_OPTIONS = forward
