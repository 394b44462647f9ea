"""The test lab: an AWS emulator, a Git server, a mail server and a webhook sink on loopback.

  lab.py up --dir RUNDIR --lab LABDIR [--until-eof]
      starts everything and writes RUNDIR/lab.json when all of it is ready; runs until SIGTERM or
      SIGINT, until its parent is gone or, with --until-eof, until its standard input is closed.
      A fault is on while a file of its name exists in RUNDIR/faults: aws-hang, aws-hang-tagging,
      aws-down, git-down-NAME and git-refuse-NAME for the repository NAME, smtp-down, smtp-hang,
      webhook-400, webhook-429, webhook-500, webhook-hang.
  lab.py env RUNDIR
      prints, as shell assignments, what a child needs to reach the lab.
  lab.py repository RUNDIR NAME
      makes a bare repository and prints its URL.
  lab.py aws RUNDIR ACTION ARGUMENT...
      does to the emulated AWS what a person would do by hand; `lab.py aws RUNDIR help` lists it.
  lab.py read RUNDIR mail|posts [TEXT...]
      prints the kept mails (text part) or posts that contain every TEXT; exits 1 if there is none.
"""

import argparse
import ctypes
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_WITHIN = 60


class Shelf:
    """Numbered files in a directory, each there complete or not at all."""

    def __init__(self, directory, extension):
        self.directory, self.extension = directory, extension
        self.lock, self.count = threading.Lock(), 0
        directory.mkdir(parents=True, exist_ok=True)

    def keep(self, content):
        with self.lock:
            self.count += 1
            write(self.directory / f"{self.count:04}.{self.extension}", content)


class Lab:
    """The state that the servers share."""

    def __init__(self, run_dir):
        from web import Faults

        self.faults = Faults(run_dir / "faults")
        self.mails = Shelf(run_dir / "mail", "eml")
        self.posts = Shelf(run_dir / "posts", "json")
        self.repositories = run_dir / "git"
        self.repositories.mkdir(parents=True, exist_ok=True)
        self.git_user, self.git_token = "mooring", secrets.token_urlsafe(24)
        self.smtp_user, self.smtp_password = "mooring", secrets.token_urlsafe(24)
        self.emulator = None


def write(path, content, mode=0o644):
    new = path.with_name(f".{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    new.rename(path)


def die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_emulator(run_dir):
    """Starts moto; another process may take the port first, so more than one is tried."""
    deadline = time.monotonic() + READY_WITHIN
    log_path = run_dir / "moto.log"
    while time.monotonic() < deadline:
        port = free_port()
        with open(log_path, "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=run_dir,
                preexec_fn=die_with_parent,
            )
        while child.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://127.0.0.1:{port}/moto-api/data.json", timeout=5
                ):
                    # Whoever answers must be ours, not a stranger who took the port.
                    if child.poll() is None:
                        return child, port
            except OSError:
                time.sleep(0.05)
        child.kill()
        child.wait()
    tail = log_path.read_text(errors="replace")[-2000:]
    raise SystemExit(f"lab.py: the AWS emulator did not start within {READY_WITHIN} s:\n{tail}")


