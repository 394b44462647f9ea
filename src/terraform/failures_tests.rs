#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn of(summary: &str, detail: &str) -> Failure {
    let diagnostic = Diagnostic {
        is_error: true,
        summary: summary.into(),
        detail: detail.into(),
        ..Diagnostic::default()
    };
    failure(&[diagnostic], "", "plan failed", &Masker::default())
}

#[test]
fn real_texts_get_their_kind() {
    for (summary, detail, kind) in [
        (
            "reading EC2 VPC (vpc-1): operation error EC2: DescribeVpcs",
            "exceeded maximum number of attempts, 25, https response error StatusCode: 503, api error RequestLimitExceeded: Request limit exceeded.",
            K::Throttled,
        ),
        (
            "Error reading SSM Parameter (/a)",
            "ThrottlingException: Rate exceeded\n\tstatus code: 400, request id: 1",
            K::Throttled,
        ),
        (
            "Error acquiring the state lock",
            "Error message: resource temporarily unavailable\nLock Info:\n  ID:        c574abc2\n",
            K::Locked,
        ),
        (
            "Error acquiring the state lock",
            "operation error DynamoDB: PutItem, https response error StatusCode: 400, api error AccessDeniedException: User is not authorized to perform: dynamodb:PutItem",
            K::CredentialsRefused,
        ),
        (
            "Saved plan is stale",
            "The given plan file can no longer be applied because the state was changed by another operation after the plan was created.",
            K::StalePlan,
        ),
        (
            "Cannot apply incomplete plan",
            "Terraform encountered an error when generating this plan, so it cannot be applied.",
            K::IncompletePlan,
        ),
        (
            "No value for required variable",
            "The root module input variable \"need\" is not set, and has no default value.",
            K::MissingVariable,
        ),
        (
            "Failed to read variables file",
            "Given variables file none.tfvars does not exist.",
            K::MissingVariable,
        ),
        (
            "Module not installed",
            "This module is not yet installed. Run \"terraform init\" to install all modules required by this configuration.",
            K::ModuleMissing,
        ),
        (
            "Unreadable module directory",
            "Unable to evaluate directory symlink: lstat none: no such file or directory",
            K::ModuleMissing,
        ),
        (
            "Inconsistent dependency lock file",
            "The following dependency selections recorded in the lock file are inconsistent with the current configuration:",
            K::ProviderMissing,
        ),
        (
            "Required plugins are not installed",
            "The installed provider plugins are not consistent with the packages selected in the dependency lock file",
            K::ProviderMissing,
        ),
        (
            "Failed to query available provider packages",
            "Could not retrieve the list of available versions for provider hashicorp/null: could not connect to registry.terraform.io: dial tcp: lookup registry.terraform.io: no such host",
            K::ProviderMissing,
        ),
        (
            "Backend initialization required, please run \"terraform init\"",
            "Reason: Initial configuration of the requested backend \"s3\"",
            K::NotInitialised,
        ),
        (
            "Backend initialization required, please run \"tofu init\"",
            "Reason: Initial configuration of the requested backend \"s3\"",
            K::NotInitialised,
        ),
        (
            "Backend configuration changed",
            "A change in the backend configuration has been detected, which may require migrating existing state.",
            K::NotInitialised,
        ),
        (
            "Missing Required Value",
            "The attribute \"bucket\" is required by the backend.\n\nRefer to the backend documentation",
            K::NotInitialised,
        ),
        (
            "HCP Terraform or Terraform Enterprise initialization required: please run \"terraform init\"",
            "",
            K::Unsupported,
        ),
        (
            "No valid credential sources found",
            "Please see https://developer.hashicorp.com/terraform/language/backend/s3",
            K::CredentialsRefused,
        ),
        (
            "error configuring Terraform AWS Provider: error validating provider credentials",
            "InvalidClientTokenId: The security token included in the request is invalid.\n\tstatus code: 403",
            K::CredentialsRefused,
        ),
        (
            "Failed to get existing workspaces: Unable to list objects in S3 bucket \"b\"",
            "",
            K::BackendUnreachable,
        ),
        (
            "reading SQS Queue",
            "request send failed, Get \"http://127.0.0.1:9/b\": dial tcp 127.0.0.1:9: connect: connection refused",
            K::BackendUnreachable,
        ),
        (
            "Unsupported argument",
            "An argument named \"bogus\" is not expected here.",
            K::InvalidConfiguration,
        ),
        (
            "Reference to undeclared local value",
            "A local value with the name \"none\" has not been declared.",
            K::InvalidConfiguration,
        ),
        (
            "Unclosed configuration block",
            "There is no closing brace",
            K::InvalidConfiguration,
        ),
        (
            "Unsupported Terraform Core version",
            "This configuration does not support Terraform version 1.0.3.",
            K::EngineMissing,
        ),
        ("Resource postcondition failed", "no", K::TerraformError),
        (
            "Failed to write plan file",
            "The plan file could not be written: write p: no space left on device.",
            K::OutOfDisk,
        ),
        (
            "local-exec provisioner error",
            "Error running command 'exit 3': exit status 3.",
            K::TerraformError,
        ),
    ] {
        let failure = of(summary, detail);
        assert_eq!(failure.kind, kind, "{summary}");
        assert!(failure.hint.ends_with('.'), "{summary}");
    }
}

