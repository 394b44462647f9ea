"""Git over https with basic authentication: `git http-backend` behind a small server.

Faults: `git-down-NAME` answers 503 for the repository NAME, `git-refuse-NAME` answers 401 whatever
the credentials.
"""

import base64
import hmac
import os
import subprocess
import tempfile
from urllib.parse import unquote, urlsplit

from web import Handler


class GitServer(Handler):
    """`server.lab` holds `faults`, `repositories` (directory), `git_user` and `git_token`."""

    def serve(self):
        lab = self.server.lab
        body = self.read_body()
        name = urlsplit(self.path).path.lstrip("/").partition(".git")[0]
        if lab.faults.on(f"git-down-{name}"):
            self.answer(503, b"down for maintenance\n")
        elif lab.faults.on(f"git-refuse-{name}") or not self.is_authorized():
            self.answer(
                401, b"who are you?\n", [("WWW-Authenticate", 'Basic realm="Mooring lab"')]
            )
        else:
            self.run_backend(body)

    def is_authorized(self):
        lab = self.server.lab
        expected = base64.b64encode(f"{lab.git_user}:{lab.git_token}".encode()).decode()
        given = self.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Basic {expected}".encode())

    def run_backend(self, body):
        lab = self.server.lab
        url = urlsplit(self.path)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(lab.repositories),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "GIT_PROJECT_ROOT": str(lab.repositories),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": lab.git_user,
            "REMOTE_ADDR": self.client_address[0],
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote(url.path),
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        with tempfile.TemporaryFile() as stdin:
            stdin.write(body)
            stdin.seek(0)
            done = subprocess.run(
                ["git", "http-backend"], env=env, stdin=stdin, capture_output=True, timeout=120
            )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode("latin-1").splitlines():
            key, _, value = line.partition(":")
            if key.lower() == "status":
                status = int(value.split()[0])
            elif value:
                headers.append((key, value.strip()))
        self.answer(status if done.stdout else 500, content, headers)

    do_GET = do_POST = serve
