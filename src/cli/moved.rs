//! Words for what somebody else made of a state.

use serde_json::Value;

use super::remote::{moment, text};

/// `written elsewhere at 2026-11-23 10:00:05 UTC (serial 7 → 9)`; none if nobody wrote it.
pub(super) fn moved(state_moved: &Value) -> Option<String> {
    if !state_moved.is_object() {
        return None;
    }
    let (from, to) = (&state_moved["from"], &state_moved["to"]);
    let what = match (from.is_null(), to.is_null()) {
        (_, true) => "it is gone".to_owned(),
        (true, false) => format!("serial {}", text(&to["serial"])),
        (false, false) if from["lineage"] != to["lineage"] => {
            format!("a new lineage, serial {}", text(&to["serial"]))
        }
        (false, false) => format!(
            "serial {} \u{2192} {}",
            text(&from["serial"]),
            text(&to["serial"])
        ),
    };
    Some(match state_moved["at"].is_null() {
        true => format!("written elsewhere ({what})"),
        false => format!(
            "written elsewhere at {} ({what})",
            moment(&state_moved["at"])
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_move_says_when_and_from_where_to_where() {
        let state = |lineage: &str, serial: u64| json!({"lineage": lineage, "serial": serial});
        let told = |from: Value, to: Value| {
            moved(&json!({"at": "2026-11-23T10:00:05Z", "from": from, "to": to}))
                .unwrap_or_default()
        };
        assert_eq!(
            told(state("a", 7), state("a", 9)),
            "written elsewhere at 2026-11-23 10:00:05 UTC (serial 7 \u{2192} 9)"
        );
        assert!(told(state("a", 7), state("b", 1)).ends_with("(a new lineage, serial 1)"));
        assert!(told(Value::Null, state("b", 1)).ends_with("(serial 1)"));
        assert_eq!(
            moved(&json!({"at": null, "from": state("a", 7), "to": null})).as_deref(),
            Some("written elsewhere (it is gone)")
        );
        assert_eq!(moved(&Value::Null), None);
    }
}
