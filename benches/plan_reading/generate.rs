//! Plans of any size, shaped like real ones: the entries of the labelled plans, again and again,
//! in nested modules, with a fixed number of findings among them.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use serde_json::{Value as Json, json};

/// Objects that are not as they should be, in every generated plan.
pub(crate) const FINDINGS: usize = 100;
/// Of these, the first part has drifted; code waits for the rest.
const DRIFTED: usize = 60;
/// Different secrets in a plan with marks; one resource in four holds one of them.
const SECRETS: usize = 500;
/// In real plans many objects have drift entries that say nothing, as `tags` null against `{}`.
const NOISE_EVERY: usize = 20;
/// Resources of a module, modules within a module, and how deep they go.
const PER_MODULE: usize = 25;
const CALLS: usize = 8;
const DEPTH: usize = 3;

const PLANS: &[&str] = &[
    include_str!("../../tests/golden/plans/insync_settled.plan.json"),
    include_str!("../../tests/golden/plans/drift_unmanaged_sg.plan.json"),
    include_str!("../../tests/golden/plans/drift_output.plan.json"),
    include_str!("../../tests/golden/plans/replace_drift.plan.json"),
];

/// One kind of resource, ready to be written with another name each time.
struct Template {
    /// With `@address`, `@name` and `@secret` where these differ.
    state: String,
    no_op: String,
    drifted: String,
    pending: String,
    noise_drift: String,
    real_drift: String,
    configuration: String,
    resource_type: String,
}

impl Template {
    /// From an object of a plan: its state, and what the configuration says of it.
    fn new(resource: &Json, configuration: &Json, marked: bool) -> Self {
        let text = |key: &str| resource[key].as_str().unwrap_or_default().to_owned();
        let (resource_type, provider) = (text("type"), text("provider_name"));
        let mut values = resource["values"].clone();
        values["tags"] = json!({"Env": "prod", "Name": "@name"});
        values["id"] = json!("@name");
        let mut marks = resource["sensitive_values"].clone();
        unmark(&mut marks);
        if marked {
            values["connection"] = json!({"user": "app", "password": "@secret"});
            marks["connection"] = json!({"password": true});
        }
        let with = |key: &str, tag: &str| {
            let mut values = values.clone();
            values["tags"][key] = json!(tag);
            values
        };
        let entry = |actions: &str, before: &Json, after: &Json| {
            json!({
                "address": "@address", "module_address": "@module", "mode": "managed",
                "type": resource_type, "name": "@name", "provider_name": provider,
                "change": {"actions": [actions], "before": before, "after": after,
                    "after_unknown": {}, "before_sensitive": marks, "after_sensitive": marks},
            })
            .to_string()
        };
        let hacked = with("Env", "hacked");
        let wanted = with("Owner", "platform");
        let mut untagged = values.clone();
        untagged["tags_all"] = Json::Null;
        let mut tagged = values.clone();
        tagged["tags_all"] = json!({});
        Self {
            state: json!({
                "address": "@address", "mode": "managed", "type": resource_type,
                "name": "@name", "provider_name": provider, "schema_version": 1,
                "values": values, "sensitive_values": marks,
            })
            .to_string(),
            no_op: entry("no-op", &values, &values),
            drifted: entry("update", &hacked, &values),
            pending: entry("update", &values, &wanted),
            noise_drift: entry("update", &untagged, &tagged),
            real_drift: entry("update", &values, &hacked),
            configuration: json!({
                "address": format!("{resource_type}.@name"), "mode": "managed",
                "type": resource_type, "name": "@name",
                "expressions": configuration["expressions"],
            })
            .to_string(),
            resource_type,
        }
    }

