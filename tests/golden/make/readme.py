"""Writes the table of cases in ../README.md."""

import json
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
HEAD = "| case | made by | what it shows |\n|---|---|---|\n"


def write(plans):
    """One line per case, from the `.expected.json` files."""
    lines = []
    for path in sorted(plans.glob("*.expected.json")):
        truth = json.loads(path.read_text())
        made = "hand" if "by_hand" in truth else truth.get("made_by", "")
        shows = truth.get("shows", "").replace("|", "\\|")
        lines.append(f"| {path.name.removesuffix('.expected.json')} | {made} | {shows} |\n")
    text = README.read_text()
    start = text.index(HEAD) + len(HEAD)
    README.write_text(text[:start] + "".join(lines))
