"""Takes what is posted to /slack/… and /hook/… and keeps each post as a file.

Faults: `webhook-429` answers 429 with Retry-After: 2, `webhook-500` answers 500.
"""

import json

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
        elif lab.faults.on("webhook-500"):
            self.answer(500, b"out of order\n")
        else:
            text = body.decode("utf-8", "replace")
            try:
                content = json.loads(text)
            except ValueError:
                content = text
            post = {
                "path": self.path,
                "headers": {key.lower(): value for key, value in self.headers.items()},
                "body": content,
            }
            lab.posts.keep(json.dumps(post, indent=2, ensure_ascii=False).encode())
            self.answer(200, b"ok", [("Content-Type", "text/plain")])

    def do_GET(self):
        self.answer(404, b"post, please\n")