    fn all(marked: bool) -> Vec<Self> {
        let mut templates = Vec::new();
        for text in PLANS {
            let plan: Json = serde_json::from_str(text).expect("a labelled plan is JSON");
            let list = |place: &str| {
                let list = plan.pointer(place).and_then(Json::as_array);
                list.cloned().unwrap_or_default()
            };
            let blocks = list("/configuration/root_module/resources");
            for resource in list("/prior_state/values/root_module/resources") {
                let block = blocks.iter().find(|b| b["address"] == resource["address"]);
                if resource["mode"] == "managed" {
                    templates.push(Self::new(&resource, block.unwrap_or(&Json::Null), marked));
                }
            }
        }
        templates
    }
}

/// Leaves of the marks only the shape, as real plans have it of what is not sensitive.
fn unmark(marks: &mut Json) {
    match marks {
        Json::Object(fields) => {
            fields.retain(|_, marks| *marks != json!(true));
            fields.values_mut().for_each(unmark);
        }
        Json::Array(items) => items.iter_mut().for_each(unmark),
        _ => *marks = json!(false),
    }
}

/// What stands in one place of the plan for each resource.
#[derive(Clone, Copy)]
enum Part {
    State,
    Configuration,
}

struct Writer {
    out: BufWriter<File>,
    templates: Vec<Template>,
    resources: usize,
}

/// Writes a plan of about `size` bytes; `marked` ones have sensitive marks all over.
pub(crate) fn write(path: &Path, size: usize, marked: bool) -> Result<()> {
    let templates = Template::all(marked);
    let each = |t: &Template| t.state.len() * 2 + t.no_op.len() + t.configuration.len() + 300;
    let average = templates.iter().map(each).sum::<usize>() / templates.len();
    let mut writer = Writer {
        out: BufWriter::with_capacity(1 << 20, File::create(path)?),
        templates,
        resources: (size / average).max(FINDINGS * 2),
    };
    writer.plan()?;
    writer.out.flush()
}

