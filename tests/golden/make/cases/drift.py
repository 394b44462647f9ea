"""The world moved. Made with the AWS provider and an emulator."""

import json

from case import Case, cli, hand

QUEUE = 'resource "aws_sqs_queue" "q" {\n  name = "jobs"\n  visibility_timeout_seconds = 30\nMORE}\n'
PARAMETER = 'resource "aws_ssm_parameter" "p" {\n  name  = "/app/p"\n  type  = "String"\n  value = "v1"\nMORE}\n'
BUCKET = 'resource "aws_s3_bucket" "b" {\n  bucket = "golden-b"\n  tags = {\n    Env = "prod"\n  }\nMORE}\n'
GROUP = 'resource "aws_security_group" "g" {\n  name        = "web"\n  description = "web"\n}\n'
IGNORING = "  lifecycle {\n    ignore_changes = [WHAT]\n  }\n"
Q = "aws_sqs_queue.q"


def queue(more="", timeout="30"):
    return QUEUE.replace("MORE", more).replace("30", timeout)


def parameter(more=""):
    return PARAMETER.replace("MORE", more)


def bucket(more=""):
    return BUCKET.replace("MORE", more)


def slower(seconds="300"):
    return hand("sqs", "set_queue_attributes", QueueUrl="{aws_sqs_queue.q|id}",
                Attributes={"VisibilityTimeout": seconds})


GONE = hand("sqs", "delete_queue", QueueUrl="{aws_sqs_queue.q|id}")
PARAMETER_GONE = hand("ssm", "delete_parameter", Name="/app/p")
RETAGGED = hand("s3", "put_bucket_tagging", Bucket="golden-b",
                Tagging={"TagSet": [{"Key": "Env", "Value": "hacked"}]})
