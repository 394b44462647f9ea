"""First inputs for the fuzz targets, from plans of a real Terraform: seeds.py PLANS SEEDS"""

import pathlib
import shutil
import sys

plans, seeds = map(pathlib.Path, sys.argv[1:])
folders = {name: seeds / name for name in ("json", "stream", "plan_file")}
for folder in folders.values():
    folder.mkdir(parents=True, exist_ok=True)
for plan in sorted(plans.glob("*.plan.json")):
    name = plan.name.removesuffix(".plan.json")
    text = plan.read_bytes()
    (folders["json"] / name).write_bytes(text)
    (folders["stream"] / name).write_bytes(b"\x07\xff\x01\x40" + text)
for plan in sorted(plans.glob("*.tfplan")):
    shutil.copyfile(plan, folders["plan_file"] / plan.stem)
