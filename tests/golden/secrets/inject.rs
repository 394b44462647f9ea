//! Where a secret is put into a plan: marked somewhere, and copied to where no mark is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value as Json, json};

/// What Go's escapers of queries and path segments leave as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How a text contains the secret.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Alone,
    InText,
    InJson,
    /// As Terraform's `jsonencode` writes it.
    InGoJson,
    Base64,
    InBase64,
    Percent,
    Query,
}

impl Form {
    pub(super) fn text(self, secret: &str) -> String {
        match self {
            Self::Alone => secret.to_owned(),
            Self::InText => format!("db://user:{secret}@host/name"),
            Self::InJson => json!({"Password": secret, "Other": [1, null]}).to_string(),
            Self::InGoJson => go_json(&format!("login: {secret}!")),
            Self::Base64 => STANDARD.encode(secret),
            Self::InBase64 => STANDARD.encode(format!("user:{secret}\n")),
            Self::Percent => format!("https://user:{}@host/", percent(secret)),
            Self::Query => format!("https://host/?q={}", percent(secret).replace("%20", "+")),
        }
    }
}

pub(super) fn percent(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

pub(super) fn go_json(text: &str) -> String {
    let mut json = Json::from(text).to_string();
    for c in ['&', '<', '>', '\u{2028}', '\u{2029}'] {
        json = json.replace(c, &format!("\\u{:04x}", u32::from(c)));
    }
    json
}

/// As an address quotes the key of an instance.
pub(super) fn hcl(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    let text = text.replace('\n', "\\n").replace('\r', "\\r");
    let text = text.replace('\t', "\\t");
    text.replace("${", "$${").replace("%{", "%%{")
}

/// Which sides of a change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Before,
    After,
    Both,
}

impl Side {
    fn has(self, side: &str) -> bool {
        matches!(
            (self, side),
            (Self::Both, _) | (Self::Before, "before") | (Self::After, "after")
        )
    }
}

/// Where a mark says that the secret is one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Attribute,
    Parent,
    Nested,
    ListItem,
    MapEntry,
    Drift,
    PriorState,
    PlannedValues,
    RootVariable,
    RootDefault,
    ModuleDefault,
    ModuleConstant,
    StateOutput,
    DeclaredOutput,
    OutputChange,
}

/// Where a copy stands that nothing marks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spot {
    Attribute,
    DriftAttribute,
    Tag,
    TagKey,
    ListItem,
    InstanceKey,
    PreviousKey,
    Output,
    CheckMessage,
    CheckKey,
    ImportId,
    RelevantPath,
    ReplacePath,
    Reason,
}

/// A copy of a secret.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    form: Form,
    spot: Spot,
    side: Side,
    entry: Index,
}

/// A secret, where it is marked and where else it stands.
#[derive(Debug, Clone)]
pub(super) struct Injection {
    pub(super) secret: String,
    place: Place,
    /// Which sides hold it, and which of them are marked.
    held: Side,
    marked: Side,
    entry: Index,
    pub(super) copies: Vec<Copy>,
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Both), Just(Side::Before), Just(Side::After)]
}

fn one_of<T: std::fmt::Debug + Clone + 'static>(all: Vec<T>) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

/// Text of every kind of character, with a middle that no plan contains by chance.
fn secret() -> impl Strategy<Value = String> {
    let some = |most: usize| {
        let c = prop_oneof![
            4 => proptest::char::range('!', '~'),
            2 => one_of(vec!['"', '\'', '\\', '<', '>', '&', '%', '$', '{', '`', ' ', '/', '+', '=']),
            1 => one_of(vec!['\n', '\r', '\t', '\u{1}', '\u{7f}', '\u{a0}', '\u{2028}']),
            1 => one_of(vec!['\u{e9}', '\u{301}', '\u{4e2d}', '\u{1f511}', '\u{202e}', '\u{fc}']),
        ];
        proptest::collection::vec(c, 0..=most).prop_map(|c| c.into_iter().collect::<String>())
    };
    prop_oneof![
        9 => (some(8), some(16), some(8)).prop_map(|(a, b, c)| format!("{a}Zq7x{b}w9Kj{c}")),
        1 => "9753[0-9]{4,16}1",
    ]
}

