//! One finding on a terminal: what happened to the object, then each attribute with its sides.

use anstyle::{AnsiColor, Style};

use super::{Page, Piece, style};
use crate::domain::finding::{AttributeChange, Finding, Origin};
use crate::domain::why::why;
use crate::report::detail::{Detail, Line, detail};
use crate::report::escape::terminal;
use crate::report::fit::{SHORTEST_VALUE, columns, cut, items, pad, share};
use crate::report::words::{self, SAME_DOCUMENT, Sides};

/// Attributes shown of one finding unless everything is asked for.
const ATTRIBUTES_SHOWN: usize = 12;
/// Lines shown of one document or list unless everything is asked for.
const LINES_SHOWN: usize = 12;
/// Labels are aligned up to this width.
const WIDEST_LABEL: usize = 32;
/// Where attributes begin, and what belongs to one.
const INDENT: [usize; 2] = [6, 8];

const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const CYAN: Style = AnsiColor::Cyan.on_default();

impl Page {
    pub(super) fn finding(&mut self, finding: &Finding) {
        let plain = Style::new();
        let dim = plain.dimmed();
        let pieces: [Piece<'_>; 4] = [
            (
                "",
                style::action(finding.action),
                words::sign(finding.action).into(),
            ),
            (" ", plain.bold(), terminal(finding.address.as_str()).into()),
            ("  ", plain, finding.origin.as_str().into()),
            (
                "  ",
                style::severity(finding.severity),
                finding.severity.as_str().into(),
            ),
        ];
        self.heading(&pieces, &terminal(&words::happening(finding).join(", ")));
        if self.options.why {
            for reason in words::reasons(finding) {
                self.prose(INDENT[0], dim, &reason);
            }
        }
        let attributes: Vec<_> = words::attributes(finding).collect();
        let limit = if self.options.verbose {
            usize::MAX
        } else {
            ATTRIBUTES_SHOWN
        };
        let widths = attributes.iter().take(limit).map(|a| columns(&label(a)));
        let column = widths.max().unwrap_or(0).min(WIDEST_LABEL);
        for change in attributes.iter().take(limit) {
            self.attribute(&pad(&label(change), column), change, finding.origin);
            if self.options.why {
                self.prose(INDENT[1], dim, &why(change));
            }
        }
        if attributes.len() > limit {
            let more = words::count(attributes.len() - limit, "more attribute");
            self.line(self.dim(&format!("      … and {more} (-v shows all)")));
        }
    }

