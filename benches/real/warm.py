"""What a warm check of AWS stacks that are in sync costs, against bare plans of the same stacks.

  benches/real/run.sh warm [--stacks 8] [--rounds 3] [--width CPUS]

Starts the test lab, applies stacks of 15 resources
with the real AWS provider, and then measures in turn, round by round, the processor time of all
processes: `terraform plan -lock=false` in each directory, so many at once; `mooring check --jobs` of
the same width over the tree; `tfdrift` over it, with the width that it has by itself. It prints the
best round of each, and what each of them reported although nothing had moved.
"""

import argparse
import json
import os
import resource
import time
from concurrent.futures import ThreadPoolExecutor

from estate import ROOT, add_arguments, aws_stack, estate, run


PLAN = ["terraform", "plan", "-lock=false", "-input=false", "-no-color"]


def measured(work):
    def cpu():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before, began = cpu(), time.monotonic()
    said = work()
    return cpu() - before, time.monotonic() - began, said


def main():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--stacks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    with estate(arguments.lab) as place:
        names = [f"stack{n}" for n in range(arguments.stacks)]
        dirs = place.apply({name: aws_stack(name) for name in names})
        compare(arguments, dirs, place)


def compare(arguments, dirs, place):
    mooring, env, tree = arguments.mooring.resolve(), place.env, place.tree

    def bare():
        with ThreadPoolExecutor(arguments.width) as pool:
            list(pool.map(lambda at: run(PLAN, at, env), dirs))
        return 0

    def check():
        done = run([mooring, "check", "--jobs", str(arguments.width), "--format", "json", "."], tree, env, (0, 2))
        stacks = json.loads(done.stdout)["stacks"]
        assert len(stacks) == len(dirs), stacks
        return sum(stack["verdict"] != "in_sync" for stack in stacks)

    tools = {"terraform plan": bare, "mooring check": check}
    tfdrift = ROOT / "target/tfdrift/bin/tfdrift"
    if tfdrift.exists():

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
    print(f"{len(dirs)} stacks of 15 resources, in sync, {arguments.width} at once; the best of {arguments.rounds} rounds")
    print(f"{'':16}{'CPU s':>8}{'wall s':>8}{'CPU against plan':>18}{'false alarms':>14}")
    for name, (used, wall, said) in best.items():
        print(f"{name:16}{used:8.2f}{wall:8.2f}{used / base:17.2f}x{said:14}")
    if "tfdrift" in best:
        print(f"mooring check against tfdrift: {best['mooring check'][0] / best['tfdrift'][0]:.2f}x")


def alarms(text):
    summary = json.loads(text)["summary"]
    assert not summary["has_errors"], text
    return summary["workspaces_with_drift"]


if __name__ == "__main__":
    main()
