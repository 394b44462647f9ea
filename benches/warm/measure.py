"""What a warm check of AWS stacks that are in sync costs, against bare plans of the same stacks.

  target/lab/venv/bin/python benches/warm/measure.py [--stacks 6] [--rounds 3] MOORING

Starts the test lab (tests/lab/setup.sh has made it in target/lab), applies stacks of 15 resources
with the real AWS provider, and then measures in turn, round by round, the processor time of all
processes: `terraform plan -lock=false` in each directory; `mooring check` over the tree; `tfdrift`
over it, if it is installed in the lab. It prints the best round of each, and what each of them
reported although nothing had moved.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BACKEND = """terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "3.39.0" }
  }
  backend "s3" {
    bucket                      = "bench-state"
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

locals { name = "NAME" }

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

resource "aws_s3_bucket" "b" {
  count  = 2
  bucket = "${local.name}-${count.index}"
  tags   = { Env = "prod" }
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


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(work):
    before, began = cpu(), time.monotonic()
    said = work()
    return cpu() - before, time.monotonic() - began, said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mooring", type=Path)
    parser.add_argument("--stacks", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lab", type=Path, default=ROOT / "target/lab")
    arguments = parser.parse_args()
    mooring = arguments.mooring.resolve()
    run_dir = Path(tempfile.mkdtemp(prefix="mooring-bench-"))
    lab_py = [sys.executable, str(ROOT / "tests/lab/lab.py")]
    lab = subprocess.Popen(
        [*lab_py, "up", "--until-eof", "--dir", str(run_dir), "--lab", str(arguments.lab)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not (run_dir / "lab.json").exists():
            if lab.poll() is not None:
                raise SystemExit("the lab did not start")
            time.sleep(0.1)
        env = {**os.environ, **json.loads((run_dir / "lab.json").read_text())["env"]}
        env |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "XDG_CACHE_HOME": str(run_dir / "cache")}
        subprocess.run([*lab_py, "aws", str(run_dir), "create-bucket", "bench-state"], check=True)
        tree = run_dir / "tree"
        dirs = [tree / f"stack{n}" for n in range(arguments.stacks)]
        for at in dirs:
            at.mkdir(parents=True)
            (at / "main.tf").write_text(BACKEND.replace("NAME", at.name))
            for command in (["init"], ["apply", "-auto-approve"], ["apply", "-auto-approve"]):
                run(["terraform", *command, "-input=false", "-no-color"], at, env)
        compare(arguments, dirs, tree, env, mooring)
    finally:
        lab.stdin.close()
        lab.wait()
        shutil.rmtree(run_dir, ignore_errors=True)


def run(command, at, env, allowed=(0,)):
    done = subprocess.run(command, cwd=at, env=env, capture_output=True, text=True)
    if done.returncode not in allowed:
        raise SystemExit(f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def compare(arguments, dirs, tree, env, mooring):
    def bare():
        for at in dirs:
            run(["terraform", "plan", "-lock=false", "-input=false", "-no-color"], at, env)
        return 0

    def check():
        done = run([mooring, "check", "--jobs", "1", "--format", "json", "."], tree, env, (0, 2))
        stacks = json.loads(done.stdout)["stacks"]
        assert len(stacks) == len(dirs), stacks
        return sum(stack["verdict"] != "in_sync" for stack in stacks)

    tools = {"terraform plan": bare, "mooring check": check}
    tfdrift = shutil.which("tfdrift", path=str(Path(sys.executable).parent))
    if tfdrift:

        def other():
            done = run([tfdrift, "scan", "--path", ".", "--format", "json"], tree, env, (0, 1, 2))
            return alarms(done.stdout)

        tools["tfdrift"] = other
    best = {}
    for _ in range(arguments.rounds):
        for name, work in tools.items():
            took = measured(work)
            best[name] = min(best.get(name, took), took)
    base = best["terraform plan"][0]
    print(f"{len(dirs)} stacks of 15 resources, in sync; the best of {arguments.rounds} rounds")
    print(f"{'':16}{'CPU s':>8}{'wall s':>8}{'CPU against plan':>18}{'false alarms':>14}")
    for name, (used, wall, said) in best.items():
        print(f"{name:16}{used:8.2f}{wall:8.2f}{used / base:17.2f}x{said:14}")


def alarms(text):
    try:
        report = json.loads(text[text.index("{") :])
    except ValueError:
        return f"? ({text[:40]!r})"
    return report.get("drifted_workspaces", report.get("drift_count", "?"))


if __name__ == "__main__":
    main()
