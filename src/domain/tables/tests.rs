#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use super::super::finding::Origin;
use super::super::noise::suppressed;
use super::super::rules::Rules;
use super::super::severity::severity as severity_of;
use super::super::testing::finding;
use super::*;

/// Whether every line of a table is read, and none stands twice.
fn is_whole<T>(text: &'static str, rows: &[T]) {
    let lines: Vec<&str> = lines(text).collect();
    for line in &lines {
        assert!(!line.contains('\t') && line.trim() == *line, "{line}");
    }
    let distinct: BTreeSet<&&str> = lines.iter().collect();
    assert_eq!(distinct.len(), lines.len(), "a line stands twice");
    assert_eq!(rows.len(), lines.len(), "a line cannot be read");
}

#[test]
fn every_line_of_every_table_is_read() {
    is_whole(SEVERITY_TEXT, &SEVERITY);
    is_whole(NOISE_TEXT, &NOISE);
    is_whole(STATEFUL_TEXT, &STATEFUL);
    is_whole(IRREVERSIBLE_TEXT, &IRREVERSIBLE);
    is_whole(WRITERS_TEXT, &WRITERS);
}

#[test]
fn a_line_that_says_nonsense_is_not_read() {
    for line in [
        "aws_x | a | any | high | why",
        "aws_x | a | any | high |  | who",
        "aws_x | a | sometimes | high | why | who",
        "aws_x | a | any | loud | why | who",
        "aws_{ | a | any | high | why | who",
    ] {
        assert!(severity(line).is_none(), "{line}");
    }
    assert!(severity("aws_x | a | any | high | why | who").is_some());
}

#[test]
fn nothing_is_listed_twice_with_the_same_meaning() {
    let mut seen = BTreeSet::new();
    let severities = SEVERITY
        .iter()
        .map(|row| (&row.scope, "severity", row.effect));
    let irreversible = IRREVERSIBLE
        .iter()
        .map(|row| (&row.scope, "irreversible", row.effect));
    let noise = NOISE.iter().map(|row| (&row.scope, "noise", Effect::Any));
    let writers = WRITERS
        .iter()
        .map(|row| (&row.scope, "writers", Effect::Any));
    for (scope, table, effect) in severities.chain(irreversible).chain(noise).chain(writers) {
        for types in &scope.types {
            for attribute in &scope.attributes {
                let key = (table, effect.as_str(), types.as_str(), attribute.as_str());
                assert!(seen.insert(key), "twice: {key:?}");
                assert!(!attribute.has_empty_step(), "{key:?}");
            }
        }
    }
}

#[test]
fn who_else_writes_is_known_of_what_scales_by_itself() {
    let who = |resource_type: &str, path: &str| {
        let path = path.split('.').map(str::to_owned).collect();
        let subject = Subject::Attribute(super::super::value::AttributePath::new(path));
        usual_writer(resource_type, &subject)
    };
    let scaling = who("aws_autoscaling_group", "desired_capacity").unwrap();
    assert!(scaling.contains("scaling policy"));
    assert!(
        who("aws_sqs_queue", "tags.Env")
            .unwrap()
            .contains("tag policy")
    );
    assert!(who("aws_subnet", "tags.Env").unwrap().contains("cluster"));
    assert_eq!(who("aws_sqs_queue", "delay_seconds"), None);
}

#[test]
fn types_that_may_hold_data_are_sorted_and_stand_once() {
    let types: Vec<&str> = STATEFUL.iter().map(|row| row.resource_type).collect();
    assert!(types.windows(2).all(|pair| pair[0] < pair[1]));
    for listed in [
        "aws_db_instance",
        "aws_route53_zone",
        "aws_ebs_volume",
        "azurerm_mssql_database",
        "azurerm_dns_zone",
        "azurerm_managed_disk",
        "google_sql_database_instance",
        "google_dns_managed_zone",
        "google_kms_key_ring",
        "google_compute_disk",
        "kubernetes_namespace",
        "kubernetes_namespace_v1",
        "kubernetes_persistent_volume_claim",
        "kubernetes_persistent_volume_v1",
    ] {
        assert!(types.contains(&listed), "{listed}");
    }
}

#[test]
fn each_table_covers_all_four_clouds() {
    for cloud in ["aws_", "google_", "azurerm_", "kubernetes_"] {
        let of_cloud = |scope: &Scope| scope.types.iter().any(|t| t.as_str().starts_with(cloud));
        assert!(
            SEVERITY.iter().filter(|row| of_cloud(&row.scope)).count() >= 10,
            "{cloud}"
        );
        assert!(NOISE.iter().any(|row| of_cloud(&row.scope)), "{cloud}");
        assert!(
            IRREVERSIBLE
                .iter()
                .filter(|row| of_cloud(&row.scope))
                .count()
                >= 5,
            "{cloud}"
        );
        assert!(
            STATEFUL
                .iter()
                .filter(|row| row.resource_type.starts_with(cloud))
                .count()
                >= 10,
            "{cloud}"
        );
    }
}

/// The severity of an unenforced change of one text attribute.
fn unenforced(resource_type: &str, path: &str) -> Severity {
    let address = format!("{resource_type}.x");
    let changed = finding(&address, path, Origin::Unenforced, ["a", "b", "b"]);
    severity_of(&changed, &Rules::default()).0
}