    /// Sign, address, origin and severity, and what happened: beside them if there is room for all
    /// of it, else below.
    fn heading(&mut self, pieces: &[Piece<'_>], told: &str) {
        let sizes = pieces
            .iter()
            .map(|(lead, _, text)| columns(lead) + columns(text));
        let whole: usize = sizes.sum::<usize>() + 4 + columns(told);
        if told.is_empty() || whole > self.width() {
            self.flow(2, INDENT[0], pieces);
            self.prose(INDENT[0], Style::new(), told);
            return;
        }
        let painted = pieces
            .iter()
            .map(|(lead, style, text)| format!("{lead}{}", self.paint(*style, text)));
        let painted: String = painted.collect();
        self.line(format!("  {painted}  {told}"));
    }

    fn attribute(&mut self, label: &str, change: &AttributeChange, of_finding: Origin) {
        let sides = words::sides(change);
        let remarks = words::remarks(change, of_finding);
        if !self.short_list(label, &sides, &remarks)
            && let Some(detail) = detail(change)
        {
            self.detail(label, &detail, &remarks);
            return;
        }
        let names = format!("  ({})", sides.names);
        let tail: String = remarks.iter().map(|r| format!("  {r}")).collect();
        let from = terminal(&words::value(sides.from));
        let to = terminal(&words::value(sides.to));
        let want = sides.want.map(|want| terminal(&words::value(want)));
        let room = self.room(&[label, &names, &tail], want.is_some());
        let texts = [Some(&from), Some(&to), want.as_ref()];
        let lengths: Vec<usize> = texts.into_iter().flatten().map(|t| columns(t)).collect();
        let least: usize = lengths.iter().map(|l| (*l).min(SHORTEST_VALUE)).sum();
        if room < least {
            self.stacked(label, &sides, &remarks);
            return;
        }
        let share = share(room, lengths);
        let want = want.map_or_else(String::new, |want| format!(", want {}", cut(&want, share)));
        self.line(format!(
            "      {label} {} → {}{}{want}{}",
            self.paint(RED, &cut(&from, share)),
            self.paint(GREEN, &cut(&to, share)),
            self.dim(&names),
            self.paint(CYAN, &tail),
        ));
    }

    /// Columns left for values on a line with these texts.
    fn room(&self, fixed: &[&str], want: bool) -> usize {
        let fixed: usize = fixed.iter().map(|text| columns(text)).sum();
        let signs = columns("        → ") + if want { columns(", want ") } else { 0 };
        self.width().saturating_sub(fixed + signs)
    }

    /// Whether this is a list whose sides fit on one line whole.
    fn short_list(&self, label: &str, sides: &Sides<'_>, remarks: &[&str]) -> bool {
        if items(sides.from).is_none() || items(sides.to).is_none() {
            return false;
        }
        let values = [Some(sides.from), Some(sides.to), sides.want];
        let values = values.into_iter().flatten();
        let values: usize = values.map(|v| columns(&terminal(&words::value(v)))).sum();
        let remarks: usize = remarks.iter().map(|remark| 2 + columns(remark)).sum();
        let names = columns(sides.names) + 4;
        let room = self.room(&[label], sides.want.is_some());
        values + remarks + names <= room
    }

    /// The sides below their label, where one line is too short.
    fn stacked(&mut self, label: &str, sides: &Sides<'_>, remarks: &[&'static str]) {
        let dim = Style::new().dimmed();
        let mut pieces: Vec<Piece<'_>> = vec![
            ("", Style::new(), label.trim_end().into()),
            (" ", dim, format!("({})", sides.names).into()),
        ];
        pieces.extend(remarks.iter().map(|r| ("  ", CYAN, (*r).into())));
        self.flow(INDENT[0], INDENT[1], &pieces);
        let room = self.width().saturating_sub(INDENT[1] + 5);
        let value = |value, room| cut(&terminal(&words::value(value)), room);
        self.line(format!(
            "        {} →",
            self.paint(RED, &value(sides.from, room))
        ));
        self.line(format!(
            "        {}",
            self.paint(GREEN, &value(sides.to, room))
        ));
        if let Some(want) = sides.want {
            self.line(format!("        want {}", value(want, room)));
        }
    }

    /// A document by its paths, a list by its items: what differs, one a line.
    fn detail(&mut self, label: &str, detail: &Detail, remarks: &[&'static str]) {
        let dim = Style::new().dimmed();
        let names = detail.parts.first().map_or("", |part| part.names);
        let mut pieces: Vec<Piece<'_>> = vec![
            ("", Style::new(), label.into()),
            (" ", Style::new(), detail.title.as_str().into()),
            (", ", Style::new(), detail.want.unwrap_or_default().into()),
            ("  ", dim, format!("({names})").into()),
        ];
        let remarks = remarks.iter().filter(|remark| **remark != SAME_DOCUMENT);
        pieces.extend(remarks.map(|remark| ("  ", CYAN, (*remark).into())));
        self.flow(INDENT[0], INDENT[1], &pieces);
        let limit = if self.options.verbose {
            usize::MAX
        } else {
            LINES_SHOWN
        };
        for (place, part) in detail.parts.iter().enumerate() {
            if place > 0 {
                self.line(format!("        {}:", part.names));
            }
            for line in part.lines.iter().take(limit) {
                self.difference(line);
            }
            if part.lines.len() > limit {
                let more = words::count(part.lines.len() - limit, "more difference");
                self.line(self.dim(&format!("        … and {more} (-v shows all)")));
            }
        }
    }

    fn difference(&mut self, line: &Line) {
        let path = match line.path.as_str() {
            "" => String::new(),
            path if line.remark.is_empty() => format!("{}: ", terminal(path)),
            path => format!("{} ", terminal(path)),
        };
        let head = format!("{} {path}", line.sign);
        let values = [&line.from, &line.to].map(|value| value.as_deref().map(terminal));
        let lengths: Vec<usize> = values.iter().flatten().map(|text| columns(text)).collect();
        let arrow = if lengths.len() > 1 { " → " } else { "" };
        let least: usize = lengths.iter().map(|l| (*l).min(SHORTEST_VALUE)).sum();
        let beside = self
            .width()
            .saturating_sub(INDENT[1] + columns(&head) + columns(arrow));
        let below = self.width().saturating_sub(INDENT[1] + 2 + columns(arrow));
        let style = match line.sign {
            "-" => RED,
            "+" => GREEN,
            _ => Style::new(),
        };
        let room = if beside < least { below } else { beside };
        let share = share(room, lengths);
        let [from, to] = values.map(|value| value.map_or_else(String::new, |v| cut(&v, share)));
        let values = format!(
            "{}{arrow}{}{}",
            self.paint(RED, &from),
            self.paint(GREEN, &to),
            self.dim(line.remark),
        );
        if beside < least {
            self.line(format!("        {}", self.paint(style, head.trim_end())));
            self.line(format!("          {values}"));
        } else {
            self.line(format!("        {}{values}", self.paint(style, &head)));
        }
    }
}

fn label(change: &AttributeChange) -> String {
    terminal(&format!("{}:", change.subject))
}
