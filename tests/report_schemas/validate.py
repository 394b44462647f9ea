"""Validates reports: validate.py FILE...; *.xml against junit-10.xsd, *.json against the SARIF schema.

Prints what is wrong, one a line, and exits 1 if anything is.
"""

import json
import sys
from pathlib import Path

import jsonschema
import xmlschema

here = Path(__file__).parent
junit = xmlschema.XMLSchema(here / "junit-10.xsd")
sarif = jsonschema.Draft7Validator(json.loads((here / "sarif-schema-2.1.0.json").read_text()))


def errors(path):
    if path.suffix == ".xml":
        return [f"{error.path}: {error.reason}" for error in junit.iter_errors(str(path))]
    report = json.loads(path.read_text())
    return [f"{error.json_path}: {error.message}" for error in sarif.iter_errors(report)]


wrong = [f"{path}: {error}" for path in map(Path, sys.argv[1:]) for error in errors(path)]
print("\n".join(wrong))
sys.exit(bool(wrong))
