# Required tags, as conftest policies were written before version 1, with functions since deprecated.
package main

minimum_tags = {"Env", "Owner"}

taggable := ["aws_s3_bucket", "aws_sqs_queue", "aws_ssm_parameter"]

is_taggable(resource) {
	any([resource.type == taggable[_]])
}

has_field(object, field) {
	object[field]
}

has_field(object, field) {
	object[field] == false
}

tags(resource) = t {
	has_field(resource.change.after, "tags")
	t := {key | resource.change.after.tags[key]}
} else = set()

deny[msg] {
	resource := input.resource_changes[_]
	action := resource.change.actions[count(resource.change.actions) - 1]
	array_contains(["create", "update"], action)
	is_taggable(resource)
	missing := minimum_tags - tags(resource)
	count(missing) > 0
	msg = sprintf("%v lacks %v", [resource.address, concat(", ", missing)])
}

warn_name[msg] {
	resource := input.resource_changes[_]
	name := resource.change.after.bucket
	not re_match("^[a-z]+-[a-z]+$", name)
	msg := sprintf("%s: odd name %q", [resource.address, name])
}

array_contains(arr, elem) {
	arr[_] = elem
}
