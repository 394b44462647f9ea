//! `/api/v1/report`: the posture of many stacks over a time.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::domain::finding::Severity;
use crate::domain::posture::{Filter, Moment, Window};
use crate::report::Options;
use crate::report::posture::{PostureFormat, UnknownPostureFormat, render};

use super::Api;
use super::error::ApiError;
use super::query::Query;
use super::select::select;
use super::stacks::WIDTH;

/// What is asked for; every parameter may be left out.
struct Asked {
    since: Moment,
    until: Option<Moment>,
    filter: Filter,
    format: PostureFormat,
    options: Options,
}

impl Asked {
    fn read(query: Vec<(String, String)>) -> Result<Self, ApiError> {
        let wrong = |what: &dyn std::fmt::Display| ApiError::BadRequest(what.to_string());
        let flag = |name: &str, text: &str| {
            let flag = text.parse::<bool>();
            flag.map_err(|_| wrong(&format!("`{name}` is `true` or `false`")))
        };
        let moment = |text: &str| text.parse::<Moment>().map_err(|error| wrong(&error));
        let mut asked = Self {
            since: Moment::WEEK,
            until: None,
            filter: Filter::default(),
            format: PostureFormat::Json,
            options: Options {
                width: WIDTH,
                color: false,
                verbose: false,
                why: false,
            },
        };
        for (name, value) in query {
            match name.as_str() {
                "since" => asked.since = moment(&value)?,
                "until" => asked.until = Some(moment(&value)?),
                "severity" => {
                    let severity = Severity::parse(&value);
                    let severity = severity.ok_or_else(|| {
                        wrong(&"`severity` is critical, high, medium, low or info")
                    })?;
                    asked.filter.severity = Some(severity);
                }
                "format" => {
                    let format = value.parse();
                    asked.format = format.map_err(|error: UnknownPostureFormat| wrong(&error))?;
                }
                "width" => {
                    let width = value.parse();
                    asked.options.width =
                        width.map_err(|_| wrong(&"`width` is a number of columns"))?;
                }
                "color" => asked.options.color = flag(&name, &value)?,
                "verbose" => asked.options.verbose = flag(&name, &value)?,
                name if select(&mut asked.filter.which, name, &value)? => {}
                _ => {
                    let known = "since, until, stack, source, label, owner, severity, format, \
                                 width, color, verbose";
                    return Err(wrong(&format!("unknown parameter; there are {known}")));
                }
            }
        }
        Ok(asked)
    }
}

/// `GET /api/v1/report[?since=7d&until=…&stack=…&source=…&label=k=v&owner=…&severity=…&format=json]`.
pub(super) async fn report(
    State(api): State<Api>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let asked = Asked::read(query)?;
    let now = Timestamp::now();
    let window = Window::resolve(asked.since, asked.until, now)
        .map_err(|error| ApiError::BadRequest(error.to_string()))?;
    let posture = api.handle.posture(window, asked.filter, now).await?;
    let text = render(asked.format, &posture, &asked.options)?;
    Ok(([(CONTENT_TYPE, asked.format.content_type())], text).into_response())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::domain::ids::SourceName;

    fn read(query: &[(&str, &str)]) -> Result<Asked, ApiError> {
        let pairs = query.iter();
        Asked::read(
            pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn every_parameter_is_read_and_several_labels_count_together() {
        let asked = read(&[]).unwrap();
        assert_eq!(asked.since, Moment::WEEK);
        assert_eq!(asked.filter, Filter::default());
        let asked = read(&[
            ("since", "2w"),
            ("until", "2026-11-20"),
            ("source", "infra"),
            ("label", "tier=prod"),
            ("label", "region=eu=1"),
            ("source", "edge"),
            ("stack", "infra/live/**"),
            ("owner", "plat*"),
            ("severity", "high"),
            ("format", "csv"),
        ])
        .unwrap();
        assert_eq!(asked.since, "2w".parse().unwrap());
        let which = &asked.filter.which;
        assert_eq!(which.labels["tier"].as_str(), "prod");
        assert_eq!(which.labels["region"].as_str(), "eu=1");
        assert_eq!(which.owners[0].as_str(), "plat*");
        assert_eq!(which.stacks[0].as_str(), "infra/live/**");
        assert_eq!(which.sources, ["infra", "edge"].map(SourceName::new));
        assert_eq!(asked.filter.severity, Some(Severity::High));
        assert_eq!(asked.format, PostureFormat::Csv);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (name, value, hint) in [
            ("since", "soon", "`7d`"),
            ("label", "tier", "label=key=value"),
            ("owner", "{a", "alternate"),
            ("severity", "grave", "critical"),
            ("format", "junit", "csv"),
            ("width", "wide", "columns"),
            ("sicne", "7d", "since"),
        ] {
            let Err(ApiError::BadRequest(told)) = read(&[(name, value)]) else {
                panic!("{name}={value} is refused");
            };
            assert!(told.contains(hint), "{told}");
        }
    }
}
