"""First inputs for the fuzz targets, from plans of a real Terraform: seeds.py PLANS SEEDS"""

import json
import pathlib
import sys
import zipfile

plans, seeds = map(pathlib.Path, sys.argv[1:])
folders = {name: seeds / name for name in ("json", "stream", "plan_file")}
for folder in folders.values():
    folder.mkdir(parents=True, exist_ok=True)


def state(entries, side, serial):
    """A state as the plan file holds it: one instance for each entry of the plan."""
    resources = [
        {
            "mode": entry["mode"],
            "type": entry["type"],
            "name": entry["name"],
            "provider": f'provider["{entry["provider_name"]}"]',
            "instances": [
                {
                    "schema_version": 0,
                    "attributes": entry["change"][side],
                    "sensitive_attributes": [[{"type": "get_attr", "value": "value"}]],
                }
            ],
        }
        for entry in entries
        if entry["change"].get(side) is not None
    ]
    head = {"version": 4, "terraform_version": "1.11.4", **serial}
    return json.dumps({**head, "outputs": {}, "resources": resources})


for plan in sorted(plans.glob("*.plan.json")):
    name = plan.name.removesuffix(".plan.json")
    text = plan.read_bytes()
    (folders["json"] / name).write_bytes(text)
    (folders["stream"] / name).write_bytes(b"\x07\xff\x01\x40" + text)
    document = json.loads(text)
    drift = document.get("resource_drift", [])
    before = drift + [
        entry
        for entry in document["resource_changes"]
        if entry["address"] not in {moved["address"] for moved in drift}
    ]
    with zipfile.ZipFile(folders["plan_file"] / name, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfplan", b"\x08\x03")
        base = {"serial": 7, "lineage": "5c0e0a3f-0000-4000-8000-000000000001"}
        archive.writestr("tfstate", state(document["resource_changes"], "before", base))
        archive.writestr("tfstate-prev", state(before, "before", {"serial": 0, "lineage": ""}))
        archive.writestr("tfconfig/m-/main.tf", 'resource "terraform_data" "a" {}\n')
