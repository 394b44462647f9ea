//! The one pass over a document: each part is handed over as it comes, and nothing else is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::gather::Gathered;
use super::wire::{self, Raw};

/// Fields by which documents are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    #[serde(rename = "@level")]
    Level,
    FormatVersion,
    TerraformVersion,
    Variables,
    PlannedValues,
    ResourceDrift,
    ResourceChanges,
    DeferredChanges,
    ActionInvocations,
    OutputChanges,
    PriorState,
    Configuration,
    RelevantAttributes,
    Checks,
    Errored,
    Complete,
    Applyable,
    ProviderSchemas,
    Values,
    Lineage,
    RootModule,
    Resource,
    Module,
    Terraform,
    Variable,
    Provider,
    #[serde(other)]
    Unknown,
}

/// Which fields a document has, as far as it was read.
#[derive(Default)]
pub(super) struct Outline(Vec<Field>);

impl Outline {
    fn has(&self, fields: &[Field]) -> bool {
        fields.iter().any(|field| self.0.contains(field))
    }

    /// What the document is; `None` if it is a plan.
    pub(super) fn other_than_plan(&self) -> Option<&'static str> {
        if let Some(other) = self.surely_other() {
            Some(other)
        } else if self.has(PLAN) {
            None
        } else if self.has(&[Field::FormatVersion]) && self.has(&[Field::TerraformVersion]) {
            Some("a state")
        } else {
            Some("JSON of another kind")
        }
    }

    /// What the document is, if something was seen in it that a plan never has.
    pub(super) fn surely_other(&self) -> Option<&'static str> {
        if self.has(&[Field::Level]) {
            Some("the log stream of a command run with -json")
        } else if self.has(PLAN) {
            None
        } else if self.has(&[Field::ProviderSchemas]) {
            Some("a provider schema")
        } else if self.has(&[Field::Values, Field::Lineage]) {
            Some("a state")
        } else if self.has(CONFIGURATION) {
            Some("a configuration")
        } else {
            None
        }
    }
}

/// Any of these makes a document a plan.
const PLAN: &[Field] = &[
    Field::PlannedValues,
    Field::ResourceChanges,
    Field::ResourceDrift,
    Field::OutputChanges,
    Field::PriorState,
];

/// Any of these makes one that is no plan a configuration.
const CONFIGURATION: &[Field] = &[
    Field::RootModule,
    Field::Configuration,
    Field::Resource,
    Field::Module,
    Field::Terraform,
    Field::Variable,
    Field::Provider,
];

/// Reads a document into what is gathered. What was read before an error stays.
pub(super) struct Scan<'s, 'k, R> {
    pub(super) gathered: &'s mut Gathered<'k, R>,
    pub(super) outline: &'s mut Outline,
}

impl<'de, R: Raw<'de>> DeserializeSeed<'de> for Scan<'_, '_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: Raw<'de>> Visitor<'de> for Scan<'_, '_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a plan")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { gathered, outline } = self;
        while let Some(field) = map.next_key::<Field>()? {
            if field != Field::Unknown {
                if outline.0.contains(&field) {
                    return Err(serde::de::Error::custom("duplicate field of the plan"));
                }
                outline.0.push(field);
            }
            match field {
                Field::FormatVersion => gathered.format_version = map.next_value()?,
                Field::TerraformVersion => gathered.terraform_version = map.next_value()?,
                Field::Errored => gathered.errored = map.next_value()?,
                Field::Complete => gathered.complete = map.next_value()?,
                Field::Applyable => gathered.applyable = map.next_value()?,
                Field::Variables => gathered.variables = or_empty(map.next_value()?),
                Field::OutputChanges => gathered.outputs = or_empty(map.next_value()?),
                Field::Configuration => gathered.configuration = map.next_value()?,
                Field::ResourceDrift => {
                    map.next_value_seed(Each::new(|entry| gathered.drift(entry)))?;
                    gathered.drift_ends();
                }
                Field::ResourceChanges => {
                    map.next_value_seed(Each::new(|entry| gathered.change(entry)))?;
                    gathered.changes_end();
                }
                Field::DeferredChanges => {
                    map.next_value_seed(Each::new(|deferred| gathered.deferred(&deferred)))?;
                }
                Field::ActionInvocations => {
                    map.next_value_seed(Each::new(|action| gathered.invocation(&action)))?;
                }
                Field::RelevantAttributes => {
                    let relevant = &mut gathered.relevant;
                    map.next_value_seed(Each::new(|attribute| relevant.push(attribute)))?;
                }
                Field::Checks => {
                    let checks = &mut gathered.checks;
                    map.next_value_seed(Each::new(|check: wire::Check| {
                        if check.status != "pass" {
                            checks.push(check);
                        }
                    }))?;
                }
                Field::PlannedValues => map.next_value_seed(State::values(gathered))?,
                Field::PriorState => map.next_value_seed(State {
                    gathered,
                    part: Part::Document,
                })?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        gathered.document_ends();
        Ok(())
    }
}