#[test]
fn an_error_in_the_code_is_one_in_the_configuration_but_not_a_provider_s() {
    let mut diagnostic = Diagnostic {
        is_error: true,
        summary: "Something new".into(),
        place: Some("main.tf:3".into()),
        ..Diagnostic::default()
    };
    let kind =
        |d: &Diagnostic| failure(std::slice::from_ref(d), "", "plan", &Masker::default()).kind;
    assert_eq!(kind(&diagnostic), K::InvalidConfiguration);
    diagnostic.address = Some("aws_vpc.a".into());
    assert_eq!(kind(&diagnostic), K::TerraformError);
}

#[test]
fn text_that_is_wrapped_and_framed_is_understood() {
    let text = "╷\n│ Error: Failed to query available provider\n│ packages\n│ \n│ Could not retrieve the list of available\n│ versions for provider hashicorp/null\n╵\n";
    assert_eq!(
        failure(&[], text, "init", &Masker::default()).kind,
        K::ProviderMissing
    );
}

#[test]
fn the_root_cause_is_told_without_the_preamble_and_without_secrets() {
    let error = |summary: &str, detail: &str| Diagnostic {
        is_error: true,
        summary: summary.into(),
        detail: detail.into(),
        place: Some("main.tf:1".into()),
        address: None,
    };
    let errors = [
        error(
            "Terraform encountered problems during initialisation, including problems\nwith the configuration",
            "",
        ),
        error("Invalid thing", "about it"),
        error("Denied", "AccessDenied for hunter2hunter2"),
    ];
    let failure = failure(&errors, "", "plan", &Masker::new(["hunter2hunter2"]));
    assert_eq!(failure.kind, K::CredentialsRefused);
    insta::assert_snapshot!(failure.message, @r"
    Denied
    AccessDenied for (sensitive)
    (main.tf:1)
    (and 1 more error)
    ");
}

#[test]
fn without_a_diagnostic_the_last_words_and_the_status_are_told() {
    let told = failure(
        &[],
        "panic: oh\n\ngoroutine 1",
        "plan failed (exit status: 2)",
        &Masker::default(),
    );
    assert_eq!(told.kind, K::TerraformError);
    assert_eq!(
        told.message,
        "plan failed (exit status: 2)\npanic: oh\ngoroutine 1"
    );
    let full = failure(
        &[],
        "write /tmp/x: no space left on device",
        "plan",
        &Masker::default(),
    );
    assert_eq!(full.kind, K::OutOfDisk);
    let other = Diagnostic {
        is_error: true,
        summary: "Plugin did not respond".into(),
        ..Diagnostic::default()
    };
    let text = "2026 [ERROR] write log: No space left on device";
    let full = failure(&[other], text, "plan", &Masker::default());
    assert_eq!(full.kind, K::OutOfDisk);
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let told = of("Bad", &"ä".repeat(10_000));
    assert!(told.message.len() < MESSAGE_BYTES + 10);
    let told = of("Bad", &"line\n".repeat(500));
    assert_eq!(told.message.lines().count(), MESSAGE_LINES);
}

#[test]
fn credentials_in_urls_reach_neither_messages_nor_warnings() {
    let diagnostic = Diagnostic {
        is_error: true,
        summary: "Failed to download module".into(),
        detail: format!(
            "Could not download module \"m\" (main.tf:1) source code from \
             \"git::https://oauth2:glpat-0123456789@git.example.com/m.git\": {}\n\
             GET http://state.example.com/?token=abcdefgh",
            "x".repeat(3 * MESSAGE_BYTES / 4)
        ),
        ..Diagnostic::default()
    };
    let failure = failure(
        std::slice::from_ref(&diagnostic),
        "",
        "init failed",
        &Masker::default(),
    );
    let text = "GET https://u:glpat-0123456789@state.example.com/?token=abcdefgh: 500";
    let bare = super::failure(&[], text, "plan failed", &Masker::default());
    let warning = warning(&diagnostic, &Masker::default());
    for message in [&failure.message, &bare.message, &warning] {
        assert!(!message.contains("glpat-"), "{message}");
        assert!(!message.contains("abcdefgh"), "{message}");
        assert!(message.contains("example.com"), "{message}");
    }
}

#[test]
fn a_secret_is_masked_before_a_message_is_cut() {
    let detail = format!("{}hunter2hunter2", "x".repeat(MESSAGE_BYTES - 10));
    let diagnostic = Diagnostic {
        is_error: true,
        detail,
        ..Diagnostic::default()
    };
    let masker = Masker::new(["hunter2hunter2"]);
    let failure = failure(&[diagnostic], "", "plan failed", &masker);
    assert!(!failure.message.contains("hunter"), "{}", failure.message);
}
