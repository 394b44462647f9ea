//! How fast a plan is read and how much memory that takes, beside other readers of JSON:
//! `cargo bench --bench plan_reading [-- MEGABYTES...]`. See benches/README.md.
#![allow(clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod generate;
mod measure;
mod tools;

use std::path::Path;

use measure::Cost;
use tools::Tool;

/// Sizes unless told, in MB of a million bytes.
const SIZES: &[usize] = &[1, 50, 200];
/// Each tool runs this often; the fastest run counts, and the largest memory.
const RUNS: usize = 3;

/// What must be reached: MB/s at least, and less than so many bytes.
struct Budget {
    tool: Tool,
    marked: bool,
    speed: f64,
    /// At which size this holds.
    size: usize,
    memory: (&'static str, u64),
}

const BUDGETS: &[Budget] = &[
    Budget {
        tool: Tool::Mapped,
        marked: false,
        speed: 800.0,
        size: 200,
        memory: ("anonymous", 50_000_000),
    },
    Budget {
        tool: Tool::Stream,
        marked: true,
        speed: 120.0,
        size: 200,
        memory: ("resident", 40_000_000),
    },
];

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, tool, path @ ..] = arguments.as_slice()
        && mode == "child"
    {
        tools::child(tool, path.first().map(Path::new));
        return Ok(());
    }
    // Cargo says so when it benches; to a test runner there is nothing in here.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let chosen: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    let sizes = if chosen.is_empty() { SIZES } else { &chosen };
    let tools = Tool::ALL.iter().copied().filter(|tool| {
        let installed = tool.is_installed();
        if !installed {
            println!("{} is not installed and is left out", tool.name());
        }
        installed
    });
    let tools: Vec<Tool> = tools.collect();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("plan.json");
    for marked in [false, true] {
        for size in sizes {
            generate::write(&path, size * 1_000_000, marked)?;
            let bytes = std::fs::metadata(&path)?.len();
            table(&path, *size, bytes, marked, &tools)?;
        }
    }
    Ok(())
}

fn table(
    path: &Path,
    size: usize,
    bytes: u64,
    marked: bool,
    tools: &[Tool],
) -> std::io::Result<()> {
    let kind = if marked {
        "with marks all over"
    } else {
        "without marks"
    };
    println!(
        "\n{:.1} MB {kind}, {} findings\n{:22} {:>8} {:>9} {:>9} {:>12} {:>12} {:>9}",
        megabytes(bytes),
        generate::FINDINGS,
        "",
        "MB/s",
        "wall s",
        "CPU s",
        "resident MB",
        "anonymous MB",
        "against"
    );
    let mut first: Option<(f64, String)> = None;
    for tool in tools {
        let cost = fastest(*tool, path)?;
        let speed = megabytes(bytes) / cost.wall.as_secs_f64();
        let (fastest, counts) = first.get_or_insert_with(|| (speed, cost.counts.clone()));
        println!(
            "{:22} {speed:>8.1} {:>9.3} {:>9.2} {:>12.1} {:>12.1} {:>8.1}x{}{}",
            tool.name(),
            cost.wall.as_secs_f64(),
            cost.cpu.as_secs_f64(),
            megabytes(cost.resident),
            megabytes(cost.anonymous),
            speed / *fastest,
            judged(*tool, marked, size, speed, &cost),
            if *counts == cost.counts {
                ""
            } else {
                "  COUNTS DIFFERENTLY"
            },
        );
    }
    Ok(())
}

fn fastest(tool: Tool, path: &Path) -> std::io::Result<Cost> {
    let runs = if tool.is_ours() { RUNS } else { 1 };
    let mut best: Option<Cost> = None;
    for _ in 0..runs {
        let piped = (tool == Tool::Stream).then_some(path);
        let cost = measure::run(tool.command(path)?, piped)?;
        let known = best.get_or_insert_with(|| cost.clone());
        let (resident, anonymous) = (
            cost.resident.max(known.resident),
            cost.anonymous.max(known.anonymous),
        );
        if cost.wall < known.wall {
            *known = cost;
        }
        (known.resident, known.anonymous) = (resident, anonymous);
    }
    best.ok_or_else(|| std::io::Error::other("nothing was run"))
}

/// Whether the budget is met, if there is one for this.
fn judged(tool: Tool, marked: bool, size: usize, speed: f64, cost: &Cost) -> String {
    let budgets = BUDGETS
        .iter()
        .filter(|b| (b.tool, b.marked, b.size) == (tool, marked, size));
    let judge = |budget: &Budget| {
        let (kind, limit) = budget.memory;
        let memory = match kind {
            "anonymous" => cost.anonymous,
            _ => cost.resident,
        };
        let said = |met| if met { "met" } else { "MISSED" };
        format!(
            "  {:.0} MB/s {}, {:.0} MB {kind} {}",
            budget.speed,
            said(speed >= budget.speed),
            megabytes(limit),
            said(memory < limit)
        )
    };
    budgets.map(judge).collect()
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
