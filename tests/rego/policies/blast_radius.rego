# A score over a plan, in the style of OPA's Terraform tutorial, as it was written before version 1.
package terraform.analysis

import input as tfplan

blast_radius := 12

weights := {
	"aws_s3_bucket": {"delete": 100, "create": 10, "modify": 1},
	"aws_sqs_queue": {"delete": 10, "create": 5, "modify": 2},
	"aws_dynamodb_table": {"delete": 50, "create": 10, "modify": 1},
}

resource_types := {"aws_s3_bucket", "aws_sqs_queue", "aws_dynamodb_table", "aws_iam_role"}

default authz = false

authz {
	score < blast_radius
	not touches_iam
}

score = s {
	all := [x |
		some resource_type
		crud := weights[resource_type]
		del := crud["delete"] * num_deletes[resource_type]
		new := crud["create"] * num_creates[resource_type]
		mod := crud["modify"] * num_modifies[resource_type]
		x := del + new + mod
	]
	s := sum(all)
}

touches_iam {
	all := resources["aws_iam_role"]
	count(all) > 0
}

resources[resource_type] = all {
	some resource_type
	resource_types[resource_type]
	all := [name |
		name := tfplan.resource_changes[_]
		name.type == resource_type
	]
}

num_creates[resource_type] = num {
	some resource_type
	resource_types[resource_type]
	all := resources[resource_type]
	creates := [res | res := all[_]; res.change.actions[_] == "create"]
	num := count(creates)
}

num_deletes[resource_type] = num {
	some resource_type
	resource_types[resource_type]
	all := resources[resource_type]
	deletions := [res | res := all[_]; res.change.actions[_] == "delete"]
	num := count(deletions)
}

num_modifies[resource_type] = num {
	some resource_type
	resource_types[resource_type]
	all := resources[resource_type]
	modifies := [res | res := all[_]; res.change.actions[_] == "update"]
	num := count(modifies)
}

deny[msg] {
	not authz
	msg := sprintf("the blast radius is %v, more than %v", [score, blast_radius])
}
