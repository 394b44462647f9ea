//! Commands that talk to a daemon.

use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use jiff::Timestamp;
use serde_json::Value;

use crate::config;
use crate::report::{Format, terminal};

use super::client::{ByArgs, Client, ServerArgs};
use super::error::CliError;
use super::moved::moved;
use super::output::{self, print};
use super::select::SelectArgs;

/// Of so many stacks that one needs, or that need it, the names are shown.
const NEIGHBOURS_SHOWN: usize = 10;

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// A table.
    #[default]
    Text,
    /// The API's own JSON.
    Json,
}

/// Arguments of `stacks`.
#[derive(Debug, Args)]
pub(super) struct StacksArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    which: SelectArgs,
    /// Only stacks with this verdict: in_sync, drifted, pending, drifted_and_pending, failed, unknown.
    #[arg(long)]
    verdict: Option<String>,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    stack: String,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Say of each difference what tells its origin, and of each finding why it matters.
    #[arg(long)]
    why: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The stack, as `mooring stacks` lists it.
    stack: String,
    #[command(flatten)]
    by: ByArgs,
}

/// Arguments of `runs`.
#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Only runs of this stack.
    #[arg(long)]
    stack: Option<String>,
    /// How many, newest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// `mooring stacks`.
pub(super) async fn stacks(args: StacksArgs) -> Result<u8, CliError> {
    let mut query = args.which.query()?;
    query.extend(args.verdict.map(|verdict| ("verdict", verdict)));
    let answer = Client::new(&args.server)?.get(&["stacks"], &query).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["STACK", "VERDICT", "SINCE", "CHECKED", "ALERTS", "DECISION"]);
    for stack in items(&answer, "stacks") {
        let alerts = stack["alerts"].as_array().map_or(0, Vec::len);
        let held = match (stack["held"].is_null(), stack["paused"].is_null()) {
            (false, _) => " (held)",
            (true, false) => " (paused)",
            (true, true) => "",
        };
        table.add_row([
            text(&stack["stack"]),
            text(&stack["verdict"]).replace('_', " "),
            ago(&stack["since"]),
            ago(&stack["checked_at"]),
            if alerts == 0 {
                "-".to_owned()
            } else {
                alerts.to_string()
            },
            format!("{}{held}", text(&stack["decision"]["kind"])),
        ]);
    }
    let mut out = format!("{table}\n");
    let work = &answer["work"];
    if let Some(end) = work["ends_at"].as_str() {
        out.push_str(&format!(
            "{} runs wait, {} are under way; done at about {}\n",
            text(&work["waiting"]),
            text(&work["under_way"]),
            moment(&Value::from(end))
        ));
    }
    for source in items(&answer, "sources").filter(|source| !source["error"].is_null()) {
        let error = &source["error"];
        out.push_str(&format!(
            "source {}: {}: {}\n",
            text(&source["name"]),
            text(&error["kind"]),
            text(&error["message"])
        ));
    }
    print(&out)?;
    Ok(0)
}

/// `mooring show`.
pub(super) async fn show(args: ShowArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    let path = ["stacks", args.stack.as_str()];
    let shown = match args.format {
        Format::Json => format!("{:#}\n", client.get(&path, &[]).await?),
        format => {
            let query = [
                ("format", format.as_str().to_owned()),
                ("width", output::width().to_string()),
                ("color", output::color().to_string()),
                ("why", args.why.to_string()),
            ];
            let report = client.text(&path, &query).await?;
            if format == Format::Text {
                let stack = client.get(&path, &[]).await?;
                format!("{report}{}", besides(&client, &stack).await?)
            } else {
                report
            }
        }
    };
    print(&shown)?;
    Ok(0)
}

