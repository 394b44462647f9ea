//! How much a finding matters: a small table of the project's own, which configuration overrides.

use globset::GlobMatcher;

use super::finding::{Finding, FindingAction, Origin, Severity, Subject};

/// One operator's rule: findings of these types (and attributes) have this severity.
#[derive(Debug, Clone)]
pub struct SeverityRule {
    /// Resource types it applies to.
    pub resource_type: GlobMatcher,
    /// Top-level attributes it applies to; every changed attribute must match. Empty means all.
    pub attributes: Vec<GlobMatcher>,
    /// The severity it gives.
    pub severity: Severity,
}

/// The operator's rules, first match wins; without a match the built-in table decides.
#[derive(Debug, Clone, Default)]
pub struct SeverityRules(pub Vec<SeverityRule>);

/// Types that open or close doors: a change nobody asked for is grave even if no apply would undo
/// it. Sources: CIS benchmarks for AWS, Google Cloud and Azure (network access, IAM, logging, keys).
const SECURITY: &[&str] = &[
    "aws_security_group",
    "aws_default_security_group",
    "aws_vpc_security_group_",
    "aws_network_acl",
    "aws_default_network_acl",
    "aws_iam_",
    "aws_lambda_permission",
    "aws_s3_account_public_access_block",
    "aws_s3_bucket_acl",
    "aws_s3_bucket_policy",
    "aws_s3_bucket_public_access_block",
    "aws_kms_",
    "aws_cloudtrail",
    "aws_sqs_queue_policy",
    "aws_sns_topic_policy",
    "google_compute_firewall",
    "google_folder_iam",
    "google_organization_iam",
    "google_project_iam",
    "google_storage_bucket_iam",
    "google_kms_",
    "azurerm_network_security_",
    "azurerm_role_assignment",
    "azurerm_key_vault",
    "kubernetes_role",
    "kubernetes_cluster_role",
    "kubernetes_network_policy",
];

/// Attributes that only label a thing.
const COSMETIC: &[&str] = &[
    "tags",
    "tags_all",
    "labels",
    "terraform_labels",
    "effective_labels",
    "description",
];

/// Attributes whose change opens data or stops its being recorded or encrypted, on any type.
const GRAVE: &[&str] = &[
    "policy",
    "access_control_policy",
    "acl",
    "egress",
    "ingress",
    "assume_role_policy",
    "publicly_accessible",
    "versioning",
    "server_side_encryption_configuration",
    "kms_key_id",
    "deletion_protection",
];

/// The severity of a finding, and why.
pub fn severity(finding: &Finding, rules: &SeverityRules) -> (Severity, String) {
    let rule = rules.0.iter().find(|rule| matches(rule, finding));
    let (severity, reason) = rule.map_or_else(
        || built_in(finding),
        |rule| (rule.severity, "as configured"),
    );
    (severity, reason.to_owned())
}

fn matches(rule: &SeverityRule, finding: &Finding) -> bool {
    let covers = |attribute: Option<&str>| {
        attribute.is_some_and(|name| rule.attributes.iter().any(|glob| glob.is_match(name)))
    };
    rule.resource_type.is_match(&finding.resource_type)
        && (rule.attributes.is_empty()
            || finding.attributes.iter().all(|a| covers(top(&a.subject))))
}

fn top(subject: &Subject) -> Option<&str> {
    match subject {
        Subject::Attribute(path) => path.segments().first().map(String::as_str),
        _ => None,
    }
}

/// Whether nothing but consequences of other changes is in a finding.
fn only_follows(finding: &Finding) -> bool {
    let mut attributes = finding.attributes.iter();
    finding.origin == Origin::Consequence && attributes.all(|a| a.origin == Origin::Consequence)
}

fn built_in(finding: &Finding) -> (Severity, &'static str) {
    let only = |names: &[&str]| {
        !finding.attributes.is_empty()
            && finding
                .attributes
                .iter()
                .all(|a| top(&a.subject).is_some_and(|t| names.contains(&t)))
    };
    let any = |names: &[&str]| {
        finding
            .attributes
            .iter()
            .any(|a| top(&a.subject).is_some_and(|t| names.contains(&t)))
    };
    let security = SECURITY
        .iter()
        .any(|prefix| finding.resource_type.starts_with(prefix));
    if finding.irreversible.is_some() {
        (Severity::Critical, "it could lose data")
    } else if finding.action == FindingAction::Read || only_follows(finding) {
        (Severity::Info, "it follows from other changes")
    } else if only(COSMETIC) {
        (Severity::Low, "only labels changed")
    } else if security || any(GRAVE) {
        (Severity::High, "it opens or closes a door")
    } else if finding.origin == Origin::Unenforced {
        (Severity::Low, "no configuration looks there")
    } else {
        (Severity::Medium, "nothing special is known of it")
    }
}
