//! Stacks whose code is broken, each in its own way, beside one that is not.

use super::{OBSERVE, RESOURCE, UNPARSABLE, estate, failed, mails, told, told_of_first_look};
use crate::harness::{Daemon, Repository};

const STACKS: [&str; 7] = [
    "good", "hcl", "leaver", "local", "provider", "twin-a", "twin-b",
];

#[test]
fn a_broken_stack_says_what_is_wrong_and_stops_no_other() {
    let Some((lab, repository)) = estate("faults::stacks", &STACKS) else {
        return;
    };
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, OBSERVE));
    for stack in STACKS {
        daemon.wait_for_verdict(&format!("infra/{stack}"), "in_sync");
    }
    told_of_first_look(&lab, &daemon);

    break_all(&repository);
    let hcl = failed(&daemon, "infra/hcl", "invalid_configuration", "main.tf");
    assert_eq!(hcl["decision"]["kind"], "refuse", "{hcl:#}");
    failed(
        &daemon,
        "infra/provider",
        "provider_missing",
        "no-such-provider",
    );
    failed(&daemon, "infra/local", "local_state", "file");
    failed(&daemon, "infra/leaver", "invalid_configuration", "main.tf");
    failed(
        &daemon,
        "infra/twin-b",
        "invalid_configuration",
        "infra/twin-a",
    );
    daemon.planned("infra/twin-a");
    failed(
        &daemon,
        "infra/twin-a",
        "invalid_configuration",
        "infra/twin-b",
    );
    // The good one was changed too, and that is seen beside all the trouble.
    let good = daemon.wait_for_verdict("infra/good", "pending");
    assert!(good["error"].is_null());
    for (stack, kind) in TROUBLES {
        told(&lab, &daemon, &format!("[failed: {kind}] infra/{stack}"));
    }

    mend_all(&repository);
    for stack in ["good", "hcl", "local", "provider", "twin-b"] {
        daemon.wait_for_verdict(&format!("infra/{stack}"), "in_sync");
    }
    assert_eq!(daemon.planned("infra/twin-a")["verdict"], "in_sync");
    for (stack, _) in TROUBLES {
        told(&lab, &daemon, &format!("[resolved] infra/{stack}"));
    }
    let left = "[resolved] infra/leaver: the stack is no longer tracked";
    told(&lab, &daemon, left);
    assert!(daemon.stack("infra/leaver").is_null());
    assert!(!daemon.ask_for_plan("infra/leaver"));
    daemon.all_told();
    for (stack, kind) in TROUBLES {
        assert_eq!(mails(&lab, &format!("[failed: {kind}] infra/{stack}")), 1);
        assert_eq!(mails(&lab, &format!("[resolved] infra/{stack}")), 1);
    }
    assert!(daemon.stop().success());
}

const TROUBLES: [(&str, &str); 6] = [
    ("hcl", "invalid_configuration"),
    ("provider", "provider_missing"),
    ("local", "local_state"),
    ("leaver", "invalid_configuration"),
    ("twin-a", "invalid_configuration"),
    ("twin-b", "invalid_configuration"),
];

fn break_all(repository: &Repository) {
    repository.write("good/main.tf", &RESOURCE.replace("one", "two"));
    repository.write("hcl/main.tf", UNPARSABLE);
    repository.write("leaver/main.tf", UNPARSABLE);
    repository.write("local/backend.tf", "");
    let needs = "terraform {\n  required_providers {\n    x = { source = \"nobody/no-such-provider\" }\n  }\n}\n";
    repository.write("provider/main.tf", &format!("{needs}{RESOURCE}"));
    let backend = std::fs::read_to_string(repository.work.join("twin-a/backend.tf")).unwrap();
    repository.write("twin-b/backend.tf", &backend);
    repository.push("Break them");
}

fn mend_all(repository: &Repository) {
    for stack in STACKS {
        repository.write_stack(stack, RESOURCE);
    }
    std::fs::remove_dir_all(repository.work.join("leaver")).unwrap();
    repository.push("Mend them");
}
