"""Every action, with every reason Terraform gives for one. Made with the built-in provider."""

from case import Case, cli

ONE = 'resource "terraform_data" "a" {\n  input = "x1"\n}\n'
ONE_MOVED_ON = ONE.replace("x1", "x2")
TWO = ONE + 'resource "terraform_data" "b" {\n  input = "y1"\n}\n'
# What an update of a terraform_data shows: its output follows from its input.
UPDATED = {"input": "pending", "output": "consequence"}
OTHER_STATE = """{"version": 4, "terraform_version": "1.11.4", "serial": 1,
 "lineage": "11111111-2222-3333-4444-555555555555",
 "outputs": {"v": {"value": "VALUE", "type": "string"}}, "resources": []}
"""


def reading(value="1", more=""):
    """A stack that reads another one's state."""
    data = 'data "terraform_remote_state" "s" {\n  backend = "local"\n' + (
        f'  config  = {{ path = "other.tfstate" }}\n{more}}}\n'
    )
    return {"main.tf": ONE + data, "other.tfstate": OTHER_STATE.replace("VALUE", value)}


def replaced(trigger, lifecycle=""):
    return f'resource "terraform_data" "a" {{\n  triggers_replace = "{trigger}"\n{lifecycle}}}\n'


CBD = "  lifecycle {\n    create_before_destroy = true\n  }\n"
def counted(count):
    return f'resource "terraform_data" "a" {{\n  count = {count}\n  input = "x1"\n}}\n'


def each(keys):
    return f'resource "terraform_data" "a" {{\n  for_each = toset({keys})\n  input = "x1"\n}}\n'


def triggered(value):
    return (
        ONE.replace("x1", value)
        + 'resource "terraform_data" "b" {\n  lifecycle {\n'
        + "    replace_triggered_by = [terraform_data.a]\n  }\n}\n"
    )




def called(keys):
    return {"main.tf": f'module "m" {{\n  source   = "./m"\n  for_each = toset({keys})\n}}\n', "m/main.tf": ONE}


REMOVED = "removed {\n  from = terraform_data.a\n  lifecycle {\n    destroy = DESTROY\n  }\n}\n"
CREATED = {"<create>": "pending"}
DELETED = {"<delete>": "pending"}

