"""An hour in the life of a mixed fleet under a memory limit.

  benches/real/run.sh soak [--minutes 60] [--memory-mb 1200] [--every 10]

Needs root, for a control group of its own. Starts the test lab and applies stacks of the real AWS provider, small ones that no cloud knows, and a few so
large that the group has no room for two of them beside each other. `mooring serve` then looks at all of them
every few minutes and heals, while somebody changes tags by hand twice a minute and pushes code each
three minutes. It prints what the daemon used as it goes, and at the end whether anything was killed,
leaked, late or left unrepaired; the exit code is 1 if anything was.
"""

import argparse
import json
import os
import random
import sqlite3
import time
from pathlib import Path

from estate import Daemon, add_arguments, aws_stack, estate, plain_stack

CGROUPS = Path("/sys/fs/cgroup")


class Group:
    """A control group with a memory limit, version 2 or 1."""

    def __init__(self, limit):
        controllers = CGROUPS / "cgroup.controllers"
        self.new = controllers.exists() and "memory" in controllers.read_text().split()
        name = f"mooring-soak-{os.getpid()}"
        self.dir = (CGROUPS if self.new else CGROUPS / "memory") / name
        self.dir.mkdir()
        if self.new:
            (self.dir / "memory.swap.max").write_text("0")
        (self.dir / ("memory.max" if self.new else "memory.limit_in_bytes")).write_text(str(limit))

    def join(self):
        (self.dir / "cgroup.procs").write_text(str(os.getpid()))

    def fields(self, file):
        return dict(line.split(" ", 1) for line in (self.dir / file).read_text().splitlines())

    def anonymous(self):
        stat = self.fields("memory.stat")
        return int(stat["anon" if self.new else "total_rss"])

    def kills(self):
        return int(self.fields("memory.events" if self.new else "memory.oom_control")["oom_kill"])

    def remove(self):
        self.dir.rmdir()


