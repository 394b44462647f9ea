//! Stacks that files declare, and stacks that wait for each other.

use jiff::Timestamp;
use serde_json::Value;

use crate::harness::{Daemon, Lab, Repository};

const DATA: &str = "resource \"terraform_data\" \"it\" {\n  input = \"INPUT\"\n}\n";

fn data(input: &str) -> String {
    DATA.replace("INPUT", input)
}

fn ids(daemon: &Daemon) -> Vec<String> {
    let stacks = daemon.get("stacks")["stacks"].clone();
    let stacks = stacks.as_array().unwrap().iter();
    let mut ids: Vec<String> = stacks
        .map(|stack| stack["stack"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    ids
}

#[test]
fn each_variable_file_is_a_stack_that_comes_and_goes_with_it() {
    let Some(lab) = Lab::start("many-stacks") else {
        return;
    };
    let repository = Repository::create(&lab, "infra");
    let web = "variable \"env\" {\n  type = string\n}\n\nresource \"terraform_data\" \"it\" {\n  \
               input = var.env\n}\n";
    repository.write_stack("apps/web", web);
    repository.write_stack("net", &data("one"));
    for env in ["dev", "prod"] {
        let file = format!("envs/{env}.tfvars");
        repository.write(&file, &format!("env = \"{env}\"\n"));
    }
    repository.push("First");
    let more = "policy: { confirm_after: 1s }
stacks:
  - match: \"infra/apps/*\"
    for_each_var_file: \"../../envs/*.tfvars\"
    backend_config: [\"key=apps/web/{name}.tfstate\"]
    labels: { environment: \"{name}\" }
    after: [\"infra/net\"]
";
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, more));
    daemon.wait_for_verdict("infra/apps/web#dev", "pending");
    let prod = daemon.wait_for_verdict("infra/apps/web#prod", "pending");
    assert_eq!(prod["labels"]["environment"], "prod");
    let wanted = prod["findings"].to_string();
    assert!(wanted.contains("terraform_data.it"), "{wanted}");
    assert_eq!(
        ids(&daemon),
        ["infra/apps/web#dev", "infra/apps/web#prod", "infra/net"]
    );
    let shown = daemon.cli(&["show", "infra/apps/web#dev"]);
    assert!(shown.contains("needs: infra/net\n"), "{shown}");
    let shown = daemon.cli(&["show", "infra/net"]);
    let needed = "needed by: infra/apps/web#dev, infra/apps/web#prod\n";
    assert!(shown.contains(needed), "{shown}");

    std::fs::remove_file(repository.work.join("envs/prod.tfvars")).unwrap();
    repository.write("envs/qa.tfvars", "env = \"qa\"\n");
    repository.push("No prod any more");
    daemon.wait_for_verdict("infra/apps/web#qa", "pending");
    assert_eq!(
        ids(&daemon),
        ["infra/apps/web#dev", "infra/apps/web#qa", "infra/net"]
    );
    assert!(daemon.stop().success());
}

fn time(run: &Value, field: &str) -> Timestamp {
    run[field].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_is_pushed_together_is_planned_after_what_it_needs_was_applied() {
    let Some(lab) = Lab::start("order") else {
        return;
    };
    let repository = Repository::create(&lab, "infra");
    repository.write(".gitignore", ".terraform*\n");
    for stack in ["app", "net"] {
        repository.write_stack(stack, &data("one"));
        lab.apply(&repository.work.join(stack), &[]);
    }
    repository.push("First");
    let more = "policy:
  mode: sync
  confirm_after: 1s
  safe: [{ name: data, type: terraform_data, attributes: [input, output] }]
stacks:
  - match: \"infra/app\"
    after: [\"infra/net\"]
";
    let daemon = Daemon::start(&lab, &Daemon::configuration(&lab, &repository, more));
    for stack in ["infra/app", "infra/net"] {
        daemon.wait_for_verdict(stack, "in_sync");
        daemon.settled(stack);
    }
    for stack in ["app", "net"] {
        repository.write(&format!("{stack}/main.tf"), &data("two"));
    }
    let commit = repository.push("Both");
    for stack in ["infra/app", "infra/net"] {
        daemon.eventually("the push is applied", || {
            let now = daemon.stack(stack);
            (now["verdict"] == "in_sync" && now["commit"] == commit.as_str()).then_some(())
        });
        daemon.settled(stack);
    }
    let applied = daemon.runs("infra/net").into_iter();
    let mut applied = applied.filter(|run| run["outcome"]["kind"] == "repaired");
    let applied = time(&applied.next().unwrap(), "ended_at");
    let pushed = daemon.runs("infra/app").into_iter();
    let mut pushed = pushed.filter(|run| run["trigger"] == "git");
    let begun = time(&pushed.next().unwrap(), "started_at");
    assert!(applied <= begun, "{applied} {begun}\n{}", daemon.log());
    assert!(daemon.stop().success());
}
