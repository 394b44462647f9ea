# Between the versions: keywords by import, `violation` with metadata as Gatekeeper and conftest have it.
package main

import future.keywords.every
import future.keywords.in

protected := data.protected

violation[{"msg": msg, "severity": "high"}] {
	some resource in input.resource_changes
	resource.type in protected.types
	actions := {action | some action in resource.change.actions}
	actions & {"delete"} != set()
	reason := object.get(resource, "action_reason", "unknown")
	msg := sprintf("%s would be deleted (%s)", [resource.address, reason])
}

warn[msg] {
	count(input.resource_changes) > 0
	every resource in input.resource_changes {
		resource.change.actions == ["no-op"]
	}
	msg := "nothing to do"
}