impl Injection {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        use Place as P;
        use Spot as S;
        let forms = vec![
            Form::Alone,
            Form::InText,
            Form::InJson,
            Form::InGoJson,
            Form::Base64,
            Form::InBase64,
            Form::Percent,
            Form::Query,
        ];
        let spots = vec![
            S::Attribute,
            S::DriftAttribute,
            S::Tag,
            S::TagKey,
            S::ListItem,
            S::InstanceKey,
            S::PreviousKey,
            S::Output,
            S::CheckMessage,
            S::CheckKey,
            S::ImportId,
            S::RelevantPath,
            S::ReplacePath,
            S::Reason,
        ];
        let places = vec![
            P::Attribute,
            P::Parent,
            P::Nested,
            P::ListItem,
            P::MapEntry,
            P::Drift,
            P::PriorState,
            P::PlannedValues,
            P::RootVariable,
            P::RootDefault,
            P::ModuleDefault,
            P::ModuleConstant,
            P::StateOutput,
            P::DeclaredOutput,
            P::OutputChange,
        ];
        let copy = (one_of(forms), one_of(spots), side(), any::<Index>()).prop_map(
            |(form, spot, side, entry)| Copy {
                form,
                spot,
                side,
                entry,
            },
        );
        let copies = proptest::collection::vec(copy, 0..4);
        let held = (side(), side());
        (secret(), one_of(places), held, any::<Index>(), copies).prop_map(
            |(secret, place, (held, marked), entry, copies)| Self {
                secret,
                place,
                held,
                marked,
                entry,
                copies,
            },
        )
    }

    /// Writes it into a plan. `number` keeps the names of several injections apart.
    pub(super) fn apply(&self, plan: &mut Json, number: usize) {
        self.mark(plan, &format!("secret_{number}"));
        for (copied, copy) in self.copies.iter().enumerate() {
            copy.apply(plan, &self.secret, &format!("copy_{number}_{copied}"));
        }
    }

    fn mark(&self, plan: &mut Json, name: &str) {
        let secret = &self.secret;
        let (value, marks) = match self.place {
            Place::Parent => (json!({"user": "u", "password": secret}), json!(true)),
            Place::Nested => (
                json!({"user": "u", "password": secret}),
                json!({"password": true}),
            ),
            Place::ListItem => (json!(["plain", secret]), json!([false, true])),
            Place::MapEntry => (
                json!({"DB.PASSWORD": secret, "A": "b"}),
                json!({"DB.PASSWORD": true}),
            ),
            _ => (json!(secret), json!(true)),
        };
        let root = "root_module";
        match self.place {
            Place::Attribute
            | Place::Parent
            | Place::Nested
            | Place::ListItem
            | Place::MapEntry => {
                let entry = changed(plan, self.entry);
                put(entry, self.held, name, &value);
                // At least one side that holds it is marked.
                put_marks(entry, self.marked, name, &marks);
                put_marks(entry, self.held, name, &marks);
            }
            Place::Drift => {
                let entry = drifted(plan, self.entry);
                put(entry, self.held, name, &value);
                put_marks(entry, self.held, name, &marks);
            }
            Place::PriorState | Place::PlannedValues => {
                let entry = changed(plan, self.entry);
                put(entry, self.held, name, &value);
                let (address, mode) = (entry["address"].clone(), entry["mode"].clone());
                let state = match self.place {
                    Place::PriorState => &mut plan["prior_state"]["values"],
                    _ => &mut plan["planned_values"],
                };
                push(
                    &mut state[root]["resources"],
                    json!({"address": address, "mode": mode, "values": {name: value},
                        "sensitive_values": {name: marks}}),
                );
            }
            Place::RootVariable => {
                plan["variables"][name] = json!({"value": {"nested": [value]}});
                plan["configuration"][root]["variables"][name] = json!({"sensitive": true});
            }
            Place::RootDefault => {
                plan["configuration"][root]["variables"][name] =
                    json!({"sensitive": true, "default": value});
            }
            Place::ModuleDefault => {
                plan["configuration"][root]["module_calls"][name] = json!({"module": {"module_calls": {
                    "inner": {"module": {"variables": {"v": {"sensitive": true, "default": value}}}}}}});
            }
            Place::ModuleConstant => {
                plan["configuration"][root]["module_calls"][name] = json!({
                    "expressions": {"v": {"constant_value": value}},
                    "module": {"variables": {"v": {"sensitive": true}}}});
            }
            Place::StateOutput => {
                plan["planned_values"]["outputs"][name] =
                    json!({"sensitive": true, "value": value});
            }
            Place::DeclaredOutput => {
                plan["configuration"][root]["outputs"][name] = json!({"sensitive": true});
                plan["output_changes"][name] = output(self.held, &value);
            }
            Place::OutputChange => {
                let mut change = json!({"change": output(self.held, &value)});
                put_marks(&mut change, self.held, "", &marks);
                plan["output_changes"][name] = change["change"].take();
            }
        }
    }
}

