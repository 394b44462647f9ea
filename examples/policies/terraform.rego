# What a plan may not do. conftest runs this file as it is: conftest test --policy . plan.json
package main

import rego.v1

# Resources that would be created or changed, however deep in modules.
changed contains resource if {
	some resource in input.resource_changes
	some action in resource.change.actions
	action in {"create", "update"}
}

deny contains msg if {
	some group in input.resource_changes
	group.type == "aws_security_group"
	some rule in group.change.after.ingress
	some cidr in rule.cidr_blocks
	cidr in {"0.0.0.0/0", "::/0"}
	rule.from_port <= 22
	rule.to_port >= 22
	msg := sprintf("%s lets the whole internet in by SSH", [group.address])
}

deny contains msg if {
	some table in input.resource_changes
	table.type in {"aws_db_instance", "aws_dynamodb_table"}
	"delete" in table.change.actions
	msg := sprintf("%s would be deleted: export it first", [table.address])
}

# `tags` is null where a resource has none.
warn contains msg if {
	some resource in changed
	resource.type in {"aws_s3_bucket", "aws_sqs_queue"}
	not object.get(resource.change.after, "tags", null).Env
	msg := sprintf("%s has no tag Env", [resource.address])
}
