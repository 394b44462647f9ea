"""Checks, conditions, outputs, and plans that fail or leave something out."""

from case import Case, Write

from .actions import CREATED, DELETED, ONE, ONE_MOVED_ON, OTHER_STATE, TWO, UPDATED


def check(condition, data=""):
    return (
        f'check "c" {{\n{data}  assert {{\n    condition     = {condition}\n'
        '    error_message = "It is not as it should be."\n  }\n}\n'
    )


DATA = 'data "terraform_remote_state" "s" {\n    backend = "local"\n    config = { path = "other.tfstate" }\n  }\n'
DATA = "  " + DATA
OTHER = OTHER_STATE.replace("VALUE", "1")
CHECKED = {"main.tf": ONE + check('data.terraform_remote_state.s.outputs.v == "1"', DATA)}


def conditioned(name, kind, condition, more=""):
    return (
        f'resource "terraform_data" "{name}" {{\n  input = "y1"\n{more}  lifecycle {{\n    {kind} {{\n'
        f'      condition     = {condition}\n      error_message = "It must not be."\n    }}\n  }}\n}}\n'
    )


EACH = (
    'resource "terraform_data" "x" {\n  for_each = { good = "1", bad = "VALUE" }\n'
    "  input    = each.value\n  lifecycle {\n    postcondition {\n"
    '      condition     = self.input == "1"\n      error_message = "${each.key} must be 1."\n'
    "    }\n  }\n}\n"
)
OUTPUT = 'output "o" {\n  value = VALUE\n}\n'


def output(value, more=""):
    return OUTPUT.replace("VALUE", f"{value}\n{more}")


VARIABLE = (
    'variable "size" {\n  default = 3\n  validation {\n    condition     = var.size > 2\n'
    '    error_message = "Too small."\n  }\n}\n'
)

CASES = [
    Case("check_pass", "a check that holds", ONE + check('terraform_data.a.input == "x1"'),
         exit=0, verdict="in_sync"),
    Case("check_fail", "a check that fails; nothing else", ONE, ONE + check('terraform_data.a.input == "z"'),
         exit=0, verdict="in_sync", checks={"check.c": "fail"}),
    Case("check_error", "a check whose condition cannot be evaluated: the whole plan fails", ONE,
         ONE + check("tonumber(terraform_data.a.output) == 1"),
         exit=1, verdict="failed", checks={"check.c": "error"}),
    Case("check_data_unreadable", "a check whose data source cannot be read: it is planned to be read, exit code 2",
         CHECKED | {"other.tfstate": OTHER}, CHECKED, (Write("other.tfstate", "broken"),),
         findings={"data.terraform_remote_state.s": {}}, checks={"check.c": "fail"},
         more={"actions": {"data.terraform_remote_state.s": "read"},
               "reasons": {"data.terraform_remote_state.s": "read_because_check_nested"}}),
    Case("check_unknown", "a check that is known after the apply", ONE + check('terraform_data.a.output != ""'),
         ONE_MOVED_ON + check('terraform_data.a.output != ""'), findings={"terraform_data.a": UPDATED}),
    Case("check_nested_data", "a check's data source waits for a pending change",
         CHECKED | {"other.tfstate": OTHER},
         {"main.tf": CHECKED["main.tf"].replace("x1", "x2").replace("backend =", "depends_on = [terraform_data.a]\n    backend =")},
         findings={"terraform_data.a": UPDATED, "data.terraform_remote_state.s": {}},
         more={"actions": {"data.terraform_remote_state.s": "read"},
               "reasons": {"data.terraform_remote_state.s": "read_because_dependency_pending"}}),
    Case("check_in_modules", "a check in each instance of a module, failing in one", ONE,
         {"main.tf": ONE + 'module "m" {\n  source   = "./m"\n  for_each = { one = 1, two = 2 }\n  n        = each.value\n}\n',
          "m/main.tf": 'variable "n" {}\n' + check("var.n == 1")},
         exit=0, verdict="in_sync", checks={"module.m.check.c": "fail"}),
    Case("condition_pass", "conditions and a validation that hold",
         VARIABLE + conditioned("a", "precondition", "var.size == 3")
         + conditioned("b", "postcondition", 'self.input == "y1"'), exit=0, verdict="in_sync"),
    Case("condition_pre_fail", "a precondition fails: what is planned before it is only a part",
         ONE, ONE_MOVED_ON + conditioned("b", "precondition", 'terraform_data.a.input == "never"'),
         exit=1, verdict="failed", findings={"terraform_data.a": UPDATED},
         checks={"terraform_data.b": "fail"}),
    Case("condition_post_fail_each", "a postcondition fails for one instance of several",
         EACH.replace("VALUE", "1"), EACH.replace("VALUE", "2"),
         exit=1, verdict="failed", findings={'terraform_data.x["bad"]': UPDATED},
         checks={"terraform_data.x": "fail"}),
    Case("output_create", "an output was added", ONE, ONE + output('"v1"'), outputs={"o": "create"}),
    Case("output_update", "an output's value changed in the code", ONE + output('"v1"'), ONE + output('"v2"'),
         outputs={"o": "update"}),
    Case("output_delete", "an output was removed", ONE + output('"v1"'), ONE, outputs={"o": "delete"}),
    Case("output_sensitive", "a sensitive output's value changed in the code",
         ONE + output('"secret-value-1"', "  sensitive = true"), ONE + output('"secret-value-2"', "  sensitive = true"),
         outputs={"o": "update"}, more={"absent": ["secret-value-1", "secret-value-2"]}),
    Case("output_becomes_sensitive", "an output of the same value is sensitive from now on",
         ONE + output('"secret-value-1"'), ONE + output('"secret-value-1"', "  sensitive = true"),
         outputs={"o": "update"}, more={"absent": ["secret-value-1"]}),
    Case("output_follows", "an output follows from a pending change",
         ONE + output("terraform_data.a.output"), ONE_MOVED_ON + output("terraform_data.a.output"),
         findings={"terraform_data.a": UPDATED}, outputs={"o": "update"}),
    Case("zero_resources", "a stack without any resource", None, "locals {\n  nothing = 1\n}\n",
         exit=0, verdict="in_sync"),
    Case("zero_left", "the last resource was removed from the code", ONE, "locals {\n  nothing = 1\n}\n",
         findings={"terraform_data.a": DELETED}),
    Case("plan_destroy", "planned with -destroy", TWO + output('"v1"'), flags=("-destroy",),
         findings={"terraform_data.a": DELETED, "terraform_data.b": DELETED}, outputs={"o": "delete"}),
    Case("plan_targeted", "planned with -target: the other change is left out", TWO,
         ONE_MOVED_ON + TWO[len(ONE):].replace("y1", "y2"), flags=("-target=terraform_data.a",),
         verdict="failed", findings={"terraform_data.a": UPDATED}),
    Case("plan_targeted_nothing", "planned with -target at what has not changed", TWO,
         ONE + TWO[len(ONE):].replace("y1", "y2"), flags=("-target=terraform_data.a",),
         exit=0, verdict="failed"),
    Case("plan_refresh_only_nothing", "planned with -refresh-only; code waits and is not looked at",
         ONE, ONE_MOVED_ON, flags=("-refresh-only",), exit=0, verdict="failed"),
]