def up(run_dir, lab_dir, until_eof):
    import mail_server
    from aws_proxy import AwsProxy
    from git_server import GitServer
    from web import Server, server_tls
    from webhook_server import WebhookServer

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    parent = os.getppid()

    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "lab.json").unlink(missing_ok=True)
    tls_dir = lab_dir / "tls"
    lab, tls = Lab(run_dir), server_tls(tls_dir)
    git_token_file, smtp_password_file = run_dir / "git-token", run_dir / "smtp-password"
    write(git_token_file, lab.git_token.encode(), 0o600)
    write(smtp_password_file, lab.smtp_password.encode(), 0o600)

    emulator, port = start_emulator(run_dir)
    try:
        lab.emulator = ("127.0.0.1", port)
        aws = Server(AwsProxy, lab).start()
        git = Server(GitServer, lab, tls).start()
        webhook = Server(WebhookServer, lab, tls).start()
        smtp_port = mail_server.start(lab, tls)
        described = {
            "aws": aws.url,
            "emulator": f"http://127.0.0.1:{port}",
            "git": git.url,
            "git_user": lab.git_user,
            "git_token_file": str(git_token_file),
            "smtp": {
                "host": "127.0.0.1",
                "port": smtp_port,
                "username": lab.smtp_user,
                "password_file": str(smtp_password_file),
            },
            "webhook": webhook.url,
            "mail_dir": str(lab.mails.directory),
            "posts_dir": str(lab.posts.directory),
            "git_dir": str(lab.repositories),
            "faults_dir": str(lab.faults.directory),
            "ca": str(tls_dir / "ca.pem"),
            "env": {
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_ENDPOINT_URL_S3": aws.url,
                "NO_PROXY": "127.0.0.1,localhost",
                "no_proxy": "127.0.0.1,localhost",
                "TF_CLI_CONFIG_FILE": str(lab_dir / "terraformrc"),
                "TF_VAR_endpoint": aws.url,
            },
            "pid": os.getpid(),
        }
        write(run_dir / "lab.json", json.dumps(described, indent=2).encode())
        if until_eof:
            threading.Thread(target=wait_for_eof, args=(ended,), daemon=True).start()
        while not ended.wait(0.25):
            if os.getppid() != parent:
                break
            if emulator.poll() is not None:
                raise SystemExit(f"lab.py: the AWS emulator died, see {run_dir / 'moto.log'}")
    finally:
        emulator.kill()
        emulator.wait()
        (run_dir / "lab.json").unlink(missing_ok=True)
    # Threads may hang in a connection on purpose; nothing is left to save.
    sys.stdout.flush()
    os._exit(0)


def wait_for_eof(ended):
    while os.read(0, 4096):
        pass
    ended.set()


def running(run_dir):
    try:
        return json.loads((run_dir / "lab.json").read_text())
    except FileNotFoundError:
        raise SystemExit(f"lab.py: no lab runs in {run_dir} (no lab.json there); start one with: lab.py up")


def print_environment(run_dir):
    for key, value in running(run_dir)["env"].items():
        print(f"export {key}={shlex.quote(value)}")


def make_repository(run_dir, name):
    lab = running(run_dir)
    path = Path(lab["git_dir"]) / f"{name}.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    print(f"{lab['git']}/{name}.git")


def text_of_mail(path):
    from email import message_from_bytes, policy

    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = mail.get_body(preferencelist=("plain", "html"))
    text = body.get_content() if body else ""
    names = ("From", "To", "Subject", "Message-ID", "X-Mooring-Title")
    headers = "".join(f"{name}: {mail[name]}\n" for name in names)
    return f"{headers}\n{text.rstrip()}"


def text_of_post(path):
    post = json.loads(path.read_text())
    return f"POST {post['path']}\n{json.dumps(post['body'], indent=2, ensure_ascii=False)}"


def read(run_dir, what, wanted):
    lab = running(run_dir)
    directory, text_of = {
        "mail": (lab["mail_dir"], text_of_mail),
        "posts": (lab["posts_dir"], text_of_post),
    }[what]
    texts = [text_of(path) for path in sorted(Path(directory).glob("[0-9]*"))]
    found = [text for text in texts if all(part.lower() in text.lower() for part in wanted)]
    print("\n\n".join(found), end="\n" if found else "")
    return 0 if found else 1


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("up")
    command.add_argument("--dir", type=Path, required=True)
    command.add_argument("--lab", type=Path, required=True)
    command.add_argument("--until-eof", action="store_true")
    for name in ("env", "repository", "aws", "read"):
        command = commands.add_parser(name)
        command.add_argument("run_dir", type=Path)
        if name == "repository":
            command.add_argument("name")
        if name == "aws":
            command.add_argument("action")
            command.add_argument("arguments", nargs="*")
        if name == "read":
            command.add_argument("what", choices=["mail", "posts"])
            command.add_argument("text", nargs="*")
    arguments = parser.parse_args()
    # Whoever runs the tests may have a profile or an endpoint of their own set.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    if arguments.command == "up":
        up(arguments.dir.resolve(), arguments.lab.resolve(), arguments.until_eof)
    elif arguments.command == "env":
        print_environment(arguments.run_dir)
    elif arguments.command == "repository":
        make_repository(arguments.run_dir, arguments.name)
    elif arguments.command == "aws":
        import by_hand

        by_hand.act(running(arguments.run_dir), arguments.action, arguments.arguments)
    else:
        sys.exit(read(arguments.run_dir, arguments.what, arguments.text))


if __name__ == "__main__":
    main()
