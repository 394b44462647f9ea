# Statements of IAM policies, in the style of policies for OPA 1: documents within strings, walks.
package security.iam

policies contains {"address": resource.address, "document": document} if {
	some resource in input.resource_changes
	startswith(resource.type, "aws_iam_")
	some attribute in ["policy", "assume_role_policy"]
	document := json.unmarshal(resource.change.after[attribute])
}

as_list(value) := value if is_array(value)

as_list(value) := [value] if not is_array(value)

deny_wide contains {"msg": msg, "details": {"address": policy.address}} if {
	some policy in policies
	some statement in as_list(policy.document.Statement)
	statement.Effect == "Allow"
	every resource in as_list(object.get(statement, "Resource", "none")) {
		resource == "*"
	}
	msg := sprintf("%s allows %s on everything", [
		policy.address,
		concat(", ", sort(as_list(statement.Action))),
	])
}

warn contains msg if {
	walk(input.planned_values, [path, value])
	path[count(path) - 1] == "cidr_block"
	net.cidr_contains("10.0.0.0/8", value)
	to_number(split(value, "/")[1]) < 20
	msg := sprintf("%s is a large network", [value])
}
