//! `mooring config tables`: the tables by which findings are judged, for people who want to know why
//! or to override them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};

use crate::config::load;
use crate::domain::finding::Origin;
use crate::domain::pattern::PathPattern;
use crate::domain::rules::Rules;
use crate::domain::tables::{IRREVERSIBLE, NOISE, SEVERITY, STATEFUL, Scope, WRITERS};

use super::error::CliError;
use super::output::{print, width};

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// How much a difference matters.
    Severity,
    /// What servers change by themselves and what says nothing.
    Noise,
    /// What cannot be undone, and is never automatic.
    Irreversible,
    /// Who else usually writes what drifts again and again.
    Writers,
}

/// How tables are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum TablesFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For documentation.
    Markdown,
}

/// Arguments of `config tables`.
#[derive(Debug, Args)]
pub(super) struct TablesArgs {
    /// The table; without one all of them.
    #[arg(value_enum)]
    which: Option<Which>,
    /// Form of the tables.
    #[arg(long, value_enum, default_value_t)]
    format: TablesFormat,
    /// Show the rules of this configuration above the built-in ones.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints them.
pub(super) fn tables(args: &TablesArgs) -> Result<(), CliError> {
    let rules = match &args.config {
        Some(file) => load(file)?.rules,
        None => Rules::default(),
    };
    let all = [
        Which::Severity,
        Which::Noise,
        Which::Irreversible,
        Which::Writers,
    ];
    let sheets: Vec<Sheet> = all
        .into_iter()
        .filter(|which| args.which.is_none_or(|wanted| wanted == *which))
        .map(|which| sheet(which, &rules))
        .collect();
    let shown = sheets.iter().map(|sheet| match args.format {
        TablesFormat::Text => text(sheet, width()),
        TablesFormat::Markdown => markdown(sheet),
    });
    print(&shown.collect::<Vec<_>>().join("\n"))
}

/// A table as it is printed.
struct Sheet {
    title: &'static str,
    about: &'static str,
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

/// Where the operator's own rules come from.
const OWN: &str = "configuration";

fn sheet(which: Which, rules: &Rules) -> Sheet {
    match which {
        Which::Severity => severity(rules),
        Which::Noise => noise(rules),
        Which::Irreversible => irreversible(rules),
        Which::Writers => writers(),
    }
}

fn severity(rules: &Rules) -> Sheet {
    let own = rules.severities.iter().map(|rule| {
        let origins = rule.origins.iter().copied().map(Origin::as_str);
        vec![
            rule.resource_type.as_str().to_owned(),
            or(&paths(&rule.attributes), "*"),
            or(&origins.collect::<Vec<_>>().join(", "), "any"),
            rule.severity.as_str().to_owned(),
            rule.reason.clone().unwrap_or_else(|| "-".to_owned()),
            OWN.to_owned(),
        ]
    });
    let built_in = SEVERITY.iter().map(|row| {
        let mut cells = scope(&row.scope);
        cells.extend(
            [
                row.effect.as_str(),
                row.severity.as_str(),
                row.reason,
                row.source,
            ]
            .map(str::to_owned),
        );
        cells
    });
    Sheet {
        title: "Severity",
        about: "Rules of the configuration come first; the first that matches everything that differs \
                wins. Of the built-in rows those that name an attribute come before those with `*`; \
                among these the highest severity wins, and so it does over the attributes of a \
                finding.",
        header: &[
            "TYPES",
            "ATTRIBUTES",
            "WHEN",
            "SEVERITY",
            "REASON",
            "SOURCE",
        ],
        rows: own.chain(built_in).collect(),
    }
}

fn noise(rules: &Rules) -> Sheet {
    let own = rules.noise.iter().map(|rule| {
        vec![
            rule.resource_type.as_str().to_owned(),
            paths(&rule.attributes),
            rule.reason.clone(),
            OWN.to_owned(),
        ]
    });
    let built_in = NOISE.iter().map(|row| {
        let mut cells = scope(&row.scope);
        cells.extend([row.reason, row.source].map(str::to_owned));
        cells
    });
    Sheet {
        title: "Noise",
        about: "A finding is suppressed if no apply would touch the object and if everything that \
                differs is here. It is counted, and `-v` lists it. A built-in row does not hold for \
                attributes that a severity rule of the configuration names.",
        header: &["TYPES", "ATTRIBUTES", "REASON", "SOURCE"],
        rows: own.chain(built_in).collect(),
    }
}

fn irreversible(rules: &Rules) -> Sheet {
    const OBJECT: &str = "(the object)";
    const GONE: &str = "deleted, replaced, forgotten, re-created";
    let row = |types: &str, attributes: &str, effect: &str, reason: &str, source: &str| {
        [types, attributes, effect, reason, source]
            .map(str::to_owned)
            .to_vec()
    };
    let own = rules.irreversible.iter().map(|rule| {
        let types = rule.resource_type.as_str();
        if rule.attributes.is_empty() {
            row(types, OBJECT, GONE, &rule.reason, OWN)
        } else {
            row(types, &paths(&rule.attributes), "any", &rule.reason, OWN)
        }
    });
    let attributes = IRREVERSIBLE.iter().map(|row| {
        let mut cells = scope(&row.scope);
        cells.extend([row.effect.as_str(), row.reason, row.source].map(str::to_owned));
        cells
    });
    let objects = STATEFUL.iter().map(|entry| {
        row(
            entry.resource_type,
            OBJECT,
            GONE,
            entry.reason,
            entry.source,
        )
    });
    Sheet {
        title: "Irreversible",
        about: "What an apply would do here is never done without a person. The configuration can add \
                to this table, and nothing can take away from it.",
        header: &["TYPES", "ATTRIBUTES", "EFFECT", "REASON", "SOURCE"],
        rows: own.chain(attributes).chain(objects).collect(),
    }
}

fn writers() -> Sheet {
    let rows = WRITERS.iter().map(|row| {
        let mut cells = scope(&row.scope);
        cells.extend([row.who, row.source].map(str::to_owned));
        cells
    });
    Sheet {
        title: "Writers",
        about: "Drift that comes back after its repair is written by something else too: often by these. \
                The first row that fits counts.",
        header: &["TYPES", "ATTRIBUTES", "WHO", "SOURCE"],
        rows: rows.collect(),
    }
}

fn scope(scope: &Scope) -> Vec<String> {
    let types: Vec<&str> = scope.types.iter().map(|pattern| pattern.as_str()).collect();
    vec![types.join(", "), paths(&scope.attributes)]
}

fn paths(patterns: &[PathPattern]) -> String {
    let patterns: Vec<&str> = patterns.iter().map(PathPattern::as_str).collect();
    patterns.join(", ")
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise } else { text }.to_owned()
}

fn text(sheet: &Sheet, width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(sheet.header.iter().copied());
    for row in &sheet.rows {
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let cell = crate::report::terminal(cell);
            // A name on each line, so that few are broken.
            if column < 2 {
                cell.replace(", ", "\n")
            } else {
                cell
            }
        });
        table.add_row(cells);
    }
    format!(
        "{}\n{}\n\n{table}\n",
        sheet.title,
        sheet.about.replace('`', "")
    )
}

