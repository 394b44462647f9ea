"""Secrets: marked where they are, and found again elsewhere where nothing marks them."""

from case import Case, hand

from .actions import CREATED, UPDATED
from .kinds import valued

SENSITIVE = 'variable "pw" {\n  type      = string\n  default   = "DEFAULT"\n  sensitive = true\n}\n'
ONE_SECRET, OTHER_SECRET = "correct-horse-1", "battery-staple-2"
BOTH = [ONE_SECRET, OTHER_SECRET]


def secret(default):
    return SENSITIVE.replace("DEFAULT", default)


def twice(text, first=ONE_SECRET, second=OTHER_SECRET):
    """Before and after: the text with one default of the variable and with another."""
    return secret(first) + text, secret(second) + text


# The URL that is not marked: the code says so with nonsensitive().
URL = 'resource "terraform_data" "b" {\n  input = nonsensitive("postgres://app:${var.pw}@db/app")\n}\n'
IN_JSON = (
    'resource "terraform_data" "b" {\n'
    '  input = nonsensitive(jsonencode({ user = "app", password = var.pw }))\n}\n'
)
QUOTED, QUOTED_NEXT = 'say \\"hello\\" & <go>', 'say \\"goodbye\\" & <go>'
PARAMETER = 'resource "aws_ssm_parameter" "p" {\n  name  = "/app/p"\n  type  = "SecureString"\n  value = "VALUE"\n}\n'
TAGGED = """resource "aws_sqs_queue" "q" {
  name = "secret-tag"
  tags = {
    Plain = "a"
    Token = var.pw
  }
}
"""