CASES = [
    Case("action_no_op", "nothing changed since the apply", ONE, exit=0, verdict="in_sync"),
    Case("action_create", "a resource was added to the code", ONE, TWO,
         findings={"terraform_data.b": CREATED},
         more={"actions": {"terraform_data.b": "create"}}),
    Case("action_create_all", "a stack that was never applied", None, TWO,
         findings={"terraform_data.a": CREATED, "terraform_data.b": CREATED}),
    Case("action_update", "an argument changed in the code", ONE, ONE_MOVED_ON,
         findings={"terraform_data.a": UPDATED},
         more={"actions": {"terraform_data.a": "update"}}),
    Case("action_delete", "a resource was removed from the code", TWO, ONE,
         findings={"terraform_data.b": DELETED},
         more={"actions": {"terraform_data.b": "delete"},
               "reasons": {"terraform_data.b": "delete_because_no_resource_config"}}),
    Case("action_replace", "a trigger changed in the code: destroyed, then created",
         replaced("1"), replaced("2"), replace=("terraform_data.a",),
         findings={"terraform_data.a": {"triggers_replace": "pending"}},
         more={"actions": {"terraform_data.a": "replace"},
               "reasons": {"terraform_data.a": "replace_because_cannot_update"}}),
    Case("action_replace_create_first", "the same with create_before_destroy",
         replaced("1", CBD), replaced("2", CBD), replace=("terraform_data.a",),
         findings={"terraform_data.a": {"triggers_replace": "pending"}},
         more={"actions": {"terraform_data.a": "replace"}}),
    Case("action_forget", "a removed block lets the object stand", ONE,
         REMOVED.replace("DESTROY", "false"),
         findings={"terraform_data.a": {"<forget>": "pending"}},
         more={"actions": {"terraform_data.a": "forget"}}),
    Case("action_removed_destroy", "a removed block destroys the object", ONE,
         REMOVED.replace("DESTROY", "true"),
         findings={"terraform_data.a": DELETED},
         more={"actions": {"terraform_data.a": "delete"}}),
    Case("reason_tainted", "somebody tainted the object", ONE,
         steps=(cli("taint", "terraform_data.a"),), replace=("terraform_data.a",),
         findings={"terraform_data.a": {"<replace>": "pending"}},
         more={"reasons": {"terraform_data.a": "replace_because_tainted"}}),
    Case("reason_by_request", "planned with -replace", ONE, flags=("-replace=terraform_data.a",),
         replace=("terraform_data.a",), findings={"terraform_data.a": {"<replace>": "pending"}},
         more={"reasons": {"terraform_data.a": "replace_by_request"}}),
    Case("reason_triggered", "replace_triggered_by another resource that changes",
         triggered("x1"), triggered("x2"), replace=("terraform_data.b",),
         findings={"terraform_data.a": UPDATED, "terraform_data.b": {"<replace>": "pending"}},
         more={"reasons": {"terraform_data.b": "replace_by_triggers"}}),
    Case("reason_count_index", "count went from two to one", counted(2), counted(1),
         findings={"terraform_data.a[1]": DELETED},
         more={"reasons": {"terraform_data.a[1]": "delete_because_count_index"}}),
    Case("reason_each_key", "a key of for_each went away", each('["k1", "k2"]'), each('["k1"]'),
         findings={'terraform_data.a["k2"]': DELETED},
         more={"reasons": {'terraform_data.a["k2"]': "delete_because_each_key"}}),
    Case("reason_wrong_repetition", "count became for_each without a moved block",
         counted(1), each('["k1"]'),
         findings={"terraform_data.a[0]": DELETED, 'terraform_data.a["k1"]': CREATED},
         more={"reasons": {"terraform_data.a[0]": "delete_because_wrong_repetition"}}),
    Case("reason_no_module", "an instance of a module went away", called('["k1", "k2"]'), called('["k1"]'),
         findings={'module.m["k2"].terraform_data.a': DELETED},
         more={"reasons": {'module.m["k2"].terraform_data.a': "delete_because_no_module"}}),
    Case("reason_module_removed", "a module call was removed", called('["k1"]'), TWO,
         findings={'module.m["k1"].terraform_data.a': DELETED,
                   "terraform_data.a": CREATED, "terraform_data.b": CREATED},
         more={"reasons": {'module.m["k1"].terraform_data.a': "delete_because_no_resource_config"}}),
    Case("reason_no_move_target", "a moved block leads to an address that is not in the code",
         ONE, "moved {\n  from = terraform_data.a\n  to   = terraform_data.b\n}\n",
         findings={"terraform_data.b": DELETED}, moved={"terraform_data.b": "terraform_data.a"},
         more={"reasons": {"terraform_data.b": "delete_because_no_move_target"}}),
    Case("data_read_at_plan", "a data source that is read while planning", reading(),
         exit=0, verdict="in_sync"),
    Case("data_value_moved", "a data source's value moved: a plan cannot tell it from code",
         reading("1") | {"use.tf": "resource \"terraform_data\" \"b\" {\n  input = data.terraform_remote_state.s.outputs.v\n}\n"},
         reading("2") | {"use.tf": "resource \"terraform_data\" \"b\" {\n  input = data.terraform_remote_state.s.outputs.v\n}\n"},
         findings={"terraform_data.b": UPDATED}),
    Case("data_deferred_by_dependency", "a data source waits for a pending change",
         reading(more="  depends_on = [terraform_data.a]\n"),
         {"main.tf": reading(more="  depends_on = [terraform_data.a]\n")["main.tf"].replace("x1", "x2")},
         findings={"data.terraform_remote_state.s": {}, "terraform_data.a": UPDATED},
         more={"actions": {"data.terraform_remote_state.s": "read"},
               "reasons": {"data.terraform_remote_state.s": "read_because_dependency_pending"}}),
    Case("data_deferred_unknown", "a data source whose arguments are known after the apply",
         {"main.tf": reading()["main.tf"].replace('"other.tfstate"', "terraform_data.a.output")
          .replace("x1", "other.tfstate"), "other.tfstate": OTHER_STATE},
         {"main.tf": reading()["main.tf"].replace('"other.tfstate"', "terraform_data.a.output")
          .replace("x1", "./other.tfstate")},
         findings={"data.terraform_remote_state.s": {}, "terraform_data.a": UPDATED},
         more={"reasons": {"data.terraform_remote_state.s": "read_because_config_unknown"}}),
]
