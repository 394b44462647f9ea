"""A Matrix homeserver (Synapse) for tests: on loopback, alone, with one user and one room. Prints
its URL, the user's access token, the room's id and its alias as JSON when it is ready, and ends
with its standard input."""

import argparse
import hashlib
import hmac
import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SECRET = "registers users of this test"
CONFIGURATION = """
server_name: localhost
pid_file: {dir}/homeserver.pid
listeners:
  - port: {port}
    type: http
    bind_addresses: [127.0.0.1]
    resources: [{{names: [client]}}]
database: {{name: sqlite3, args: {{database: {dir}/homeserver.db}}}}
media_store_path: {dir}/media
signing_key_path: {dir}/signing.key
registration_shared_secret: {secret}
trusted_key_servers: []
suppress_key_server_warning: true
report_stats: false
federation_domain_whitelist: []
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(method, url, body=None, token=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_for(url, process):
    end = time.monotonic() + 90
    while time.monotonic() < end and process.poll() is None:
        try:
            return ask("GET", f"{url}/_matrix/client/versions")
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the homeserver does not start")


def register(url):
    nonce = ask("GET", f"{url}/_synapse/admin/v1/register")["nonce"]
    words = (nonce, "mooring", "correct horse", "notadmin")
    mac = hmac.new(SECRET.encode(), "\0".join(words).encode(), hashlib.sha1).hexdigest()
    user = {"nonce": nonce, "username": words[1], "password": words[2], "admin": False, "mac": mac}
    return ask("POST", f"{url}/_synapse/admin/v1/register", user)["access_token"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", required=True, type=pathlib.Path)
    options = parser.parse_args()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    file = options.dir / "homeserver.yaml"
    file.write_text(CONFIGURATION.format(dir=options.dir, port=port, secret=SECRET))
    program = [sys.executable, "-m", "synapse.app.homeserver", "-c", str(file)]
    with open(options.dir / "homeserver.log", "wb") as log:
        output = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": options.dir}
        subprocess.run([*program, "--generate-keys"], check=True, **output)
        process = subprocess.Popen(program, **output)
        try:
            wait_for(url, process)
            token = register(url)
            room = {"name": "Ops", "room_alias_name": "ops", "preset": "private_chat"}
            room = ask("POST", f"{url}/_matrix/client/v3/createRoom", room, token)["room_id"]
            ready = {"url": url, "token": token, "room": room, "alias": "#ops:localhost"}
            print(json.dumps(ready), flush=True)
            sys.stdin.buffer.read()
        finally:
            process.kill()
            process.wait()


main()
