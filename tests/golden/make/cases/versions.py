"""Other versions of Terraform: other format versions, other fields."""

from case import Case, hand

from .actions import ONE, ONE_MOVED_ON, REMOVED, UPDATED
from .addresses import IMPORT, RENAMED
from .checks import check, output
from .drift import GONE, parameter, queue, slower
from .kinds import valued
from .secrets import BOTH, ONE_SECRET, OTHER_SECRET, PARAMETER, secret, twice

Q = "aws_sqs_queue.q"
NEW, OLD, OLDEST = "1.15.5", "1.6.6", "1.0.3"
# Before Terraform 1.4 there is no terraform_data: the AWS provider stands in.
SECURE = PARAMETER.replace("VALUE", ONE_SECRET)

ALL_MASKED = {"warnings": ["1.0.3, which does not mark every sensitive attribute"]}

CASES = [
    Case("v1_0_in_sync", "format 0.2: nothing changed", queue(), aws=True, terraform=OLDEST, exit=0, verdict="in_sync"),
    Case("v1_0_drift", "format 0.2: changed by hand", queue(), steps=(slower(),), aws=True, terraform=OLDEST,
         verdict="drifted", findings={Q: {"visibility_timeout_seconds": "drift"}}, more=ALL_MASKED),
    Case("v1_0_both", "format 0.2: changed by hand and in the code", queue() + parameter(),
         queue(timeout="60") + parameter(), (slower(),), aws=True, terraform=OLDEST, verdict="drifted_and_pending",
         findings={Q: {"visibility_timeout_seconds": "both"}}, more=ALL_MASKED),
    Case("v1_0_deleted", "format 0.2: deleted by hand", queue() + parameter(), steps=(GONE,), aws=True,
         terraform=OLDEST, verdict="drifted", findings={Q: {"<deleted>": "drift"}}, more=ALL_MASKED),
    Case("v1_0_secret", "format 0.2: a SecureString rotated by hand; the plan marks nothing", SECURE,
         steps=(hand("ssm", "put_parameter", Name="/app/p", Value=OTHER_SECRET, Type="SecureString", Overwrite=True),),
         aws=True, terraform=OLDEST, verdict="drifted", findings={"aws_ssm_parameter.p": {"value": "drift"}},
         more=ALL_MASKED | {"sensitive": {"aws_ssm_parameter.p": ["value"]}, "absent": BOTH}),
    Case("v1_0_output", "format 0.2: an output changed in the code", output('"v1"'), output('"v2"'), terraform=OLDEST,
         outputs={"o": "update"}, more=ALL_MASKED),
    Case("v1_6_update", "format 1.2 without applyable and complete: an argument changed in the code", ONE,
         ONE_MOVED_ON, terraform=OLD, findings={"terraform_data.a": UPDATED}),
    Case("v1_6_in_sync", "format 1.2 without applyable and complete: nothing changed", ONE, terraform=OLD, exit=0,
         verdict="in_sync"),
    Case("v1_6_import", "an import block in Terraform 1.6", None, 'resource "terraform_data" "a" {}\n' + IMPORT,
         terraform=OLD, findings={"terraform_data.a": {}}, more={"importing": ["terraform_data.a"]}),
    Case("v1_6_moved_and_check", "a moved block and a failing check in Terraform 1.6", ONE,
         RENAMED + check('terraform_data.b.input == "z"'), terraform=OLD, findings={"terraform_data.b": {}},
         moved={"terraform_data.b": "terraform_data.a"}, checks={"check.c": "fail"}),
    Case("v1_6_drift", "changed by hand, Terraform 1.6", queue(), steps=(slower(),), aws=True, terraform=OLD,
         verdict="drifted", findings={Q: {"visibility_timeout_seconds": "drift"}}),
    Case("v1_6_secret", "a sensitive variable's value changed, Terraform 1.6", *twice(valued("var.pw")), terraform=OLD,
         findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": BOTH}),
    Case("v1_6_refresh_only", "planned with -refresh-only by Terraform 1.6", ONE, ONE_MOVED_ON, flags=("-refresh-only",),
         terraform=OLD, exit=0, verdict="failed"),
    Case("v1_6_targeted", "planned with -target by Terraform 1.6, which does not say that the plan is incomplete",
         ONE + valued('"y1"').replace('"a"', '"b"'), ONE_MOVED_ON + valued('"y2"').replace('"a"', '"b"'),
         flags=("-target=terraform_data.a",), terraform=OLD, findings={"terraform_data.a": UPDATED}),
    Case("v1_15_update", "an argument changed in the code, Terraform 1.15", ONE, ONE_MOVED_ON, terraform=NEW,
         findings={"terraform_data.a": UPDATED}),
    Case("v1_15_in_sync", "nothing changed, Terraform 1.15", ONE, terraform=NEW, exit=0, verdict="in_sync"),
    Case("v1_15_forget", "a removed block, Terraform 1.15", ONE, REMOVED.replace("DESTROY", "false"), terraform=NEW,
         findings={"terraform_data.a": {"<forget>": "pending"}}),
    Case("v1_15_drift", "changed by hand, Terraform 1.15", queue(), steps=(slower(),), aws=True, terraform=NEW,
         verdict="drifted", findings={Q: {"visibility_timeout_seconds": "drift"}}),
    Case("v1_15_secret", "a sensitive variable's value changed, Terraform 1.15", *twice(valued("var.pw")),
         terraform=NEW, findings={"terraform_data.a": UPDATED},
         more={"sensitive": {"terraform_data.a": ["input"]}, "absent": BOTH}),
    Case("v1_15_targeted", "planned with -target by Terraform 1.15", ONE + valued('"y1"').replace('"a"', '"b"'),
         ONE_MOVED_ON + valued('"y2"').replace('"a"', '"b"'), flags=("-target=terraform_data.a",), terraform=NEW,
         verdict="failed", findings={"terraform_data.a": UPDATED}),
]