impl Writer {
    fn plan(&mut self) -> Result<()> {
        self.out.write_all(
            br#"{"format_version":"1.2","terraform_version":"1.11.4","variables":{"region":{"value":"eu-central-1"}},"planned_values":{"root_module":"#,
        )?;
        self.modules(Part::State)?;
        self.out.write_all(br#"},"resource_drift":["#)?;
        self.entries(|writer, number| {
            let template = writer.template(number);
            match writer.finding(number) {
                Some(finding) if finding < DRIFTED => Some(&template.real_drift),
                None if number % NOISE_EVERY == 1 => Some(&template.noise_drift),
                _ => None,
            }
        })?;
        self.out.write_all(br#"],"resource_changes":["#)?;
        self.entries(|writer, number| {
            let template = writer.template(number);
            Some(match writer.finding(number) {
                Some(finding) if finding < DRIFTED => &template.drifted,
                Some(_) => &template.pending,
                None => &template.no_op,
            })
        })?;
        self.out
            .write_all(br#"],"prior_state":{"format_version":"1.0","terraform_version":"1.11.4","values":{"root_module":"#)?;
        self.modules(Part::State)?;
        self.out
            .write_all(br#"}},"configuration":{"provider_config":{"aws":{"name":"aws","full_name":"registry.terraform.io/hashicorp/aws"}},"root_module":"#)?;
        self.modules(Part::Configuration)?;
        self.out.write_all(br#"},"relevant_attributes":["#)?;
        for number in (0..self.resources).step_by(50) {
            let comma = if number > 0 { "," } else { "" };
            let address = self.address(number);
            write!(
                self.out,
                "{comma}{}",
                json!({"resource": address, "attribute": ["id"]})
            )?;
        }
        self.out.write_all(
            br#"],"timestamp":"2026-01-01T00:00:00Z","applyable":true,"complete":true,"errored":false}"#,
        )
    }

    fn template(&self, number: usize) -> &Template {
        &self.templates[number % self.templates.len()]
    }

    /// Which finding a resource is: they are spread evenly.
    fn finding(&self, number: usize) -> Option<usize> {
        let every = self.resources / FINDINGS;
        (number.is_multiple_of(every) && number / every < FINDINGS).then_some(number / every)
    }

    fn modules_below() -> usize {
        (0..=DEPTH).map(|depth| CALLS.pow(depth as u32)).sum()
    }

    /// The path of a module from its number: each digit to the base of `CALLS` is a call.
    fn module(&self, number: usize) -> Vec<usize> {
        let mut rest = number / PER_MODULE % Self::modules_below();
        let mut path = Vec::new();
        let mut below = Self::modules_below();
        while rest > 0 {
            below = (below - 1) / CALLS;
            path.push((rest - 1) / below);
            rest = (rest - 1) % below;
        }
        path
    }

    fn module_address(&self, number: usize) -> String {
        let path = self.module(number);
        let calls = path.iter().map(|call| format!("module.part{call}"));
        calls.collect::<Vec<_>>().join(".")
    }

    fn address(&self, number: usize) -> String {
        let module = self.module_address(number);
        let dot = if module.is_empty() { "" } else { "." };
        let resource_type = &self.template(number).resource_type;
        format!("{module}{dot}{resource_type}.r{number}")
    }

    fn filled(&self, text: &str, number: usize) -> String {
        let secret = number / 4 % SECRETS;
        let secret = if number.is_multiple_of(4) {
            format!("sEcr3t/{secret:04}+\\\"{:08x}", secret * 0x9E37_79B9)
        } else {
            "common-passw0rd".to_owned()
        };
        text.replace("@address", &self.address(number))
            .replace("@module", &self.module_address(number))
            .replace("@name", &format!("r{number}"))
            .replace("@secret", &secret)
    }

    fn entries(&mut self, choose: impl Fn(&Self, usize) -> Option<&String>) -> Result<()> {
        let mut comma = "";
        for number in 0..self.resources {
            let Some(text) = choose(self, number) else {
                continue;
            };
            let entry = self.filled(text, number);
            write!(self.out, "{comma}{entry}")?;
            comma = ",";
        }
        Ok(())
    }

    /// The tree of modules, each with the resources whose number leads to it.
    fn modules(&mut self, part: Part) -> Result<()> {
        let mut members = vec![Vec::new(); Self::modules_below()];
        for number in 0..self.resources {
            members[number / PER_MODULE % Self::modules_below()].push(number);
        }
        let mut next = 0;
        self.below(part, &members, &mut next, 0)
    }

    fn below(
        &mut self,
        part: Part,
        members: &[Vec<usize>],
        next: &mut usize,
        depth: usize,
    ) -> Result<()> {
        let own = &members[*next];
        *next += 1;
        self.out.write_all(br#"{"resources":["#)?;
        for (place, number) in own.iter().enumerate() {
            let template = self.template(*number);
            let text = match part {
                Part::State => &template.state,
                Part::Configuration => &template.configuration,
            };
            let entry = self.filled(text, *number);
            write!(self.out, "{}{entry}", if place > 0 { "," } else { "" })?;
        }
        let calls = if depth < DEPTH { CALLS } else { 0 };
        let (open, close) = match part {
            Part::State => ("[", "]"),
            Part::Configuration => ("{", "}"),
        };
        let list = match part {
            Part::State => "child_modules",
            Part::Configuration => "module_calls",
        };
        write!(self.out, r#"],"{list}":{open}"#)?;
        for call in 0..calls {
            let comma = if call > 0 { "," } else { "" };
            match part {
                Part::State => write!(self.out, "{comma}")?,
                Part::Configuration => write!(
                    self.out,
                    r#"{comma}"part{call}":{{"source":"./part","expressions":{{}},"module":"#
                )?,
            }
            self.below(part, members, next, depth + 1)?;
            if matches!(part, Part::Configuration) {
                self.out.write_all(b"}")?;
            }
        }
        write!(self.out, "{close}}}")
    }
}