#[test]
fn what_concerns_security_is_high_on_every_cloud_and_labels_are_low() {
    for (resource_type, path) in [
        ("aws_security_group", "ingress"),
        ("aws_default_security_group", "egress"),
        ("aws_vpc_security_group_ingress_rule", "cidr_ipv4"),
        ("aws_network_acl", "ingress"),
        ("aws_iam_role", "inline_policy"),
        ("aws_iam_policy", "policy"),
        ("aws_s3_bucket", "server_side_encryption_configuration"),
        ("aws_s3_bucket", "logging"),
        ("aws_s3_bucket_public_access_block", "block_public_acls"),
        ("aws_kms_key", "key_usage"),
        ("aws_cloudtrail", "s3_bucket_name"),
        ("aws_eks_cluster", "vpc_config"),
        ("google_compute_firewall", "allow"),
        ("google_project_iam_binding", "members"),
        ("google_storage_bucket_iam_member", "member"),
        ("google_storage_bucket", "encryption"),
        ("google_kms_crypto_key", "purpose"),
        ("google_sql_database_instance", "settings.ip_configuration"),
        (
            "google_container_cluster",
            "master_authorized_networks_config",
        ),
        ("google_logging_project_sink", "filter"),
        ("azurerm_network_security_group", "security_rule"),
        ("azurerm_role_assignment", "principal_id"),
        ("azurerm_storage_account", "network_rules"),
        ("azurerm_key_vault", "access_policy"),
        ("azurerm_mssql_firewall_rule", "end_ip_address"),
        ("azurerm_monitor_diagnostic_setting", "storage_account_id"),
        ("kubernetes_cluster_role_binding_v1", "subject"),
        ("kubernetes_network_policy", "spec"),
        (
            "kubernetes_deployment",
            "spec.template.spec.container.image",
        ),
        ("kubernetes_secret_v1", "data.password"),
    ] {
        assert!(
            unenforced(resource_type, path) >= Severity::High,
            "{resource_type} {path}"
        );
    }
    for (resource_type, path) in [
        ("aws_security_group", "tags.Env"),
        ("aws_iam_role", "tags_all.Env"),
        ("google_compute_firewall", "description"),
        ("google_storage_bucket", "labels.env"),
        ("azurerm_key_vault", "tags.env"),
        ("kubernetes_cluster_role", "metadata.labels.app"),
        ("aws_sqs_queue", "visibility_timeout_seconds"),
    ] {
        assert_eq!(
            unenforced(resource_type, path),
            Severity::Low,
            "{resource_type} {path}"
        );
    }
}

#[test]
fn what_is_noise_is_suppressed_on_every_cloud_and_what_matters_is_not() {
    let noise = |resource_type: &str, path: &str| {
        let address = format!("{resource_type}.x");
        let changed = finding(&address, path, Origin::Unenforced, ["a", "b", "b"]);
        suppressed(&changed, &Rules::default()).is_some()
    };
    for (resource_type, path) in [
        ("aws_db_instance", "latest_restorable_time"),
        ("aws_lambda_function", "last_modified"),
        ("aws_cloudfront_distribution", "etag"),
        ("aws_wafv2_web_acl", "lock_token"),
        ("google_project_iam_member", "etag"),
        ("google_storage_bucket", "updated"),
        ("google_compute_url_map", "fingerprint"),
        ("google_sql_database_instance", "settings.version"),
        ("azurerm_app_configuration_key", "etag"),
        ("kubernetes_deployment_v1", "metadata.resource_version"),
    ] {
        assert!(noise(resource_type, path), "{resource_type} {path}");
    }
    for (resource_type, path) in [
        ("aws_s3_object", "etag"),
        ("aws_s3_bucket_object", "version_id"),
        ("aws_launch_template", "latest_version"),
        ("aws_iam_policy", "attachment_count"),
        ("aws_autoscaling_group", "desired_capacity"),
        ("aws_db_instance", "status"),
        ("aws_lambda_event_source_mapping", "state"),
        ("google_compute_network_firewall_policy", "fingerprint"),
        ("google_cloudfunctions2_function", "update_time"),
        ("google_kms_crypto_key", "primary.state"),
        ("azurerm_key_vault_secret", "version"),
        ("azurerm_dns_zone", "number_of_record_sets"),
        ("kubernetes_deployment_v1", "metadata"),
    ] {
        assert!(!noise(resource_type, path), "{resource_type} {path}");
    }
}

#[test]
fn no_row_of_noise_names_what_the_severities_name_for_the_type() {
    for row in NOISE.iter() {
        for types in &row.scope.types {
            let sample = types.as_str().replace('*', "sample");
            for attribute in &row.scope.attributes {
                let named = SEVERITY.iter().filter(|severity| {
                    !severity.scope.is_general() && severity.scope.has_type(&sample)
                });
                for severity in named {
                    let same = severity
                        .scope
                        .attributes
                        .iter()
                        .find(|known| known.as_str() == attribute.as_str());
                    assert!(same.is_none(), "{} {}", types.as_str(), attribute.as_str());
                }
            }
        }
    }
}
