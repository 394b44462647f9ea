//! Secrets put into real plans at random are in nothing that anybody could read afterwards.

mod inject;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use clap::ValueEnum as _;
use mooring::report::{Format, Options, render, render_troubles, terminal};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

use self::inject::{Form, Injection, go_json, hcl, percent};
use super::{explained, plans, reading};

/// What of a text survives every escaping: its letters and digits, in their order.
fn essence(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The base64 of the text wherever it stands in a longer one, less what its neighbours change.
fn inside_base64(text: &str) -> impl Iterator<Item = String> {
    (0..3).map(move |shift| {
        let padded = ["\0".repeat(shift).as_str(), text].concat();
        let whole = STANDARD_NO_PAD.encode(&padded);
        whole[(shift * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
    })
}

/// Every way in which the secret would be told.
fn told(secret: &str) -> Vec<String> {
    let json = Json::from(secret).to_string();
    let forms = [
        secret.to_owned(),
        format!("{secret:?}"),
        json.clone(),
        go_json(secret),
        Json::from(json).to_string(),
        terminal(secret),
        hcl(secret),
        percent(secret),
        percent(secret).replace("%20", "+"),
    ];
    let mut told: Vec<String> = forms
        .into_iter()
        .chain(inside_base64(secret))
        .map(|form| essence(&form))
        .collect();
    told.sort();
    told.dedup();
    told
}

/// Everything that is made of a plan, each with its name.
fn outputs(bytes: &[u8], diagnostic: &str) -> Vec<(String, String)> {
    let (reading, findings) = reading(bytes);
    let check = explained(bytes).unwrap();
    let checks = [check];
    let [check] = &checks;
    let mut outputs = vec![
        (
            "the plan, debugged".to_owned(),
            format!("{:?}", reading.plan),
        ),
        ("the warnings".to_owned(), reading.warnings.join("\n")),
        (
            "the findings".to_owned(),
            serde_json::to_string(&findings).unwrap(),
        ),
        ("a diagnostic".to_owned(), reading.masker.mask(diagnostic)),
        ("the reading, debugged".to_owned(), format!("{reading:?}")),
        (
            "what is stored".to_owned(),
            serde_json::to_string(check).unwrap(),
        ),
        ("the check, debugged".to_owned(), format!("{check:?}")),
    ];
    for format in Format::value_variants() {
        for verbose in [false, true] {
            let options = Options {
                width: 400,
                color: verbose,
                verbose,
                why: verbose,
            };
            let name = format!("the report as {format:?}");
            outputs.push((name.clone(), render(*format, &checks, &options).unwrap()));
            outputs.push((name, render_troubles(*format, &checks, &options).unwrap()));
        }
    }
    outputs
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 250,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_injected_secret_is_told(
        which in any::<Index>(),
        injections in proptest::collection::vec(Injection::any(), 1..3),
    ) {
        // Some are nested more deeply than this test's own reader follows.
        let mut plans = plans();
        plans.retain(|(_, bytes)| {
            let plan = serde_json::from_slice::<Json>(bytes);
            plan.is_ok_and(|plan| {
                let mut changes = plan["resource_changes"].as_array().into_iter().flatten();
                let mut sides = changes.by_ref().flat_map(|entry| ["before", "after"].map(|side| &entry["change"][side]));
                sides.any(Json::is_object)
            })
        });
        let (name, bytes) = which.get(&plans);
        let mut plan: Json = serde_json::from_slice(bytes).unwrap();
        let mut diagnostic = String::new();
        for (number, injection) in injections.iter().enumerate() {
            injection.apply(&mut plan, number);
            for form in [Form::Alone, Form::InText, Form::InGoJson, Form::InBase64] {
                diagnostic.push_str(&format!("Error: {}\n", form.text(&injection.secret)));
            }
        }
        let outputs = outputs(plan.to_string().as_bytes(), &diagnostic);
        for Injection { secret, .. } in &injections {
            let told = told(secret);
            for (output, text) in &outputs {
                let text = essence(text);
                for form in &told {
                    prop_assert!(!text.contains(form.as_str()), "{name}: {output} tells {form}");
                }
            }
        }
    }
}
