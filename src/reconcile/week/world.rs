//! An estate, what happens to it, and what a look at one of its stacks sees.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::domain::classify::classify;
use crate::domain::digest::{DigestKey, change_digest};
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::finding::{PlanExit, verdict};
use crate::domain::history::{History, refine};
use crate::domain::ids::{CommitId, SourceName, StackId};
use crate::domain::ledger::{LedgerEntry, carry};
use crate::domain::rules::Rules;
use crate::domain::stack::StateIdentity;
use crate::plan_json::Reader;
use crate::reconcile::look::{SavedPlan, Sighting, failed};
use crate::reconcile::resolve::Tracked;
use crate::reconcile::settings::StackSettings;
use crate::terraform::{Backend, PlanFile, Selections};

/// The three sides of an object.
#[derive(Debug, Clone)]
struct Object {
    want: Map<String, Value>,
    state: Map<String, Value>,
    real: Map<String, Value>,
    /// What the code does not set.
    free: &'static [&'static str],
}

/// A stack, and what is true of it.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) tracked: Tracked,
    objects: BTreeMap<&'static str, Object>,
    serial: u64,
    revision: u32,
    /// The commit at which its own code last changed.
    pub(super) changed_at: u32,
    /// Why it cannot be looked at, while it cannot be.
    pub(super) failing: Option<Failure>,
    /// Nobody gets round to looking at it.
    pub(super) stuck: bool,
}

pub(super) const BUCKET: &str = "aws_s3_bucket.data";
pub(super) const QUEUE: &str = "aws_sqs_queue.jobs";
pub(super) const GROUP: &str = "aws_security_group.web";
pub(super) const DATABASE: &str = "aws_db_instance.main";

fn objects(dir: &str) -> BTreeMap<&'static str, Object> {
    let name = dir.replace('/', "-");
    let object = |free, attributes: Value| {
        let Value::Object(map) = attributes else {
            panic!("an object");
        };
        Object {
            want: map.clone(),
            state: map.clone(),
            real: map,
            free,
        }
    };
    let open = |port: u16| json!([{"from_port": port, "to_port": port, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]}]);
    BTreeMap::from([
        (
            BUCKET,
            object(
                &[],
                json!({"bucket": name, "tags": {"Env": "prod", "CostCenter": "4711"}}),
            ),
        ),
        (
            QUEUE,
            object(
                &[],
                json!({"name": name, "visibility_timeout_seconds": 30, "delay_seconds": 0}),
            ),
        ),
        (
            GROUP,
            object(&["ingress"], json!({"name": name, "ingress": open(443)})),
        ),
        (
            DATABASE,
            object(
                &[],
                json!({"identifier": name, "instance_class": "db.t4g.small", "publicly_accessible": false}),
            ),
        ),
    ])
}

impl Stack {
    pub(super) fn new(dir: String, owners: Vec<String>, settings: StackSettings) -> Self {
        let source = SourceName::new("infra");
        Self {
            objects: objects(&dir),
            tracked: Tracked {
                id: StackId::compose(&source, &dir, None, None),
                source,
                dir,
                workspace: "default".to_owned(),
                name: None,
                settings: std::sync::Arc::new(settings),
                reads: Vec::new(),
                closed_at: None,
                watch: Vec::new(),
                owners,
                needs: Vec::new(),
                problem: None,
            },
            serial: 1,
            revision: 1,
            changed_at: 1,
            failing: None,
            stuck: false,
        }
    }

    /// When it is looked at next.
    pub(super) fn scheduled(&self, after: jiff::Timestamp) -> Option<jiff::Timestamp> {
        self.tracked.settings.schedule.next(after, &self.tracked.id)
    }

    fn object(&mut self, address: &str) -> &mut Object {
        self.objects.get_mut(address).unwrap()
    }

    /// Somebody changes the world by hand.
    pub(super) fn moves(&mut self, address: &str, pointer: &str, value: Value) {
        set(&mut self.object(address).real, pointer, value);
    }

    /// Somebody puts the world back by hand.
    pub(super) fn put_back(&mut self, address: &str) {
        let object = self.object(address);
        object.real = object.state.clone();
    }