OPEN_22 = hand("ec2", "authorize_security_group_ingress", GroupId="{aws_security_group.g|id}",
               IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                               "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])

SENDERS = {"Version": "2012-10-17", "Statement": [
    {"Sid": "Send", "Effect": "Allow", "Principal": "*", "Action": ["sqs:SendMessage"],
     "Resource": "arn:aws:sqs:us-east-1:123456789012:jobs"},
    {"Sid": "Read", "Effect": "Allow", "Principal": "*", "Action": ["sqs:ReceiveMessage"],
     "Resource": "arn:aws:sqs:us-east-1:123456789012:jobs"},
]}
OPENED = json.loads(json.dumps(SENDERS).replace("sqs:ReceiveMessage", "sqs:DeleteMessage"))


def with_policy(policy):
    return queue(f"  policy = {json.dumps(json.dumps(policy))}\n")


def policy_set(text):
    return hand("sqs", "set_queue_attributes", QueueUrl="{aws_sqs_queue.q|id}",
                Attributes={"Policy": text})


TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
READ = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
ROLE = (
    f'resource "aws_iam_role" "r" {{\n  name               = "web"\n  assume_role_policy = {json.dumps(TRUST)}\n}}\n'
    f'resource "aws_iam_role_policy" "p" {{\n  name   = "read"\n  role   = aws_iam_role.r.id\n  policy = {json.dumps(READ)}\n}}\n'
)
BACKDOOR = hand("iam", "put_role_policy", RoleName="web", PolicyName="backdoor",
                PolicyDocument=READ.replace("s3:GetObject", "*"))
DYNAMO = (
    'resource "aws_dynamodb_table" "t" {\n  name         = "jobs"\n  billing_mode = "PAY_PER_REQUEST"\n'
    '  hash_key     = "KEY"\n  attribute {\n    name = "KEY"\n    type = "S"\n  }\n}\n'
)
REPOSITORY = 'resource "aws_ecr_repository" "e" {\n  name = "app"\n  encryption_configuration {\n    encryption_type = "KIND"\n  }\n}\n'
CHAIN = (
    bucket() + 'resource "aws_ssm_parameter" "p" {\n  name  = "/app/p"\n  type  = "String"\n  value = aws_s3_bucket.b.arn\n}\n'
    'resource "terraform_data" "t" {\n  input = "see ${aws_ssm_parameter.p.version}"\n}\n'
    'output "arn" {\n  value = aws_s3_bucket.b.arn\n}\n'
)
TAGS = {"tags.Env": "drift", "tags_all.Env": "drift"}

CASES = [
    Case("drift_several", "three objects changed by hand in three ways", queue() + parameter() + bucket(),
         steps=(slower(), PARAMETER_GONE, RETAGGED), aws=True, verdict="drifted",
         findings={Q: {"visibility_timeout_seconds": "drift"},
                   "aws_ssm_parameter.p": {"<deleted>": "drift"}, "aws_s3_bucket.b": TAGS},
         more={"actions": {Q: "update", "aws_ssm_parameter.p": "create", "aws_s3_bucket.b": "update"}}),
    Case("drift_beside_pending", "one object changed by hand, another in the code", queue() + parameter(),
         queue() + parameter().replace("v1", "v2"), (slower(),), aws=True, verdict="drifted_and_pending",
         findings={Q: {"visibility_timeout_seconds": "drift"}, "aws_ssm_parameter.p": {"value": "pending"}}),
    Case("drift_ignored", "an attribute under ignore_changes changed by hand",
         queue(IGNORING.replace("WHAT", "visibility_timeout_seconds")), steps=(slower(),), aws=True,
         exit=0, verdict="in_sync", findings={Q: {"visibility_timeout_seconds": "unenforced"}}),
    Case("drift_ignored_and_enforced", "an ignored attribute and an enforced one changed by hand",
         bucket() + queue(IGNORING.replace("WHAT", "visibility_timeout_seconds")),
         steps=(slower(), RETAGGED), aws=True, verdict="drifted",
         findings={"aws_s3_bucket.b": TAGS, Q: {"visibility_timeout_seconds": "unenforced"}}),
    Case("drift_ignored_beside", "an ignored attribute moved by hand, another of the same object in the code",
         queue(IGNORING.replace("WHAT", "visibility_timeout_seconds")),
         queue("  delay_seconds = 5\n" + IGNORING.replace("WHAT", "visibility_timeout_seconds")),
         (slower(),), aws=True,
         findings={Q: {"visibility_timeout_seconds": "unenforced", "delay_seconds": "pending"}}),
    Case("drift_open_port", "port 22 was opened by hand on a group without inline rules", GROUP,
         steps=(OPEN_22,), aws=True, exit=0, verdict="in_sync",
         findings={"aws_security_group.g": {"ingress": "unenforced"}}),
    Case("drift_open_port_beside_code", "port 22 opened by hand, and code that changes the group's tags", GROUP,
         GROUP.replace('"web"\n}', '"web"\n  tags = {\n    Env = "prod"\n  }\n}'), (OPEN_22,), aws=True,
         findings={"aws_security_group.g": {"ingress": "unenforced", "tags.Env": "pending",
                                            "tags_all.Env": "pending"}}),
    Case("drift_deleted_and_changed", "deleted by hand, and the code wants it otherwise by now", queue(),
         queue(timeout="60"), (GONE,), aws=True, verdict="drifted_and_pending",
         findings={Q: {"<deleted>": "drift", "visibility_timeout_seconds": "pending"}},
         more={"actions": {Q: "create"}}),
    Case("drift_deleted_and_removed", "deleted by hand and removed from the code", queue() + parameter(),
         parameter(), (GONE,), aws=True, exit=0, verdict="in_sync", findings={Q: {"<deleted>": "unenforced"}}),
    Case("drift_deleted_and_moved", "deleted by hand and renamed with a moved block", queue(),
         queue().replace('"q"', '"renamed"') + "moved {\n  from = aws_sqs_queue.q\n  to   = aws_sqs_queue.renamed\n}\n",
         (GONE,), aws=True, verdict="drifted_and_pending",
         findings={"aws_sqs_queue.renamed": {"<deleted>": "drift"}}, moved={"aws_sqs_queue.renamed": Q}),
    Case("drift_to_module", "changed by hand and moved into a module", queue(),
         {"main.tf": 'module "m" {\n  source = "./m"\n}\nmoved {\n  from = aws_sqs_queue.q\n  to   = module.m.aws_sqs_queue.q\n}\n',
          "m/main.tf": 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n' + queue()},
         (slower(),), aws=True, verdict="drifted_and_pending",
         findings={f"module.m.{Q}": {"visibility_timeout_seconds": "drift"}}, moved={f"module.m.{Q}": Q}),
    Case("drift_converged_beside", "one attribute changed by hand and caught up with by the code, another still drifted",
         queue(), queue(timeout="300"), (slower(), hand("sqs", "set_queue_attributes", QueueUrl="{aws_sqs_queue.q|id}", Attributes={"DelaySeconds": "9"})),
         aws=True, verdict="drifted",
         findings={Q: {"visibility_timeout_seconds": "unenforced", "delay_seconds": "drift"}}),
    Case("drift_removed_from_code", "an object changed by hand that the code no longer has", queue() + parameter(),
         parameter(), (slower(),), aws=True, findings={Q: {"<delete>": "pending"}}),
    Case("drift_ignored_output", "an ignored attribute changed by hand feeds an output",
         queue(IGNORING.replace("WHAT", "visibility_timeout_seconds")) + 'output "t" {\n  value = aws_sqs_queue.q.visibility_timeout_seconds\n}\n',
         steps=(slower(),), aws=True, verdict="drifted",
         findings={Q: {"visibility_timeout_seconds": "unenforced"}}, outputs={"t": "update"}),
    Case("drift_unseen", "changed by hand, planned with -refresh=false: nobody looked", queue(),
         steps=(slower(),), flags=("-refresh=false",), aws=True, exit=0, verdict="in_sync"),
    Case("pending_without_refresh", "code that moved, planned with -refresh=false over a change by hand", queue(),
         queue(timeout="60"), (slower(),), ("-refresh=false",), aws=True,
         findings={Q: {"visibility_timeout_seconds": "pending"}}),
    Case("drift_refresh_only", "changed by hand, planned with -refresh-only: nothing is said about the code", queue(),
         steps=(slower(),), flags=("-refresh-only",), aws=True, verdict="failed"),
    Case("drift_absorbed", "changed by hand, then written into the state by apply -refresh-only: looks like code", queue(),
         steps=(slower(), cli("apply", "-refresh-only", "-auto-approve", "-no-color")), aws=True,
         findings={Q: {"visibility_timeout_seconds": "pending"}}),
    Case("drift_destroy", "changed by hand, planned with -destroy", queue(), steps=(slower(),), flags=("-destroy",),
         aws=True, findings={Q: {"<delete>": "pending"}}),
    Case("drift_tainted", "changed by hand and tainted", queue(), steps=(slower(), cli("taint", Q)), aws=True,
         verdict="drifted_and_pending", replace=(Q,),
         findings={Q: {"<replace>": "pending", "visibility_timeout_seconds": "drift"}}),
    Case("policy_respelt", "a JSON policy was spelt differently by hand, which no code enforces: the document is the same",
         with_policy(SENDERS), steps=(policy_set(json.dumps(SENDERS, indent=2, sort_keys=True)),), aws=True,
         exit=0, verdict="in_sync"),
    Case("policy_statement", "one statement of a JSON policy was changed by hand", with_policy(SENDERS),
         steps=(policy_set(json.dumps(OPENED)),), aws=True, verdict="drifted", findings={Q: {"policy": "drift"}}),
    Case("policy_in_code", "one statement of a JSON policy changed in the code", with_policy(SENDERS),
         with_policy(OPENED), aws=True, findings={Q: {"policy": "pending"}}),
    Case("role_inline", "a role with a separate inline policy, just applied", ROLE, aws=True, exit=0, verdict="in_sync"),
    Case("role_inline_backdoor", "an inline policy was put on the role by hand", ROLE, steps=(BACKDOOR,), aws=True,
         exit=0, verdict="in_sync", findings={"aws_iam_role.r": {"inline_policy": "unenforced"}}),
    Case("role_attached", "a managed policy was attached to the role by hand", ROLE,
         steps=(hand("iam", "create_policy", PolicyName="grants", PolicyDocument=READ),
                hand("iam", "attach_role_policy", RoleName="web", PolicyArn="arn:aws:iam::123456789012:policy/grants")),
         aws=True, exit=0, verdict="in_sync", findings={"aws_iam_role.r": {"managed_policy_arns": "unenforced"}}),
    Case("tags_in_code", "a tag changed in the code, with its twin in tags_all", bucket(), bucket().replace("prod", "test"),
         aws=True, findings={"aws_s3_bucket.b": {"tags.Env": "pending", "tags_all.Env": "pending"}}),
    Case("tags_default", "default_tags of the provider changed in the code; the refresh shows the old one in tags, nothing moved", bucket(), aws=True,
         default_tags=((("Team", "a"),), (("Team", "b"),)),
         findings={"aws_s3_bucket.b": {"tags.Team": "pending", "tags_all.Team": "pending"}}),
    Case("tags_default_drift", "a tag from default_tags was changed by hand", bucket(), aws=True,
         default_tags=((("Team", "a"),), (("Team", "a"),)), verdict="drifted",
         steps=(hand("s3", "put_bucket_tagging", Bucket="golden-b", Tagging={"TagSet": [
             {"Key": "Env", "Value": "prod"}, {"Key": "Team", "Value": "z"}]}),),
         findings={"aws_s3_bucket.b": {"tags_all.Team": "drift", "tags.Team": "drift"}}),
    Case("replace_paths_several", "two arguments of a group that each force a replacement", GROUP,
         GROUP.replace("web", "api"), aws=True, replace=("aws_security_group.g",),
         findings={"aws_security_group.g": {"name": "pending", "description": "pending"}}),
    Case("replace_path_nested", "a nested argument that forces a replacement: the list that holds it is named",
         REPOSITORY.replace("KIND", "AES256"), REPOSITORY.replace("KIND", "KMS"), aws=True,
         replace=("aws_ecr_repository.e",),
         findings={"aws_ecr_repository.e": {"encryption_configuration": "pending"}}),
    Case("replace_beside_drift", "code replaces the table, and its tags were changed by hand", DYNAMO.replace("KEY", "id"),
         DYNAMO.replace("KEY", "other"),
         (hand("dynamodb", "tag_resource", ResourceArn="{aws_dynamodb_table.t|arn}", Tags=[{"Key": "Hand", "Value": "made"}]),),
         aws=True, verdict="drifted_and_pending", replace=("aws_dynamodb_table.t",),
         findings={"aws_dynamodb_table.t": {"hash_key": "pending", "tags.Hand": "drift", "tags_all.Hand": "drift"}}),
    Case("consequences_of_drift", "a bucket deleted by hand: a parameter, a value and an output follow", CHAIN,
         steps=(hand("s3", "delete_bucket", Bucket="golden-b"),), aws=True, verdict="drifted",
         findings={"aws_s3_bucket.b": {"<deleted>": "drift"}, "aws_ssm_parameter.p": {"value": "consequence"}},
         outputs={"arn": "update"}),
]