/// What a report on a stack does not have: what keeps it from being changed, what people are asked,
/// what is open.
async fn besides(client: &Client, stack: &Value) -> Result<String, CliError> {
    let mut out = String::new();
    for (name, said) in [("held", &stack["held"]), ("paused", &stack["paused"])] {
        for line in said.as_str().into_iter().flat_map(str::lines) {
            out.push_str(&format!("{name}: {}\n", terminal(line)));
        }
    }
    if !stack["next_look_at"].is_null() {
        out.push_str(&format!("next look: {}\n", moment(&stack["next_look_at"])));
    }
    if let Some(moved) = moved(&stack["state_moved"]) {
        out.push_str(&format!("state: {moved}\n"));
    }
    if let Some(why) = stack["state_watch"]["why_not"].as_str() {
        out.push_str(&format!("state not watched: {}\n", terminal(why)));
    }
    out.push_str(&order(stack));
    let id = stack["stack"].as_str().unwrap_or_default().to_owned();
    let requests = client.get(&["requests"], &[("stack", id)]).await?;
    for request in items(&requests, "requests") {
        let short = text(&request["short"]);
        out.push_str(&format!(
            "request {short}: {} (mooring requests {short})\n",
            text(&request["state"])
        ));
    }
    for alert in items(stack, "alerts") {
        out.push_str(&format!(
            "alert: {}, {} severity, open since {}\n",
            text(&alert["kind"]),
            text(&alert["severity"]),
            moment(&alert["opened_at"])
        ));
    }
    for run in items(stack, "runs") {
        let came_to = match run["outcome"].is_null() {
            true => state(run),
            false => text(&run["outcome"]["kind"]),
        };
        out.push_str(&format!(
            "run {}: {}, {came_to} {}\n",
            text(&run["id"]),
            text(&run["trigger"]),
            ago(&run["queued_at"])
        ));
        if let Some(moved) = moved(&run["state_moved"]) {
            out.push_str(&format!("  its state was {moved}\n"));
        }
        for address in items(&run["progress"], "under_way") {
            out.push_str(&format!("  {} is being changed\n", text(address)));
        }
    }
    Ok(out)
}

/// What a stack needs, who needs it, and what its queued run waits for.
fn order(stack: &Value) -> String {
    let mut out = String::new();
    let replicas = &stack["replicas"];
    if stack["needs"].is_null() && replicas["leading"] != replicas["answered"] {
        let leading = match replicas["leading"].as_i64() {
            Some(number) => format!("replica {number}, which leads"),
            None => "the replica that leads".to_owned(),
        };
        out.push_str(&format!(
            "next look, and what it waits for: known to {leading}\n"
        ));
    }
    for (name, field) in [("needs", "needs"), ("needed by", "needed_by")] {
        let stacks: Vec<String> = items(stack, field).map(text).collect();
        let some = stacks.get(..NEIGHBOURS_SHOWN).unwrap_or(&stacks);
        if some.is_empty() {
            continue;
        }
        let more = match stacks.len() - some.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        out.push_str(&format!("{name}: {}{more}\n", some.join(", ")));
    }
    if !stack["waits_for"].is_null() {
        let awaited = text(&stack["waits_for"]);
        out.push_str(&format!(
            "waits for: {awaited}, in which something may be applied first\n"
        ));
    }
    out
}

/// `mooring plan`.
pub(super) async fn plan(args: PlanArgs) -> Result<u8, CliError> {
    let path = ["stacks", args.stack.as_str(), "plan"];
    let client = Client::new(&args.server)?;
    let query = client.by(args.by);
    let answer = client.post_with(&path, &query).await?;
    print(&format!("queued: run {}\n", text(&answer["run"])))?;
    Ok(0)
}

