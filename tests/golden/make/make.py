#!/usr/bin/env python3
"""Makes the plans in ../plans again with real Terraform: make.py [CASE…]

Each case is applied, changed and planned in /tmp/golden/CASE. Beside NAME.plan.json (the output of
`terraform show -json`) are written NAME.expected.json (the truth, from the case's definition) and
NAME.tfplan (the saved plan, if it is small). A case whose plan exits otherwise than the truth says
is an error. Cases with AWS need boto3 and the lab (tests/lab/setup.sh): run this with its Python.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import readme
import tools
from case import Apply, Cli, Hand, Write
from cases import CASES

PLANS = Path(__file__).resolve().parent.parent / "plans"
# Cases whose right answer the program does not give yet.
WORK = Path("/tmp/golden")
LARGEST_PLAN_FILE = 60_000

AWS = """terraform {{
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "3.39.0"
    }}
  }}
}}

provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_get_ec2_platforms      = true
  s3_force_path_style         = true
{tags}
  endpoints {{
{endpoints}
  }}
}}
"""
SERVICES = ("dynamodb", "ec2", "ecr", "iam", "s3", "sns", "sqs", "ssm", "sts")


class Making:
    """One case under way."""

    def __init__(self, case, emulator, lab):
        self.case = case
        self.emulator = emulator
        self.dir = WORK / case.name
        self.terraform = tools.terraform(case.terraform)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(WORK),
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TF_CLI_CONFIG_FILE": str(lab / "terraformrc") if case.aws else os.devnull,
        }

    def run(self, *words, ends=(0,)):
        done = subprocess.run(
            [self.terraform, *words], cwd=self.dir, env=self.env, capture_output=True, text=True
        )
        if done.returncode not in ends:
            raise SystemExit(
                f"{self.case.name}: terraform {' '.join(words)} ended with {done.returncode}\n"
                f"{done.stdout[-2500:]}{done.stderr[-2500:]}"
            )
        return done

    def write(self, files, tags=()):
        for old in (*self.dir.glob("*.tf"), *self.dir.glob("*/*.tf")):
            old.unlink()
        for name, text in ({"main.tf": files} if isinstance(files, str) else files).items():
            path = self.dir / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        if self.case.aws:
            endpoints = "\n".join(f'    {name} = "{self.emulator.url}"' for name in SERVICES)
            pairs = "\n".join(f'      {key} = "{value}"' for key, value in tags)
            block = f"  default_tags {{\n    tags = {{\n{pairs}\n    }}\n  }}\n" if tags else ""
            (self.dir / "provider.tf").write_text(AWS.format(endpoints=endpoints, tags=block))
        # Module calls may have come or gone.
        self.run("init", "-no-color")

    def apply(self, fails=False):
        ends = (1,) if fails else (0,)
        self.run("apply", "-no-color", "-auto-approve", "-lock=false", ends=ends)

    def step(self, step):
        match step:
            case Cli(words, fails):
                self.run(*words, ends=(1,) if fails else (0,))
            case Write(file, text):
                (self.dir / file).write_text(text)
            case Hand(service, operation, arguments):
                call = getattr(self.emulator.client(service), operation)
                call(**self.resolved(arguments))
            case Apply(files, fails):
                self.write(files)
                self.apply(fails)

    def resolved(self, value):
        """`{ADDRESS|ATTRIBUTE}` from the state, `{emulator}`: the emulator's URL."""
        if isinstance(value, dict):
            return {key: self.resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, str):
            return value
        return re.sub(r"\{(\w+)\.(\w+)\|(\w+)\}", lambda found: self.attribute(*found.groups()), value)

    def attribute(self, kind, name, attribute):
        state = json.loads((self.dir / "terraform.tfstate").read_text())
        (resource,) = (
            r for r in state["resources"]
            if (r["mode"], r["type"], r["name"]) == ("managed", kind, name)
        )
        return resource["instances"][0]["attributes"][attribute]

    def make(self):
        case = self.case
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        if case.aws:
            self.emulator.reset()
        if case.before is not None:
            self.write(case.before, case.default_tags[0])
            self.apply()
        for step in case.steps:
            self.step(step)
        after = case.before if case.after is None else case.after
        self.write(after, case.default_tags[1])
        flags = ("-no-color", "-lock=false", "-detailed-exitcode", *case.flags)
        planned = self.run("plan", *flags, "-out=tfplan", ends=(0, 1, 2))
        if planned.returncode != case.exit:
            raise SystemExit(
                f"{case.name}: plan exits {planned.returncode}, the truth says {case.exit}\n"
                f"{planned.stdout[-2500:]}{planned.stderr[-2500:]}"
            )
        shown = self.run("show", "-json", "-no-color", "tfplan").stdout
        save(case.name, case.expected())
        (PLANS / f"{case.name}.plan.json").write_text(shown)
        kept = PLANS / f"{case.name}.tfplan"
        kept.unlink(missing_ok=True)
        if (self.dir / "tfplan").stat().st_size <= LARGEST_PLAN_FILE:
            shutil.copy(self.dir / "tfplan", kept)
            kept.chmod(0o644)
        shutil.rmtree(self.dir)


def save(name, expected):
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (PLANS / f"{name}.expected.json").write_text(f"{text}\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all")
    parser.add_argument("--lab", type=Path, default=tools.ROOT / "target" / "lab")
    parser.add_argument("--labels", action="store_true", help="write only the truth, plan nothing")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - CASES.keys()
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    emulator = tools.Emulator(arguments.lab)
    failed = []
    try:
        for name in arguments.cases or CASES:
            if arguments.labels:
                save(name, CASES[name].expected())
                continue
            try:
                Making(CASES[name], emulator, arguments.lab.resolve()).make()
                print(f"{name}: made", flush=True)
            except SystemExit as error:
                failed.append(name)
                print(error, file=sys.stderr, flush=True)
    finally:
        emulator.stop()
    readme.write(PLANS)
    if failed:
        raise SystemExit(f"make.py: not made: {' '.join(failed)}")


if __name__ == "__main__":
    main()