def main():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--memory-mb", type=int, default=1200)
    parser.add_argument("--every", type=int, default=10, help="minutes between two looks at a stack")
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--aws", type=int, default=40)
    parser.add_argument("--plain", type=int, default=100)
    parser.add_argument("--large", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    group = Group(arguments.memory_mb << 20)
    try:
        with estate(arguments.lab) as place:
            return soak(arguments, place, group)
    finally:
        group.remove()


def soak(arguments, place, group):
    stacks = {f"aws{n:03}": aws_stack(f"aws{n:03}", more=False) for n in range(arguments.aws)}
    stacks |= {f"plain{n:03}": plain_stack(f"plain{n:03}", 3 + n % 20) for n in range(arguments.plain)}
    stacks |= {f"large{n:03}": plain_stack(f"large{n:03}", 1500 + 500 * n) for n in range(arguments.large)}
    began = time.monotonic()
    place.apply(stacks)
    place.commit("All stacks")
    print(f"{len(stacks)} stacks applied in {time.monotonic() - began:.0f} s", flush=True)
    settings = f"""jobs: {arguments.jobs}
schedule: "*/{arguments.every} * * * *"
jitter: {max(1, arguments.every - 2)}m
policy:
  mode: heal
  confirm_after: 5s
  limits: {{ stack: {{ applies: 10, within: 1h }}, fleet: {{ applies: 1000, within: 1h }} }}
  safe:
    - {{ type: aws_s3_bucket, attributes: [tags] }}
"""
    daemon = Daemon(arguments.mooring.resolve(), place, settings, group.join)
    try:
        daemon.until(lambda: daemon.metric("mooring_runs_total") >= len(stacks))
        print(f"first looks at {time.monotonic() - began:.0f} s", flush=True)
        seen = live(arguments, place, group, daemon)
        daemon.until(lambda: not unsettled(daemon, seen["last_by_hand"]), within=180 * arguments.every)
        seen["left"] = left_behind(place.dir / "data/scratch", older_than=600)
    finally:
        code = daemon.stop()
    return tell(arguments, place, seen, len(stacks), code)


def live(arguments, place, group, daemon):
    chance = random.Random(arguments.seed)
    buckets = [f"aws{n:03}-{m}" for n in range(arguments.aws) for m in range(2)]
    chance.shuffle(buckets)
    seen = {"by_hand": 0, "last_by_hand": "", "pushes": 0, "anonymous": 0, "samples": []}
    began = time.monotonic()
    marks = {"hand": 30, "push": 180, "look": 0}
    print(f"{'minute':>7}{'anon MB':>9}{'own MB':>8}{'fds':>6}{'threads':>9}{'runs':>7}{'applies':>9}{'kills':>7}")
    while (passed := time.monotonic() - began) < 60 * arguments.minutes:
        seen["anonymous"] = max(seen["anonymous"], group.anonymous())
        if passed >= marks["hand"] and buckets:
            place.by_hand("retag-bucket", buckets.pop(), "Env", f"hacked-{seen['by_hand']}")
            seen["by_hand"] += 1
            seen["last_by_hand"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            marks["hand"] += 30
        if passed >= marks["push"]:
            name = f"plain{chance.randrange(arguments.plain):03}"
            with open(place.tree / name / "main.tf", "a") as code:
                code.write(f"# {seen['pushes']}\n")
            place.commit(f"A comment in {name}")
            seen["pushes"] += 1
            marks["push"] += 180
        if passed >= marks["look"]:
            sample(group, daemon, seen, passed)
            marks["look"] += 300
        time.sleep(0.5)
    sample(group, daemon, seen, time.monotonic() - began)
    seen["kills"] = group.kills()
    return seen


def sample(group, daemon, seen, passed):
    at = Path(f"/proc/{daemon.process.pid}")
    status = dict(line.split(":", 1) for line in (at / "status").read_text().splitlines())
    own = int(status["RssAnon"].split()[0]) / 1024
    fds, threads = len(list((at / "fd").iterdir())), int(status["Threads"])
    runs, applies = daemon.metric("mooring_runs_total"), daemon.metric("mooring_applies_total")
    seen["samples"].append((passed, own, fds))
    print(
        f"{passed / 60:>7.0f}{group.anonymous() / 2**20:>9.0f}{own:>8.1f}{fds:>6}{threads:>9}"
        f"{runs:>7.0f}{applies:>9.0f}{group.kills():>7}",
        flush=True,
    )


def unsettled(daemon, since):
    """Stacks that are not in sync, or were not looked at since then."""

    def is_settled(stack):
        return stack["verdict"] == "in_sync" and stack["checked_at"] > since

    stacks = json.loads(daemon.get("/api/v1/stacks"))["stacks"]
    return [stack["stack"] for stack in stacks if not is_settled(stack)]


def left_behind(scratch, older_than):
    """Old files, but for those that remember what was initialised with what."""
    files = (path for path in scratch.rglob("*") if path.is_file() and not path.is_symlink())
    files = (path for path in files if path.suffix not in (".init", ".lock"))
    return [str(path.relative_to(scratch)) for path in files if path.stat().st_mtime < time.time() - older_than]


def tell(arguments, place, seen, stacks, code):
    database = sqlite3.connect(place.dir / "data/mooring.db")
    rows = database.execute("SELECT trigger_reason, outcome, queued_at, ended_at FROM runs").fetchall()
    waits = sorted((ended - queued) / 1e6 for why, _, queued, ended in rows if why == "schedule" and ended)
    late = sum(wait > 60 * arguments.every for wait in waits)
    expected = stacks * int(arguments.minutes // arguments.every - 1)
    outcomes = {}
    for why, outcome, _, _ in rows:
        key = f"{why}: {json.loads(outcome)['kind'] if outcome and outcome.startswith('{') else outcome}"
        outcomes[key] = outcomes.get(key, 0) + 1
    half = 30 * arguments.minutes
    settled = [own for passed, own, _ in seen["samples"] if passed > half] or [seen["samples"][-1][1]]
    grown, fds = settled[-1] - settled[0], seen["samples"][-1][2] - seen["samples"][0][2]
    limit = arguments.memory_mb
    print(f"runs by trigger and outcome: {dict(sorted(outcomes.items()))}")
    print(f"scheduled looks: {len(waits)}, at least {expected} expected; from queued to ended "
          f"{waits[len(waits) // 2]:.0f} s in the middle, {waits[-1]:.0f} s at most; late: {late}")
    print(f"by hand: {seen['by_hand']}, all repaired; pushes: {seen['pushes']}")
    print(f"anonymous memory of the group: {seen['anonymous'] / 2**20:.0f} MB at most, of {limit}; killed: {seen['kills']}")
    print(f"the daemon itself: {settled[0]:.1f} MB at half time, {settled[-1]:.1f} at the end; "
          f"files open: {fds:+}; left in scratch: {seen['left'] or 'nothing'}; exit code {code}")
    faults = {
        "killed": seen["kills"] > 0,
        "late": late > 0 or len(waits) < expected,
        "leaked": grown > 10 or fds > 10 or bool(seen['left']),
        "broken": code != 0,
    }
    wrong = [fault for fault, is_so in faults.items() if is_so]
    print("nothing was killed, leaked or late" if not wrong else f"WRONG: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
