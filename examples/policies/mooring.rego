# What Mooring may put back by itself: tags that somebody changed by hand, outside of production.
package mooring

import rego.v1

safe contains {"address": finding.address, "reason": "only tags, and not in production"} if {
	data.mooring.stack.labels.tier != "production"
	some finding in data.mooring.findings
	finding.action == "update"
	finding.origin == "drift"
	every attribute in finding.attributes {
		regex.match(`^tags(_all)?\.`, attribute.path)
	}
}
