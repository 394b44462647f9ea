//! From a tracked stack to a directory in which Terraform can run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::domain::failure::{Failure, FailureKind};
use crate::domain::ids::CommitId;
use crate::domain::stack::DEFAULT_WORKSPACE;
use crate::secret::SecretError;
use crate::terraform::{Engine, Environment, Limits, Plugins, Workdir};

use super::context::Context;
use super::mirrors::mirror;
use super::resolve::Tracked;
use super::settings::{EnvValue, StackSettings, Timeouts};

/// Brings the stack's checkout to the commit and gathers what Terraform needs to plan in it.
pub(super) async fn prepare(
    context: &Context,
    tracked: &Tracked,
    commit: &CommitId,
) -> Result<Workdir, Failure> {
    if let Some(problem) = &tracked.problem {
        return Err(problem.clone());
    }
    let root = checkout(context, tracked, commit).await?;
    let dir = root.join(&tracked.dir);
    if !dir.is_dir() {
        return Err(Failure::new(
            FailureKind::DirectoryMissing,
            format!("{} is not in commit {}", tracked.dir, commit.short()),
            "the stack leaves the list when its source is read again",
        ));
    }
    workdir(context, tracked, dir).await
}

/// The stack's directory as it was left, with the environment for applying.
pub(super) async fn in_place(context: &Context, tracked: &Tracked) -> Result<Workdir, Failure> {
    let dir = context.layout.checkout(&tracked.id).join(&tracked.dir);
    if !dir.is_dir() {
        return Err(Failure::new(
            FailureKind::DirectoryMissing,
            format!("{} is not there", dir.display()),
            "it is made again when the stack is planned",
        ));
    }
    for_apply(&workdir(context, tracked, dir).await?, tracked)
}

async fn workdir(context: &Context, tracked: &Tracked, dir: PathBuf) -> Result<Workdir, Failure> {
    let settings = &tracked.settings;
    let env = plan_env(settings)?;
    let engine = Engine::find(&settings.engine, &env, &context.stop.plans).await?;
    Ok(Workdir {
        dir,
        engine,
        env,
        workspace: workspace(settings),
        var_files: settings.var_files.clone(),
        backend_config: settings.backend_config.clone(),
        scratch: context.layout.scratch(&tracked.id),
        limits: limits(&settings.timeouts),
        runtime: context.machine.go_runtime(context.settings.jobs),
        plugins: Some(Plugins::new(context.layout.plugins())),
        meter: Arc::default(),
    })
}

/// The environment in which a stack is planned.
pub(super) fn plan_env(settings: &StackSettings) -> Result<Environment, Failure> {
    let mut env = Environment::allow_listed();
    set_all(&mut env, &settings.plan_env)?;
    Ok(env)
}

/// The same directory with the environment for applying.
pub(super) fn for_apply(workdir: &Workdir, tracked: &Tracked) -> Result<Workdir, Failure> {
    let mut workdir = workdir.clone();
    set_all(&mut workdir.env, &tracked.settings.apply_env)?;
    Ok(workdir)
}

async fn checkout(
    context: &Context,
    tracked: &Tracked,
    commit: &CommitId,
) -> Result<PathBuf, Failure> {
    let mirror = mirror(context, &tracked.source)?;
    let parts = (tracked.closed_at.as_ref() == Some(commit)).then(|| {
        let own = std::iter::once(&tracked.dir);
        own.chain(&tracked.reads).cloned().collect::<Vec<_>>()
    });
    let (commit, dest) = (commit.clone(), context.layout.checkout(&tracked.id));
    let made = tokio::task::spawn_blocking(move || {
        match parts {
            Some(parts) => mirror.checkout_parts(&commit, &parts, &dest)?,
            None => mirror.checkout(&commit, &dest)?,
        }
        Ok(dest)
    });
    made.await.unwrap_or_else(|_| {
        Err(Failure::new(
            FailureKind::Internal,
            "the checkout stopped unexpectedly",
            "look into the log and report what you find",
        ))
    })
}

fn set_all(env: &mut Environment, values: &BTreeMap<String, EnvValue>) -> Result<(), Failure> {
    for (name, value) in values {
        match value {
            EnvValue::Plain(text) => env.set(name, text),
            EnvValue::Secret(source) => {
                let secret = source.read().map_err(|error| unreadable(name, &error))?;
                env.set_secret(name, &secret);
            }
        }
    }
    Ok(())
}

fn unreadable(name: &str, error: &SecretError) -> Failure {
    Failure::new(
        FailureKind::CredentialsRefused,
        format!("no value for the environment variable {name}: {error}"),
        "make the file or variable readable for Mooring; it is read again at each run",
    )
}

pub(super) fn workspace(settings: &StackSettings) -> Option<String> {
    settings
        .workspace
        .clone()
        .filter(|workspace| workspace != DEFAULT_WORKSPACE)
}

fn limits(timeouts: &Timeouts) -> Limits {
    Limits {
        init: timeouts.init,
        plan: timeouts.plan,
        apply: timeouts.apply,
        grace: timeouts.grace,
    }
}
