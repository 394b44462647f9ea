"""Stacks of the real AWS provider against the test lab, and a Mooring that looks after them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "bench-state"
TOKEN = "a-token-for-the-benchmark"

HEAD = """terraform {
  backend "s3" {
    bucket                      = "BUCKET"
    key                         = "NAME.tfstate"
    region                      = "us-east-1"
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_requesting_account_id  = true
    skip_metadata_api_check     = true
    skip_region_validation      = true
  }
}

locals { name = "NAME" }
"""

AWS = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "3.39.0" }
  }
}

variable "endpoint" {}

provider "aws" {
  region                      = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_get_ec2_platforms      = true
  s3_force_path_style         = true
  endpoints {
    s3       = var.endpoint
    sqs      = var.endpoint
    ssm      = var.endpoint
    iam      = var.endpoint
    dynamodb = var.endpoint
    sns      = var.endpoint
    kms      = var.endpoint
  }
}

resource "aws_s3_bucket" "b" {
  count  = 2
  bucket = "${local.name}-${count.index}"
  tags   = { Env = "prod" }
}
"""

MORE_AWS = """
resource "aws_sqs_queue" "q" {
  count = 4
  name  = "${local.name}-${count.index}"
  tags  = { Env = "prod" }
}

resource "aws_ssm_parameter" "p" {
  count = 4
  name  = "/${local.name}/${count.index}"
  type  = "String"
  value = "v"
}

resource "aws_sns_topic" "t" {
  count = 2
  name  = "${local.name}-${count.index}"
}

resource "aws_iam_role" "r" {
  name = local.name
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}

resource "aws_dynamodb_table" "d" {
  name         = local.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_kms_key" "k" {
  description = local.name
}
"""

NO_CLOUD = """
resource "terraform_data" "it" {
  count = COUNT
  input = { text = join("", [for n in range(64) : "${local.name} ${count.index} ${n} "]) }
}
"""


def aws_stack(name, more=True):
    """Fifteen resources of seven services, or two buckets."""
    text = HEAD + AWS + (MORE_AWS if more else "")
    return text.replace("BUCKET", BUCKET).replace("NAME", name)


def plain_stack(name, count):
    """So many objects of a kilobyte that no cloud knows."""
    text = HEAD + NO_CLOUD.replace("COUNT", str(count))
    return text.replace("BUCKET", BUCKET).replace("NAME", name)


def add_arguments(parser):
    parser.add_argument("mooring", type=Path, help="the program, for example target/release/mooring")
    parser.add_argument("--lab", type=Path, default=ROOT / "target/lab", help="made by tests/lab/setup.sh")


class Estate:
    """A running lab, and a Git repository beside it with stacks in it."""

    def __init__(self, run_dir, lab_dir):
        self.dir, self.tree = run_dir, run_dir / "tree"
        self.lab = [sys.executable, str(ROOT / "tests/lab/lab.py")]
        described = json.loads((run_dir / "lab.json").read_text())
        self.lab_env = described["env"]
        self.env = {**os.environ, **self.lab_env, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
        self.env["XDG_CACHE_HOME"] = str(run_dir / "cache")
        self.by_hand("create-bucket", BUCKET)

    def by_hand(self, *arguments):
        subprocess.run([*self.lab, "aws", str(self.dir), *arguments], check=True)

    def apply(self, stacks, width=2):
        """Writes and applies stacks, a text for each name; twice, until nothing is left to do."""

        def one(named):
            name, text = named
            at = self.tree / name
            at.mkdir(parents=True)
            (at / "main.tf").write_text(text)
            for command in (["init"], ["apply", "-auto-approve"], ["apply", "-auto-approve"]):
                run(["terraform", *command, "-input=false", "-no-color"], at, self.env)
            return at

        with ThreadPoolExecutor(width) as pool:
            return list(pool.map(one, stacks.items()))

    def commit(self, message):
        if not (self.tree / ".git").exists():
            (self.tree / ".gitignore").write_text(".terraform/\n")
            run(["git", "init", "--quiet", "--initial-branch=main"], self.tree, self.env)
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
        run(["git", "add", "--all"], self.tree, self.env)
        run(["git", *who, "commit", "--quiet", "-m", message], self.tree, self.env)


@contextmanager
def estate(lab_dir):
    """Starts the lab; all is gone afterwards."""
    run_dir = Path(tempfile.mkdtemp(prefix="mooring-bench-"))
    command = [sys.executable, str(ROOT / "tests/lab/lab.py"), "up", "--until-eof"]
    lab = subprocess.Popen(
        [*command, "--dir", str(run_dir), "--lab", str(lab_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not (run_dir / "lab.json").exists():
            if lab.poll() is not None:
                raise SystemExit("the lab did not start")
            time.sleep(0.1)
        yield Estate(run_dir, lab_dir)
    finally:
        lab.stdin.close()
        lab.wait()
        shutil.rmtree(run_dir, ignore_errors=True)


class Daemon:
    """`mooring serve` over an estate."""

    def __init__(self, mooring, estate, settings, before_start=None):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.dir = estate.dir
        (self.dir / "token").write_text(TOKEN)
        env = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in estate.lab_env.items())
        env = env.replace('AWS_SECRET_ACCESS_KEY: "test"', "AWS_SECRET_ACCESS_KEY: { file: secret }")
        (self.dir / "secret").write_text("test")
        (self.dir / "mooring.yaml").write_text(
            f"data_dir: {self.dir}/data\n"
            f'api: {{ listen: "{self.address}", token_file: token }}\n'
            f"sources:\n  - {{ name: infra, path: {estate.tree}, poll: 5s }}\n"
            f"env:\n{env}{settings}"
        )
        self.log = self.dir / "mooring.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [mooring, "serve", "--config", str(self.dir / "mooring.yaml")],
                stderr=log,
                preexec_fn=before_start,
            )
        self.until(lambda: self.get("/healthz") is not None)

    def get(self, path, data=None):
        request = urllib.request.Request(f"http://{self.address}{path}", data=data)
        request.add_header("Authorization", f"Bearer {TOKEN}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.HTTPError:
            raise
        except OSError:
            return None

    def metric(self, name):
        lines = (line for line in self.get("/metrics").splitlines() if line.startswith((name + " ", name + "{")))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def until(self, done, within=3600):
        deadline = time.monotonic() + within
        while not done():
            if self.process.poll() is not None:
                raise SystemExit(f"mooring ended:\n{self.log.read_text()[-4000:]}")
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing came of it:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        return self.process.wait()


def run(command, at, env, allowed=(0,)):
    done = subprocess.run(command, cwd=at, env=env, capture_output=True, text=True)
    if done.returncode not in allowed:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done
