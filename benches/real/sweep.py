"""How fast a daemon sweeps a fleet, against bare plans that `xargs -P` runs side by side.

  benches/real/run.sh sweep [--stacks 24] [--rounds 2] [--widths 1,2,3,4]

Starts the test lab, applies stacks of 15 resources
with the real AWS provider, and then measures in turn, for each width: how long `terraform plan
-lock=false` takes in all directories under `xargs -P WIDTH`, and how long `mooring serve` with
`jobs: WIDTH` takes to look at all of them when it is asked to. It prints stacks a minute, the best
round of each.
"""

import argparse
import json
import shutil
import subprocess
import time
from urllib.parse import quote

from estate import Daemon, add_arguments, aws_stack, estate

QUIET = 'schedule: "0 0 1 1 *"\npolicy: { mode: observe }\n'


def main():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--stacks", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--widths", default="1,2,3,4")
    arguments = parser.parse_args()
    widths = [int(width) for width in arguments.widths.split(",")]
    with estate(arguments.lab) as place:
        names = [f"stack{n}" for n in range(arguments.stacks)]
        place.apply({name: aws_stack(name, more=True) for name in names})
        place.commit("All stacks")
        print(f"{len(names)} stacks of 15 resources, in sync: stacks a minute, the best of {arguments.rounds} rounds")
        print(f"{'width':>6}{'xargs':>10}{'mooring':>10}{'against':>10}")
        best = {"xargs": 0.0, "mooring": 0.0}
        for width in widths:
            bare = max(of_xargs(place, names, width) for _ in range(arguments.rounds))
            swept = of_daemon(arguments, place, names, width)
            best = {"xargs": max(best["xargs"], bare), "mooring": max(best["mooring"], swept)}
            print(f"{width:>6}{bare:>10.1f}{swept:>10.1f}{swept / bare:>9.2f}x", flush=True)
        print(f"{'best':>6}{best['xargs']:>10.1f}{best['mooring']:>10.1f}{best['mooring'] / best['xargs']:>9.2f}x")


def of_xargs(place, names, width):
    began = time.monotonic()
    subprocess.run(
        ["xargs", "-P", str(width), "-I{}", "terraform", "-chdir={}", "plan", "-lock=false", "-input=false"],
        input="\n".join(names),
        text=True,
        cwd=place.tree,
        env=place.env,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return 60 * len(names) / (time.monotonic() - began)


def of_daemon(arguments, place, names, width):
    # The one before has looked at all of them.
    shutil.rmtree(place.dir / "data", ignore_errors=True)
    daemon = Daemon(arguments.mooring.resolve(), place, f"jobs: {width}\n{QUIET}")
    try:
        done = lambda: daemon.metric("mooring_runs_total")
        daemon.until(lambda: done() >= len(names))
        best = 0.0
        for _ in range(arguments.rounds):
            before, began = done(), time.monotonic()
            for name in names:
                daemon.get(f"/api/v1/stacks/{quote('infra/' + name, safe='')}/plan", b"{}")
            daemon.until(lambda: done() >= before + len(names))
            best = max(best, 60 * len(names) / (time.monotonic() - began))
        stacks = json.loads(daemon.get("/api/v1/stacks"))["stacks"]
        assert all(stack["verdict"] == "in_sync" for stack in stacks), stacks
        return best
    finally:
        daemon.stop()


if __name__ == "__main__":
    main()