impl Copy {
    fn apply(&self, plan: &mut Json, secret: &str, name: &str) {
        let text = self.form.text(secret);
        match self.spot {
            Spot::Attribute => put(changed(plan, self.entry), self.side, name, &json!(text)),
            Spot::DriftAttribute => put(drifted(plan, self.entry), self.side, name, &json!(text)),
            Spot::Tag => {
                let tags = json!({"Name": "n", name: text});
                put(changed(plan, self.entry), self.side, "tags", &tags);
            }
            Spot::TagKey => {
                let tags = json!({"Name": "n", text: "value"});
                put(changed(plan, self.entry), self.side, "tags", &tags);
            }
            Spot::ListItem => {
                let list = json!(["first", {"inner": [text]}]);
                put(changed(plan, self.entry), self.side, name, &list);
            }
            Spot::InstanceKey => {
                let entry = changed(plan, self.entry);
                entry["address"] = json!(instance(&entry["address"], &text));
            }
            Spot::PreviousKey => {
                let entry = changed(plan, self.entry);
                entry["previous_address"] = json!(instance(&entry["address"], &text));
            }
            Spot::Output => plan["output_changes"][name] = output(self.side, &json!(text)),
            Spot::CheckMessage | Spot::CheckKey => {
                let (message, key) = match self.spot {
                    Spot::CheckMessage => (format!("It was {text}, not so."), "k"),
                    _ => ("No.".to_owned(), text.as_str()),
                };
                let address = instance(&json!("check.c"), key);
                push(
                    &mut plan["checks"],
                    json!({"address": {"to_display": "check.c"}, "status": "fail", "instances": [
                        {"address": {"to_display": address}, "problems": [{"message": message}]}]}),
                );
            }
            Spot::ImportId => {
                changed(plan, self.entry)["change"]["importing"] = json!({"id": text});
            }
            Spot::RelevantPath => push(
                &mut plan["relevant_attributes"],
                json!({"resource": instance(&json!("t.x"), &text), "attribute": ["tags", text]}),
            ),
            Spot::ReplacePath => {
                let entry = changed(plan, self.entry);
                entry["change"]["actions"] = json!(["delete", "create"]);
                entry["change"]["replace_paths"] = json!([["tags", text]]);
            }
            Spot::Reason => changed(plan, self.entry)["action_reason"] = json!(text),
        }
    }
}

fn instance(address: &Json, key: &str) -> String {
    let address = address.as_str().unwrap_or_default();
    format!("{address}[\"{}\"]", hcl(key))
}

fn output(side: Side, value: &Json) -> Json {
    let at = |name| {
        if side.has(name) {
            value.clone()
        } else {
            json!("other")
        }
    };
    json!({"actions": ["update"], "before": at("before"), "after": at("after")})
}

fn push(list: &mut Json, item: Json) {
    if !list.is_array() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(item);
}

fn changed(plan: &mut Json, which: Index) -> &mut Json {
    let entries = plan["resource_changes"].as_array_mut().unwrap();
    let filled = |entry: &&mut Json| {
        let mut sides = ["before", "after"].iter();
        sides.any(|side| entry["change"][side].is_object())
    };
    let mut filled: Vec<&mut Json> = entries.iter_mut().filter(filled).collect();
    let place = which.index(filled.len());
    let entry = filled.swap_remove(place);
    if entry["change"]["actions"] == json!(["no-op"]) {
        entry["change"]["actions"] = json!(["update"]);
    }
    entry
}

/// The drift entry of some object, made from its change if there is none.
fn drifted(plan: &mut Json, which: Index) -> &mut Json {
    let mut entry = changed(plan, which).clone();
    entry["change"]["actions"] = json!(["update"]);
    if !plan["resource_drift"].is_array() {
        plan["resource_drift"] = json!([]);
    }
    let drift = plan["resource_drift"].as_array_mut().unwrap();
    let known = drift
        .iter()
        .position(|known| known["address"] == entry["address"]);
    let place = known.unwrap_or_else(|| {
        drift.push(entry);
        drift.len() - 1
    });
    &mut drift[place]
}

/// Sets an attribute, to something else where the side does not hold the value. An object that is
/// created or deleted has one side only, which then holds it.
fn put(entry: &mut Json, side: Side, name: &str, value: &Json) {
    let exists = |at: &&str| entry["change"][at].is_object();
    let held = ["before", "after"]
        .into_iter()
        .filter(exists)
        .any(|at| side.has(at));
    let side = if held { side } else { Side::Both };
    for at in ["before", "after"] {
        if let Some(fields) = entry["change"][at].as_object_mut() {
            let value = if side.has(at) {
                value.clone()
            } else {
                json!("something else")
            };
            fields.insert(name.to_owned(), value);
        }
    }
}

/// Marks an attribute, or everything where it has no name.
fn put_marks(entry: &mut Json, side: Side, name: &str, marks: &Json) {
    for at in ["before", "after"] {
        if !side.has(at) {
            continue;
        }
        let known = &mut entry["change"][format!("{at}_sensitive")];
        if name.is_empty() {
            *known = marks.clone();
        } else if known.is_object() {
            known[name] = marks.clone();
        } else if *known != json!(true) {
            *known = json!({name: marks});
        }
    }
}
