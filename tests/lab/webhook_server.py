"""Takes what is posted to /slack/… and /hook/… and keeps each post as a file; so it does with what is
asked for at /beat/….

Faults: `webhook-429` answers 429 with Retry-After: 2, `webhook-400` and `webhook-500` answer so,
`webhook-hang` keeps a post and holds the answer back.
"""

import json
import time

from web import Handler


class WebhookServer(Handler):
    """`server.lab` holds `faults` and `posts` (a `Shelf`)."""

    def do_POST(self):
        lab = self.server.lab
        body = self.read_body()
        if not self.path.startswith(("/slack/", "/hook/")):
            self.answer(404, b"no such hook\n")
        elif lab.faults.on("webhook-429"):
            self.answer(429, b"slow down\n", [("Retry-After", "2")])
        elif lab.faults.on("webhook-400"):
            self.answer(400, b"not like this\n")
        elif lab.faults.on("webhook-500"):
            self.answer(500, b"out of order\n")
        else:
            text = body.decode("utf-8", "replace")
            try:
                content = json.loads(text)
            except ValueError:
                content = text
            self.keep(content)
            while lab.faults.on("webhook-hang"):
                time.sleep(0.05)
            self.answer(200, b"ok", [("Content-Type", "text/plain")])

    def do_GET(self):
        if self.path.startswith("/beat/"):
            self.keep(None)
            self.answer(200, b"ok")
        else:
            self.answer(404, b"post, please\n")

    def keep(self, content):
        post = {
            "path": self.path,
            "headers": {key.lower(): value for key, value in self.headers.items()},
            "body": content,
        }
        self.server.lab.posts.keep(json.dumps(post, indent=2, ensure_ascii=False).encode())