    /// Somebody merges code.
    pub(super) fn code(&mut self, address: &str, pointer: &str, value: Value) {
        set(&mut self.object(address).want, pointer, value);
        self.revision += 1;
        self.changed_at = self.revision;
    }

    /// Somebody, or Mooring, applies.
    pub(super) fn apply(&mut self) {
        for object in self.objects.values_mut() {
            object.real = object.wanted();
            object.state = object.real.clone();
        }
        self.serial += 1;
    }

    pub(super) fn commit(&self) -> CommitId {
        CommitId::new(format!("{:040x}", self.revision))
    }

    /// What a look sees now.
    pub(super) fn look(
        &self,
        key: &DigestKey,
        ledger: Vec<LedgerEntry>,
        history: &History,
        now: jiff::Timestamp,
    ) -> Sighting {
        if let Some(failure) = &self.failing {
            return failed(failure.clone(), ledger);
        }
        let (plan, exit) = self.plan();
        let reading = Reader::new(key).read(plan.to_string().as_bytes()).unwrap();
        let rules = Rules::default();
        let mut findings = classify(&reading.plan, &rules);
        refine(&mut findings, history, &rules);
        let ledger = carry(ledger, &reading.plan, true, &mut findings, &rules, now);
        Sighting {
            verdict: verdict(exit, false, true, &findings),
            failure: None,
            findings,
            terraform_version: reading.plan.terraform_version.clone(),
            digest: Some(change_digest(&reading.plan, key)),
            ledger,
            masker: reading.masker,
            plan: Some(SavedPlan {
                file: PlanFile::open_existing(Path::new("week.tfplan")),
                state: Some(StateIdentity {
                    lineage: self.tracked.dir.clone(),
                    serial: self.serial,
                }),
                empty: false,
                backend: Backend {
                    kind: "s3".to_owned(),
                    locks: true,
                    identity: self.tracked.dir.clone(),
                    local_path: None,
                },
                selections: Selections::default(),
            }),
            duration_ms: 1,
        }
    }

    fn plan(&self) -> (Value, PlanExit) {
        let (mut changes, mut drift) = (Vec::new(), Vec::new());
        let mut exit = PlanExit::NoChanges;
        for (address, object) in &self.objects {
            let wanted = object.wanted();
            let action = if wanted == object.real {
                "no-op"
            } else {
                "update"
            };
            if action == "update" {
                exit = PlanExit::Changes;
            }
            changes.push(change(address, action, &object.real, &wanted));
            if object.state != object.real {
                drift.push(change(address, "update", &object.state, &object.real));
            }
        }
        let plan = json!({
            "format_version": "1.2", "terraform_version": "1.11.4", "complete": true, "errored": false,
            "resource_changes": changes, "resource_drift": drift,
        });
        (plan, exit)
    }
}

impl Object {
    /// What an apply makes of it: what the code does not set stays as it is.
    fn wanted(&self) -> Map<String, Value> {
        let mut wanted = self.want.clone();
        for name in self.free {
            wanted.insert((*name).to_owned(), self.real[*name].clone());
        }
        wanted
    }
}

fn set(object: &mut Map<String, Value>, pointer: &str, value: Value) {
    let mut whole = Value::Object(std::mem::take(object));
    *whole.pointer_mut(pointer).unwrap() = value;
    let Value::Object(whole) = whole else {
        panic!("an object");
    };
    *object = whole;
}

fn change(
    address: &str,
    action: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Value {
    let (kind, name) = address.split_once('.').unwrap();
    json!({
        "address": address, "mode": "managed", "type": kind, "name": name,
        "provider_name": "registry.terraform.io/hashicorp/aws",
        "change": {
            "actions": [action], "before": before, "after": after, "after_unknown": {},
            "before_sensitive": {}, "after_sensitive": {},
        },
    })
}

/// A failure as Terraform would have it.
pub(super) fn failure(kind: FailureKind, message: &str, hint: &'static str) -> Failure {
    Failure::new(kind, message, hint)
}
