"""The cases, by name."""

from . import actions, addresses, checks, deposed, drift, drift_more, kinds, secrets, versions

ALL = [
    case
    for module in (actions, addresses, checks, deposed, drift, drift_more, kinds, secrets, versions)
    for case in module.CASES
]
CASES = {case.name: case for case in ALL}
assert len(CASES) == len(ALL), "two cases have one name"
