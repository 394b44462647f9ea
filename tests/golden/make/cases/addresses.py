"""Moves, imports, and addresses that are hard to write."""

from case import Case, cli

from .actions import CREATED, DELETED, ONE, UPDATED, counted, each

MOVED = "moved {\n  from = FROM\n  to   = TO\n}\n"


def moved(source, target):
    return MOVED.replace("FROM", source).replace("TO", target)


RENAMED = ONE.replace('"a"', '"b"') + moved("terraform_data.a", "terraform_data.b")
CALLED = 'module "m" {\n  source = "./m"\n}\n'
IMPORT = 'import {\n  to = terraform_data.a\n  id = "imported-by-id"\n}\n'
BARE = 'resource "terraform_data" "a" {}\n'

# Keys with everything that is escaped in an address, as HCL spells them, and the same in a path.
KEYS = '["a.b", "quo\\"te", "[x]", "ünï\\u2603", "$${x}", "%%{if}", "back\\\\slash", "", "tab\\there"]'
NESTED = {
    "main.tf": 'module "m" {\n  source   = "./m"\n  for_each = toset(["a.b[\\"c\\"]", "$${k}"])\n}\n',
    "m/main.tf": 'module "n" {\n  source = "./n"\n  count  = 2\n}\n',
    "m/n/main.tf": 'resource "terraform_data" "a" {\n  for_each = toset(["x.y"])\n  input    = "x1"\n}\n',
}


def deep(value):
    """The nested modules, less deep: directories of modules hold no directories here."""
    files = dict(NESTED)
    del files["m/n/main.tf"]
    files["m/main.tf"] = files["m/main.tf"].replace("./n", "../n")
    files["n/main.tf"] = NESTED["m/n/main.tf"].replace("x1", value)
    return files


CASES = [
    Case("moved", "a moved block, nothing else", ONE, RENAMED,
         findings={"terraform_data.b": {}}, moved={"terraform_data.b": "terraform_data.a"},
         more={"actions": {"terraform_data.b": "none"}}),
    Case("moved_changed", "a moved block, and the code changed", ONE, RENAMED.replace("x1", "x2"),
         findings={"terraform_data.b": UPDATED}, moved={"terraform_data.b": "terraform_data.a"},
         more={"actions": {"terraform_data.b": "update"}}),
    Case("moved_to_module", "a moved block into a module", ONE,
         {"main.tf": CALLED + moved("terraform_data.a", "module.m.terraform_data.a"), "m/main.tf": ONE},
         findings={"module.m.terraform_data.a": {}},
         moved={"module.m.terraform_data.a": "terraform_data.a"}),
    Case("moved_module", "a module call was renamed with a moved block",
         {"main.tf": CALLED, "m/main.tf": ONE},
         {"main.tf": CALLED.replace('"m"', '"n"') + moved("module.m", "module.n"), "m/main.tf": ONE},
         findings={"module.n.terraform_data.a": {}},
         moved={"module.n.terraform_data.a": "module.m.terraform_data.a"}),
    Case("moved_count_to_each", "count became for_each with moved blocks", counted(2),
         each('["k1", "k2"]') + moved("terraform_data.a[0]", 'terraform_data.a["k1"]')
         + moved("terraform_data.a[1]", 'terraform_data.a["k2"]'),
         findings={'terraform_data.a["k1"]': {}, 'terraform_data.a["k2"]': {}},
         moved={'terraform_data.a["k1"]': "terraform_data.a[0]",
                'terraform_data.a["k2"]': "terraform_data.a[1]"}),
    Case("moved_implied", "count was added: Terraform moves the object by itself", ONE, counted(1),
         findings={"terraform_data.a[0]": {}}, moved={"terraform_data.a[0]": "terraform_data.a"}),
    Case("moved_replaced", "a moved block, and a trigger changed in the code",
         'resource "terraform_data" "a" {\n  triggers_replace = "1"\n}\n',
         'resource "terraform_data" "b" {\n  triggers_replace = "2"\n}\n'
         + moved("terraform_data.a", "terraform_data.b"),
         findings={"terraform_data.b": {"triggers_replace": "pending"}}, replace=("terraform_data.b",),
         moved={"terraform_data.b": "terraform_data.a"}),
    Case("import_no_op", "an import block, the object is as the code wants it", None, BARE + IMPORT,
         findings={"terraform_data.a": {}},
         more={"actions": {"terraform_data.a": "none"}, "importing": ["terraform_data.a"]}),
    Case("import_update", "an import block, and the code wants the object otherwise", None,
         ONE + IMPORT, findings={"terraform_data.a": UPDATED},
         more={"actions": {"terraform_data.a": "update"}, "importing": ["terraform_data.a"]}),
    Case("import_replace", "an import block, and a trigger that is not the imported one", None,
         'resource "terraform_data" "a" {\n  triggers_replace = "1"\n}\n' + IMPORT,
         findings={"terraform_data.a": {"triggers_replace": "pending"}}, replace=("terraform_data.a",),
         more={"importing": ["terraform_data.a"]}),
    Case("keys_to_escape", "instance keys with quotes, dots, brackets, templates and backslashes",
         each(KEYS), each(KEYS).replace("x1", "x2"),
         findings={f'terraform_data.a["{key}"]': UPDATED for key in (
             "", "a.b", 'quo\\"te', "[x]", "ünï☃", "$${x}", "%%{if}", "back\\\\slash", "tab\\there",
         )}),
    Case("keys_of_modules", "nested modules with count and keys to escape", deep("x1"), deep("x2"),
         findings={f'module.m["{key}"].module.n[{index}].terraform_data.a["x.y"]': UPDATED
                   for key in ('a.b[\\"c\\"]', "$${k}") for index in (0, 1)}),
    Case("keys_of_maps", "map keys with dots and quotes in an attribute path",
         'resource "terraform_data" "a" {\n  input = { "a.b" = { "c\\"d" = "1", "" = "1" }, plain = "1" }\n}\n',
         'resource "terraform_data" "a" {\n  input = { "a.b" = { "c\\"d" = "2", "" = "2" }, plain = "1" }\n}\n',
         findings={"terraform_data.a": {'input."a.b"."c\\"d"': "pending", 'input."a.b".""': "pending",
                                        "output": "consequence"}}),
]