fn markdown(sheet: &Sheet) -> String {
    let cell = |cell: &str| {
        cell.replace('\\', "\\\\")
            .replace(['|', '\n'], "\\|")
            .replace('<', "&lt;")
    };
    let code = |text: &str| {
        let code = text
            .split(", ")
            .map(|name| format!("`{}`", name.replace('|', "\\|")));
        code.collect::<Vec<_>>().join(", ")
    };
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = format!("## {}\n\n{}\n\n", sheet.title, sheet.about);
    let header = sheet.header.iter().map(|name| name.to_lowercase());
    out.push_str(&line(header.collect()));
    out.push_str(&line(
        sheet.header.iter().map(|_| "---".to_owned()).collect(),
    ));
    for row in &sheet.rows {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(column, text)| {
            if column < 2 && !text.starts_with('(') {
                code(text)
            } else {
                cell(text)
            }
        });
        out.push_str(&line(cells.collect()));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::pattern::NamePattern;
    use crate::domain::rules::NoiseRule;

    #[test]
    fn every_row_has_every_column_and_own_rules_come_first() {
        let rules = Rules {
            noise: vec![NoiseRule {
                resource_type: NamePattern::parse("aws_eks_*").unwrap(),
                attributes: vec![PathPattern::parse("a|b").unwrap()],
                reason: "<it> | scales".to_owned(),
            }],
            ..Rules::default()
        };
        for which in [Which::Severity, Which::Noise, Which::Irreversible] {
            let sheet = sheet(which, &rules);
            for row in &sheet.rows {
                assert_eq!(row.len(), sheet.header.len(), "{row:?}");
                assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
            }
            let columns = sheet.header.len() + 1;
            for line in markdown(&sheet).lines().filter(|l| l.starts_with('|')) {
                assert_eq!(
                    line.replace("\\|", "").matches('|').count(),
                    columns,
                    "{line}"
                );
            }
        }
        let noise = markdown(&sheet(Which::Noise, &rules));
        let first = noise.lines().find(|line| line.starts_with("| `")).unwrap();
        insta::assert_snapshot!(first, @r"| `aws_eks_*` | `a\|b` | &lt;it> \| scales | configuration |");
    }
}
