//! `mooring why`: what was decided in a run, change by change, and by which rule or guard.

use clap::Args;
use serde_json::Value;

use super::client::{Client, ServerArgs};
use super::error::CliError;
use super::output::print;
use super::remote::{ListFormat, items, text};

/// Arguments of `why`.
#[derive(Debug, Args)]
pub(super) struct WhyArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The run, as `mooring runs` lists it.
    run: String,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `mooring why`.
pub(super) async fn why(args: WhyArgs) -> Result<u8, CliError> {
    let path = ["runs", args.run.as_str(), "why"];
    let answer = Client::new(&args.server)?.get(&path, &[]).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    print(&told(&answer))?;
    Ok(0)
}

fn told(answer: &Value) -> String {
    let decision = &answer["decision"];
    let mut out = format!(
        "{}  {}  {}\nat {}, run {}\n",
        text(&answer["stack"]),
        text(&answer["verdict"]).replace('_', " "),
        text(&decision["kind"]),
        text(&answer["decided_at"]),
        text(&answer["run"]),
    );
    if !decision["not_before"].is_null() {
        out.push_str(&format!("not before {}\n", text(&decision["not_before"])));
    }
    if decision["approvable"] == "yes" {
        out.push_str(&format!("{}\n", requirement(&decision["requirement"])));
    }
    for reason in items(decision, "explained") {
        out.push_str(&format!(
            "- {} ({})\n",
            text(&reason["text"]),
            by(&reason["by"])
        ));
    }
    out
}

/// Whose yes it needs.
fn requirement(requirement: &Value) -> String {
    let count = requirement["count"].as_u64().unwrap_or(1);
    let people = if count == 1 {
        "person has"
    } else {
        "people have"
    };
    let groups: Vec<String> = items(requirement, "groups")
        .map(|list| {
            let names: Vec<String> = list.as_array().into_iter().flatten().map(text).collect();
            format!(", one of {}", names.join(" or "))
        })
        .collect();
    let author = if requirement["not_author"] == true {
        ", the author does not count"
    } else {
        ""
    };
    format!("{count} {people} to say yes{}{author}", groups.concat())
}

/// What decided, in a few words.
fn by(by: &Value) -> String {
    match by {
        Value::String(word) if word == "default" => "no rule".to_owned(),
        Value::String(_) => "built in".to_owned(),
        _ if !by["guard"].is_null() => format!("guard {}", text(&by["guard"])),
        _ if !by["repository"].is_null() => text(&by["repository"]["file"]),
        _ => {
            let rule = &by["rule"];
            let of = match &rule["file"] {
                Value::Null => String::new(),
                file => format!(" of {}", text(file)),
            };
            let (name, effect) = (text(&rule["name"]), text(&rule["effect"]));
            format!("rule {name}{of}: {effect}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_change_is_told_with_what_decided_it() {
        let answer = json!({
            "run": "r1", "stack": "infra/web", "verdict": "drifted", "decided_at": "2026-11-27T12:00:00Z",
            "decision": {
                "kind": "ask", "approvable": "yes", "not_before": null,
                "requirement": {"count": 2, "groups": [["platform", "web"]], "not_author": true},
                "explained": [
                    {"text": "contested: t.a", "by": {"guard": "contested"}},
                    {"text": "t.a: rule tags asks about a change of tags", "by": {"rule": {"name": "tags", "effect": "ask"}}},
                    {"text": "t.a: rule tags of live/.mooring.yaml refuses a change of tags", "by": {"rule": {"name": "tags", "effect": "refuse", "file": "live/.mooring.yaml"}}},
                    {"text": "mode is observe", "by": {"repository": {"file": ".mooring.yaml"}}},
                    {"text": "t.b: no rule calls its creation safe", "by": "default"},
                    {"text": "output x would change", "by": "builtin"},
                ],
            },
        });
        insta::assert_snapshot!(told(&answer), @"
        infra/web  drifted  ask
        at 2026-11-27T12:00:00Z, run r1
        2 people have to say yes, one of platform or web, the author does not count
        - contested: t.a (guard contested)
        - t.a: rule tags asks about a change of tags (rule tags: ask)
        - t.a: rule tags of live/.mooring.yaml refuses a change of tags (rule tags of live/.mooring.yaml: refuse)
        - mode is observe (.mooring.yaml)
        - t.b: no rule calls its creation safe (no rule)
        - output x would change (built in)
        ");
    }
}
