package policies_test

import rego.v1

ssh_from(cidr) := {"resource_changes": [{
	"address": "aws_security_group.bastion",
	"type": "aws_security_group",
	"change": {"actions": ["update"], "after": {"ingress": [{
		"from_port": 0,
		"to_port": 65535,
		"cidr_blocks": [cidr],
	}]}},
}]}

test_ssh_for_everybody_is_denied if {
	messages := data.main.deny with input as ssh_from("0.0.0.0/0")
	messages == {"aws_security_group.bastion lets the whole internet in by SSH"}
}

test_ssh_from_the_office_is_not if {
	count(data.main.deny) == 0 with input as ssh_from("192.0.2.0/24")
}

tag_changed := [{
	"address": "aws_sqs_queue.jobs",
	"action": "update",
	"origin": "drift",
	"attributes": [{"path": "tags.Env"}, {"path": "tags_all.Env"}],
}]

test_a_tag_is_safe_in_staging if {
	safe := data.mooring.safe with data.mooring.findings as tag_changed
		with data.mooring.stack as {"labels": {"tier": "staging"}}
	{entry.address | some entry in safe} == {"aws_sqs_queue.jobs"}
}

test_nothing_is_safe_in_production if {
	safe := data.mooring.safe with data.mooring.findings as tag_changed
		with data.mooring.stack as {"labels": {"tier": "production"}}
	count(safe) == 0
}

test_nothing_is_safe_in_a_stack_without_labels if {
	safe := data.mooring.safe with data.mooring.findings as tag_changed
		with data.mooring.stack as {"labels": {}}
	count(safe) == 0
}
