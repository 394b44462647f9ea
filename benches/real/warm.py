"""What a warm check of AWS stacks that are in sync costs, against bare plans of the same stacks.

  benches/real/run.sh warm [--stacks 6] [--rounds 3]

Starts the test lab, applies stacks of 15 resources
with the real AWS provider, and then measures in turn, round by round, the processor time of all
processes: `terraform plan -lock=false` in each directory; `mooring check` over the tree; `tfdrift`
over it. It prints the best round of each, and what each of them
reported although nothing had moved.
"""

import argparse
import json
import resource
import time

from estate import ROOT, add_arguments, aws_stack, estate, run


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
    parser.add_argument("--stacks", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with estate(arguments.lab) as place:
        names = [f"stack{n}" for n in range(arguments.stacks)]
        dirs = place.apply({name: aws_stack(name) for name in names})
        compare(arguments, dirs, place)


def compare(arguments, dirs, place):
    mooring, env, tree = arguments.mooring.resolve(), place.env, place.tree

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