/// `mooring runs`.
pub(super) async fn runs(args: RunsArgs) -> Result<u8, CliError> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.stack.map(|stack| ("stack", stack)));
    let answer = Client::new(&args.server)?.get(&["runs"], &query).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["RUN", "STACK", "TRIGGER", "STATE", "OUTCOME", "QUEUED"]);
    for run in items(&answer, "runs") {
        let outcome = &run["outcome"];
        let verdict = outcome["verdict"]
            .as_str()
            .map(|v| format!(": {}", terminal(v).replace('_', " ")));
        table.add_row([
            text(&run["id"]),
            text(&run["stack"]),
            text(&run["trigger"]),
            state(run),
            format!("{}{}", text(&outcome["kind"]), verdict.unwrap_or_default()),
            ago(&run["queued_at"]),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

/// `mooring healthcheck`: asks the daemon of this configuration whether it is alive.
pub(super) async fn healthcheck(config: &Path) -> Result<u8, CliError> {
    let listen = config::load(config)?.api.listen;
    let host = if listen.ip().is_unspecified() {
        std::net::SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), listen.port())
    } else {
        listen
    };
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .no_proxy()
        .build();
    let answer = match client {
        Ok(client) => client.get(format!("http://{host}/healthz")).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => Ok(0),
        _ => Err(CliError::Daemon {
            message: format!("the daemon at {host} does not answer"),
            hint: "look into its log".to_owned(),
        }),
    }
}

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.iter().copied());
    table
}

/// The state of a run, with how far its apply has come: `applying (2 done, 1 under way)`.
fn state(run: &Value) -> String {
    let counts = ["done", "under_way", "failed"].map(|part| {
        let count = items(&run["progress"], part).count();
        (count > 0).then(|| format!("{count} {}", part.replace('_', " ")))
    });
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    match counts.as_slice() {
        [] => text(&run["state"]),
        counts => format!("{} ({})", text(&run["state"]), counts.join(", ")),
    }
}

pub(super) fn items<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().into_iter().flatten()
}

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => terminal(text),
        other => terminal(&other.to_string()),
    }
}

/// A time to the second: `2026-11-23 10:00:05 UTC`.
pub(super) fn moment(value: &Value) -> String {
    let at = value.as_str().and_then(|text| text.parse().ok());
    at.map_or_else(
        || text(value),
        |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// A time as its distance from now: `5m`, `3h 12m`, `2d`.
pub(super) fn ago(value: &Value) -> String {
    let then = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let Some(then) = then else {
        return "-".to_owned();
    };
    let minutes = Timestamp::now().duration_since(then).as_mins().max(0);
    match minutes {
        0 => "now".to_owned(),
        1..60 => format!("{minutes}m"),
        60..2880 => format!("{}h {}m", minutes / 60, minutes % 60),
        _ => format!("{}d", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_applies_says_how_far_it_is() {
        let run = serde_json::json!({"state": "applying",
            "progress": {"done": ["a.a", "b.b"], "under_way": ["c.c"], "failed": []}});
        assert_eq!(state(&run), "applying (2 done, 1 under way)");
        let planning = serde_json::json!({"state": "planning", "progress": null});
        assert_eq!(state(&planning), "planning");
    }

    #[test]
    fn a_stack_says_what_it_waits_for_and_who_waits_for_it() {
        let many: Vec<String> = (0..12).map(|n| format!("infra/{n}")).collect();
        let stack = serde_json::json!({"needs": ["infra/net"], "needed_by": many, "waits_for": "infra/net"});
        insta::assert_snapshot!(order(&stack), @"
        needs: infra/net
        needed by: infra/0, infra/1, infra/2, infra/3, infra/4, infra/5, infra/6, infra/7, infra/8, infra/9 and 2 more
        waits for: infra/net, in which something may be applied first
        ");
        assert_eq!(order(&serde_json::json!({"needs": []})), "");
        let unread = serde_json::json!({"needs": null, "replicas": {"answered": 1, "leading": 1}});
        assert_eq!(order(&unread), "");
        let elsewhere =
            serde_json::json!({"needs": null, "replicas": {"answered": 2, "leading": 1}});
        let said = "next look, and what it waits for: known to replica 1, which leads\n";
        assert_eq!(order(&elsewhere), said);
    }

    #[test]
    fn a_time_is_told_to_the_second_and_what_is_none_as_it_came() {
        let told = |text: &str| moment(&Value::String(text.to_owned()));
        assert_eq!(
            told("2026-11-23T10:00:05.123456789Z"),
            "2026-11-23 10:00:05 UTC"
        );
        assert_eq!(told("later"), "later");
        assert_eq!(moment(&Value::Null), "-");
    }
}