CASES = [
    Case("secret_variable", "a sensitive variable's value changed in the code", *twice(valued("var.pw")),
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": BOTH}),
    Case("secret_nested", "a secret in one field of an object; another field changed beside it",
         secret(ONE_SECRET) + valued('{ pw = var.pw, plain = { n = "1" } }'),
         secret(OTHER_SECRET) + valued('{ pw = var.pw, plain = { n = "2" } }'),
         findings={"terraform_data.a": {"input.pw": "pending", "input.plain.n": "pending",
                                        "output": "consequence"}},
         more={"sensitive": {"terraform_data.a": ["input.pw"]}, "absent": BOTH}),
    Case("secret_only_after", "a value becomes sensitive: only the planned side is marked",
         valued(f'"{ONE_SECRET}"'), secret(OTHER_SECRET) + valued("var.pw"),
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": BOTH}),
    Case("secret_only_before", "a value is no longer sensitive: only the side before is marked",
         secret(ONE_SECRET) + valued("var.pw"), valued('"now-in-plain-text"'),
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": [ONE_SECRET]}),
    Case("secret_mark_only", "the same value, from now on marked sensitive: an update without a difference",
         valued(f'"{ONE_SECRET}"'), secret(ONE_SECRET) + valued("var.pw"),
         findings={"terraform_data.a": {}}, more={"absent": [ONE_SECRET]}),
    Case("secret_in_text", "a secret inside a text that is not marked", *twice(valued("var.pw") + URL),
         findings={"terraform_data.a": UPDATED, "terraform_data.b": UPDATED},
         more={"sensitive": {"terraform_data.b": ["input"]}, "absent": BOTH}),
    Case("secret_in_json", "a secret inside a JSON document that is not marked",
         *twice(valued("var.pw") + IN_JSON),
         findings={"terraform_data.a": UPDATED, "terraform_data.b": UPDATED},
         more={"sensitive": {"terraform_data.b": ["input"]}, "absent": BOTH}),
    Case("secret_quoted_in_json", "a secret with quotes, spelt with escapes inside a JSON document",
         *twice(valued("var.pw") + IN_JSON, QUOTED, QUOTED_NEXT),
         findings={"terraform_data.a": UPDATED, "terraform_data.b": UPDATED},
         more={"absent": ['say "hello"', 'say "goodbye"', 'say \\"hello\\"', 'say \\"goodbye\\"',
                          'say \\\\\\"hello']}),
    Case("secret_encoded", "a secret in base64 where nothing is marked",
         *twice(valued("var.pw") + 'resource "terraform_data" "b" {\n  input = nonsensitive(base64encode(var.pw))\n}\n'),
         findings={"terraform_data.a": UPDATED, "terraform_data.b": UPDATED},
         more={"absent": BOTH + ["Y29ycmVjdC1ob3JzZS0x", "YmF0dGVyeS1zdGFwbGUtMg"]}),
    Case("secret_in_key", "a secret as a map key, which cannot be marked",
         *twice(valued("var.pw") + 'resource "terraform_data" "b" {\n  input = { nonsensitive(var.pw) = "1" }\n}\n'.replace(
             "{ nonsensitive(var.pw) =", "{ (nonsensitive(var.pw)) =")),
         findings={"terraform_data.a": UPDATED},
         more={"partial": "the path holds the secret", "absent": BOTH}),
    Case("secret_in_instance_key", "a secret as an instance key, in an address",
         *twice(valued("var.pw") + 'resource "terraform_data" "b" {\n  for_each = toset([nonsensitive(var.pw)])\n}\n'),
         findings={"terraform_data.a": UPDATED},
         more={"partial": "the address holds the secret", "absent": BOTH}),
    Case("secret_in_list", "one secret item of a list that changed elsewhere",
         secret(ONE_SECRET) + valued('["a", var.pw]'), secret(ONE_SECRET) + valued('["b", var.pw]'),
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": [ONE_SECRET]}),
    Case("secret_number", "a sensitive number, repeated by an attribute that is not marked",
         SENSITIVE.replace('"DEFAULT"', "4815162342").replace("string", "number") + valued("var.pw"),
         SENSITIVE.replace('"DEFAULT"', "2342481516").replace("string", "number") + valued("var.pw"),
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}}),
    Case("secret_in_output", "a sensitive output built from a secret, and a plain one beside it",
         *twice('output "url" {\n  value     = "https://${var.pw}@host"\n  sensitive = true\n}\n'
                'output "plain" {\n  value = nonsensitive("user ${var.pw}")\n}\n'),
         outputs={"url": "update", "plain": "update"}, more={"absent": BOTH}),
    Case("secret_in_check", "a failing check whose message repeats a secret",
         secret(ONE_SECRET) + valued("var.pw"),
         secret(ONE_SECRET) + valued("var.pw") + 'check "c" {\n  assert {\n    condition     = terraform_data.a.id == ""\n'
         '    error_message = "The password is ${nonsensitive(var.pw)}."\n  }\n}\n',
         exit=0, verdict="in_sync", checks={"check.c": "fail"}, more={"absent": [ONE_SECRET]}),
    Case("secret_created", "a new resource with a secret", None, secret(ONE_SECRET) + valued("var.pw"),
         findings={"terraform_data.a": CREATED}, more={"absent": [ONE_SECRET]}),
    Case("secret_module_output", "a secret that goes through a module in and out", 
         *({"main.tf": secret(default) + 'module "m" {\n  source = "./m"\n  pw     = var.pw\n}\n'
            + valued('"user ${module.m.out}"'),
            "m/main.tf": 'variable "pw" {\n  sensitive = true\n}\noutput "out" {\n  value     = var.pw\n  sensitive = true\n}\n'}
           for default in BOTH),
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": BOTH}),
    Case("secret_drift", "a SecureString was rotated by hand", PARAMETER.replace("VALUE", ONE_SECRET),
         steps=(hand("ssm", "put_parameter", Name="/app/p", Value=OTHER_SECRET, Type="SecureString", Overwrite=True),),
         aws=True, verdict="drifted", findings={"aws_ssm_parameter.p": {"value": "drift"}},
         more={"sensitive": {"aws_ssm_parameter.p": ["value"]}, "absent": BOTH}),
    Case("secret_tag_drift", "a tag that holds a secret was changed by hand, with its twin in tags_all",
         secret(ONE_SECRET) + TAGGED,
         steps=(hand("sqs", "tag_queue", QueueUrl="{aws_sqs_queue.q|id}", Tags={"Token": OTHER_SECRET, "Plain": "b"}),),
         aws=True, verdict="drifted",
         findings={"aws_sqs_queue.q": {"tags.Plain": "drift", "tags.Token": "drift",
                                       "tags_all.Plain": "drift", "tags_all.Token": "drift"}},
         more={"sensitive": {"aws_sqs_queue.q": ["tags.Token"]}, "absent": BOTH}),
    Case("secret_repeated_by_provider", "a secret that another resource's description repeats in plain text",
         PARAMETER.replace("VALUE", ONE_SECRET)
         + f'resource "aws_ssm_parameter" "d" {{\n  name        = "/app/d"\n  type        = "String"\n  value       = "x"\n  description = "not {ONE_SECRET}"\n}}\n',
         PARAMETER.replace("VALUE", ONE_SECRET)
         + f'resource "aws_ssm_parameter" "d" {{\n  name        = "/app/d"\n  type        = "String"\n  value       = "x"\n  description = "was {ONE_SECRET}"\n}}\n',
         aws=True, findings={"aws_ssm_parameter.d": {"description": "pending"}},
         more={"absent": [ONE_SECRET]}),
]
