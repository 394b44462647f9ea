//! `mooring requests`, `approve` and `reject`: what people are asked, and their answers.

use clap::Args;
use serde_json::Value;

use super::CliError;
use super::client::{ByArgs, Client, ServerArgs};
use super::output::print;
use super::remote::{ListFormat, ago, items, moment, table, text};

/// Arguments of `requests`.
#[derive(Debug, Args)]
pub(super) struct RequestsArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// One request, to be shown with its plan; else those that wait are listed.
    request: Option<String>,
    /// Only those about this stack.
    #[arg(long, conflicts_with = "request")]
    stack: Option<String>,
    /// Those that are over, too, newest first.
    #[arg(long, conflicts_with = "request")]
    all: bool,
    /// With --all, how many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u32,
    /// Form of the list.
    #[arg(long, value_enum, default_value_t)]
    format: ListFormat,
}

/// Arguments of `approve`.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The request, as the message about it and `mooring requests` name it. It stands for one plan.
    request: String,
    /// Take your approval back instead, as long as the plan is not being applied.
    #[arg(long)]
    revoke: bool,
    /// Why, for the others.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// Arguments of `reject`.
#[derive(Debug, Args)]
pub(super) struct RejectArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The request, as the message about it and `mooring requests` name it.
    request: String,
    /// Why, for the others.
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    by: ByArgs,
}

/// `mooring requests`.
pub(super) async fn requests(args: RequestsArgs) -> Result<u8, CliError> {
    let client = Client::new(&args.server)?;
    if let Some(request) = &args.request {
        let answer = client.get(&["requests", request], &[]).await?;
        if args.format == ListFormat::Json {
            print(&format!("{answer:#}\n"))?;
        } else {
            print(&shown(&answer))?;
        }
        return Ok(0);
    }
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.stack.map(|stack| ("stack", stack)));
    if args.all {
        query.push(("all", "true".to_owned()));
    }
    let answer = client.get(&["requests"], &query).await?;
    if args.format == ListFormat::Json {
        print(&format!("{answer:#}\n"))?;
        return Ok(0);
    }
    let mut table = table(&["REQUEST", "ASKED", "STACK", "STATE", "WAITS FOR", "PLAN"]);
    for request in items(&answer, "requests") {
        table.add_row([
            text(&request["short"]),
            ago(&request["asked_at"]),
            text(&request["stack"]),
            text(&request["state"]),
            missing(request),
            text(&request["about"]),
        ]);
    }
    print(&format!("{table}\n"))?;
    Ok(0)
}

fn missing(request: &Value) -> String {
    let missing = request["missing"].as_array().into_iter().flatten();
    let missing: Vec<String> = missing.map(text).collect();
    missing.join(", ")
}

pub(super) fn shown(request: &Value) -> String {
    let mut out = String::new();
    let mut row = |name: &str, value: String| out.push_str(&format!("{name:<10} {value}\n"));
    row("request", text(&request["short"]));
    row("stack", text(&request["stack"]));
    row("state", text(&request["state"]));
    let waits = missing(request);
    if !waits.is_empty() {
        row("waits for", waits);
    }
    for vote in request["approved_by"].as_array().into_iter().flatten() {
        row("approved", said(vote));
    }
    if !request["rejected_by"].is_null() {
        row("rejected", said(&request["rejected_by"]));
    }
    for difference in request["differs"].as_array().into_iter().flatten() {
        row("differs", text(difference));
    }
    row("expires", moment(&request["expires_at"]));
    row("commit", text(&request["commit"]));
    out.push('\n');
    for finding in request["plan"]["findings"].as_array().into_iter().flatten() {
        out.push_str(&format!(
            "{} {} ({}, {} severity)\n",
            text(&finding["action"]),
            text(&finding["address"]),
            text(&finding["origin"]),
            text(&finding["severity"]),
        ));
        for attribute in finding["attributes"].as_array().into_iter().flatten() {
            out.push_str(&format!(
                "    {}: {} → {}\n",
                text(&attribute["path"]),
                plain(&attribute["real"]),
                plain(&attribute["want"]),
            ));
        }
    }
    let reasons = request["plan"]["decision"]["reasons"].as_array();
    for reason in reasons.into_iter().flatten() {
        out.push_str(&format!("asked because: {}\n", text(reason)));
    }
    out
}

/// A value of an attribute on one line.
fn plain(value: &Value) -> String {
    match value {
        Value::String(_) => text(value),
        other => crate::report::terminal(&other.to_string()),
    }
}

fn said(vote: &Value) -> String {
    let claimed = match vote["proven"].as_bool() {
        Some(true) => "",
        _ => " (so they say)",
    };
    let why = match vote["reason"].is_null() {
        true => String::new(),
        false => format!(": {}", text(&vote["reason"])),
    };
    format!(
        "by {}{claimed} {}{why}",
        text(&vote["by"]),
        ago(&vote["at"])
    )
}

/// `mooring approve`.
pub(super) async fn approve(args: ApproveArgs) -> Result<u8, CliError> {
    let verb = if args.revoke { "revoke" } else { "approve" };
    let answer = send(&args.server, &args.request, verb, args.by, args.reason).await?;
    let stack = text(&answer["stack"]);
    let waits = missing(&answer);
    print(&match (args.revoke, waits.is_empty()) {
        (true, _) => format!("taken back: {stack} waits for {waits}\n"),
        (false, true) if !answer["paused"].is_null() => {
            format!("approved, but {}\n", text(&answer["paused"]))
        }
        (false, true) => {
            format!("approved: {stack} is planned again and that plan applied if it is the same\n")
        }
        (false, false) => format!("noted: {stack} waits for {waits} more\n"),
    })?;
    Ok(0)
}

/// `mooring reject`.
pub(super) async fn reject(args: RejectArgs) -> Result<u8, CliError> {
    let answer = send(&args.server, &args.request, "reject", args.by, args.reason).await?;
    let stack = text(&answer["stack"]);
    print(&format!(
        "rejected: {stack} is left as it is until its plan is another\n"
    ))?;
    Ok(0)
}

async fn send(
    server: &ServerArgs,
    request: &str,
    verb: &str,
    by: ByArgs,
    reason: Option<String>,
) -> Result<Value, CliError> {
    let client = Client::new(server)?;
    let mut query = client.by(by);
    query.extend(reason.map(|reason| ("reason", reason)));
    let path = ["requests", request, verb];
    client.post_with(&path, &query).await
}