fn or_empty<T>(map: Option<BTreeMap<String, T>>) -> BTreeMap<String, T> {
    map.unwrap_or_default()
}

/// Hands over each item of a list that may be null.
struct Each<T, F> {
    take: F,
    item: PhantomData<T>,
}

impl<T, F: FnMut(T)> Each<T, F> {
    const fn new(take: F) -> Self {
        Self {
            take,
            item: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Each<T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.take)(item);
        }
        Ok(())
    }
}

/// A state in the document, part by part.
struct State<'s, 'k, R> {
    gathered: &'s mut Gathered<'k, R>,
    part: Part,
}

#[derive(Clone, Copy)]
enum Part {
    /// An object with `values`.
    Document,
    /// `values`: outputs and the root module.
    Values,
    /// A module: resources and child modules.
    Module,
    /// A list of modules.
    Modules,
    /// The outputs by name.
    Outputs,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum StateField {
    Values,
    Outputs,
    RootModule,
    Resources,
    ChildModules,
    #[serde(other)]
    Unknown,
}

impl<'s, 'k, R> State<'s, 'k, R> {
    const fn values(gathered: &'s mut Gathered<'k, R>) -> Self {
        Self {
            gathered,
            part: Part::Values,
        }
    }
}

impl<'de, R: Raw<'de>> DeserializeSeed<'de> for State<'_, '_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Raw<'de>> Visitor<'de> for State<'_, '_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a state")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Part::Modules = self.part else {
            return Err(serde::de::Error::invalid_type(
                serde::de::Unexpected::Seq,
                &self,
            ));
        };
        let gathered = self.gathered;
        while items
            .next_element_seed(State {
                gathered: &mut *gathered,
                part: Part::Module,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let gathered = self.gathered;
        if let Part::Outputs = self.part {
            while let Some(name) = map.next_key::<String>()? {
                let output: Option<wire::StateOutput<R>> = map.next_value()?;
                if let Some(output) = output {
                    gathered.state_output(name, &output);
                }
            }
            return Ok(());
        }
        while let Some(field) = map.next_key::<StateField>()? {
            let part = match (self.part, field) {
                (Part::Document, StateField::Values) => Part::Values,
                (Part::Values, StateField::Outputs) => Part::Outputs,
                (Part::Values, StateField::RootModule) => Part::Module,
                (Part::Module, StateField::ChildModules) => Part::Modules,
                (Part::Module, StateField::Resources) => {
                    map.next_value_seed(Resources(&mut *gathered))?;
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(State {
                gathered: &mut *gathered,
                part,
            })?;
        }
        Ok(())
    }
}

/// The objects of a module. (Apart from [`Each`] because an item borrows from the document.)
struct Resources<'s, 'k, R>(&'s mut Gathered<'k, R>);

impl<'de, R: Raw<'de>> DeserializeSeed<'de> for Resources<'_, '_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let gathered = self.0;
        deserializer.deserialize_any(Each::new(|resource: wire::StateResource<'de, R>| {
            gathered.state_resource(resource);
        }))
    }
}
