"""Kinds of values: numbers, lists, nested objects."""

from case import Case

from .actions import UPDATED


def valued(value):
    return f'resource "terraform_data" "a" {{\n  input = {value}\n}}\n'


CASES = [
    Case("number_big", "a number that a double cannot hold changed by one",
         valued("9007199254740993"), valued("9007199254740992"), findings={"terraform_data.a": UPDATED}),
    Case("number_huge", "numbers far beyond a double", valued("1e400"), valued("2e400"),
         findings={"terraform_data.a": UPDATED}),
    Case("number_huge_kept", "numbers far beyond a double, unchanged",
         valued("{ huge = 1e400, tiny = 1e-400, long = 0.123456789012345678901234567890123456789 }"),
         exit=0, verdict="in_sync"),
    Case("number_respelt", "the code spells the same numbers differently",
         valued("{ a = 1, b = 100, c = 0.5 }"), valued("{ a = 1.0, b = 1e2, c = 5e-1 }"),
         exit=0, verdict="in_sync"),
    Case("number_to_text", "a number became a text of the same digits", valued("17"), valued('"17"'),
         findings={"terraform_data.a": UPDATED}),
    Case("list_reordered", "the code reordered a list", valued('["a", "b"]'), valued('["b", "a"]'),
         findings={"terraform_data.a": UPDATED}),
    Case("set_reordered", "the code reordered a set: no change", valued('toset(["a", "b"])'),
         valued('toset(["b", "a"])'), exit=0, verdict="in_sync"),
    Case("list_of_objects", "one field of one item changed in the code: lists are compared whole",
         valued('[{ n = "1", v = "a" }, { n = "2", v = "b" }]'),
         valued('[{ n = "1", v = "a" }, { n = "2", v = "c" }]'), findings={"terraform_data.a": UPDATED}),
    Case("null_to_empty", "the code set a null to an empty text: a planned change",
         valued('{ a = tostring(null), b = "1" }'), valued('{ a = "", b = "1" }'),
         findings={"terraform_data.a": {"input.a": "pending", "output": "consequence"}}),
    Case("nested_objects", "three values deep in an object changed, were added and were removed in the code",
         valued('{ a = { b = { c = "1", gone = "1" }, same = "1" } }'),
         valued('{ a = { b = { c = "2", new = "1" }, same = "1" } }'),
         findings={"terraform_data.a": {"input.a.b.c": "pending", "input.a.b.gone": "pending",
                                        "input.a.b.new": "pending", "output": "consequence"}}),
    Case("replace_path_object", "a trigger that is an object: the path that forces is its root",
         'resource "terraform_data" "a" {\n  triggers_replace = { a = "1", b = "1" }\n}\n',
         'resource "terraform_data" "a" {\n  triggers_replace = { a = "2", b = "1" }\n}\n',
         replace=("terraform_data.a",), findings={"terraform_data.a": {"triggers_replace": "pending"}}),
    Case("consequences", "a change in the code that runs through three resources",
         valued('"x1"') + 'resource "terraform_data" "b" {\n  input = terraform_data.a.output\n}\n'
         'resource "terraform_data" "c" {\n  input = { from = terraform_data.b.output, own = "1" }\n}\n',
         valued('"x2"') + 'resource "terraform_data" "b" {\n  input = terraform_data.a.output\n}\n'
         'resource "terraform_data" "c" {\n  input = { from = terraform_data.b.output, own = "1" }\n}\n',
         findings={"terraform_data.a": UPDATED,
                   "terraform_data.b": {"input": "consequence", "output": "consequence"},
                   "terraform_data.c": {"input.from": "consequence", "output": "consequence"}}),
]
