"""More of what moves in the world: instances, tags, lists, imports, lifecycle."""

from case import Case, hand

from .drift import GROUP, IGNORING, OPEN_22, Q, bucket, parameter, queue, slower

KEYED = """resource "aws_ssm_parameter" "p" {
  for_each = { "a.b" = "1", "quo\\"te" = "2", "$${x}" = "3" }
  name     = "/app/p${each.value}"
  type     = "String"
  value    = "v1"
}
"""
IN_MODULE = {
    "main.tf": 'module "m" {\n  source   = "./m"\n  for_each = toset(["x[\\"y\\"]"])\n}\n',
    "m/main.tf": 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'
    + KEYED,
}
INLINE = GROUP.replace(
    '"web"\n}',
    '"web"\n  ingress {\n    from_port   = 443\n    to_port     = 443\n    protocol    = "tcp"\n'
    '    cidr_blocks = ["10.0.0.0/8"]\n  }\n}',
)
MADE_BY_HAND = hand("ssm", "put_parameter", Name="/app/p", Value="v1", Type="String")
IMPORT = 'import {\n  to = aws_ssm_parameter.p\n  id = "/app/p"\n}\n'
P = "aws_ssm_parameter.p"

CASES = [
    Case("drift_instances", "one instance deleted by hand and one changed, their keys need escaping", KEYED,
         steps=(hand("ssm", "delete_parameter", Name="/app/p2"),
                hand("ssm", "put_parameter", Name="/app/p3", Value="v2", Type="String", Overwrite=True)),
         aws=True, verdict="drifted",
         findings={f'{P}["quo\\"te"]': {"<deleted>": "drift"}, f'{P}["$${{x}}"]': {"value": "drift"}}),
    Case("drift_in_module", "an instance in an instance of a module changed by hand", IN_MODULE,
         steps=(hand("ssm", "put_parameter", Name="/app/p1", Value="v2", Type="String", Overwrite=True),),
         aws=True, verdict="drifted", findings={f'module.m["x[\\"y\\"]"].{P}["a.b"]': {"value": "drift"}}),
    Case("drift_tags_removed", "all tags taken away by hand", bucket(), aws=True, verdict="drifted",
         steps=(hand("s3", "delete_bucket_tagging", Bucket="golden-b"),),
         findings={"aws_s3_bucket.b": {"tags.Env": "drift", "tags_all.Env": "drift"}}),
    Case("drift_tag_with_dots", "a tag with dots and a colon in its name was added by hand", bucket(), aws=True,
         verdict="drifted",
         steps=(hand("s3", "put_bucket_tagging", Bucket="golden-b", Tagging={"TagSet": [
             {"Key": "Env", "Value": "prod"}, {"Key": "k8s.io/owner:x", "Value": "me"}]}),),
         findings={"aws_s3_bucket.b": {'tags."k8s.io/owner:x"': "drift", 'tags_all."k8s.io/owner:x"': "drift"}}),
    Case("drift_inline_rules", "port 22 opened by hand on a group whose rules are in the code, which leaves out what the state holds as empty", INLINE,
         steps=(OPEN_22,), aws=True, verdict="drifted", findings={"aws_security_group.g": {"ingress": "drift"}}),
    Case("drift_ignored_all", "ignore_changes = all: changed by hand and in the code, nothing happens",
         queue(IGNORING.replace("[WHAT]", "all")), queue("  delay_seconds = 5\n" + IGNORING.replace("[WHAT]", "all")),
         (slower(),), aws=True, exit=0, verdict="in_sync",
         findings={Q: {"visibility_timeout_seconds": "unenforced"}}),
    Case("drift_prevent_destroy", "a change in the code would replace what must not be destroyed: the plan fails",
         parameter("  lifecycle {\n    prevent_destroy = true\n  }\n"),
         parameter("  lifecycle {\n    prevent_destroy = true\n  }\n").replace("/app/p", "/app/other"),
         aws=True, exit=1, verdict="failed", replace=(P,), findings={P: {"name": "pending"}}),
    Case("import_real_no_op", "an object made by hand is imported, the code wants it as it is", None, parameter() + IMPORT,
         (MADE_BY_HAND,), aws=True, findings={P: {}}, more={"actions": {P: "none"}, "importing": [P]}),
    Case("import_real_update", "an object made by hand is imported, the code wants another value", None,
         parameter().replace("v1", "v2") + IMPORT, (MADE_BY_HAND,), aws=True, findings={P: {"value": "pending"}},
         more={"actions": {P: "update"}, "importing": [P]}),
    Case("both_and_output", "changed by hand and in the code, and an output follows", queue()
         + 'output "t" {\n  value = aws_sqs_queue.q.visibility_timeout_seconds\n}\n', queue(timeout="60")
         + 'output "t" {\n  value = aws_sqs_queue.q.visibility_timeout_seconds\n}\n', (slower(),), aws=True,
         verdict="drifted_and_pending", findings={Q: {"visibility_timeout_seconds": "both"}}, outputs={"t": "update"}),
    Case("drift_for_output", "changed by hand: the repair brings the output's value back", queue()
         + 'output "t" {\n  value = aws_sqs_queue.q.visibility_timeout_seconds\n}\n', None, (slower(),), aws=True,
         verdict="drifted", findings={Q: {"visibility_timeout_seconds": "drift"}}),
]
