//! The plan itself (`tfplan`, the message `Plan` of Terraform's and OpenTofu's `planfile.proto`):
//! whether it plans anything, is only a part, or has a check that did not pass.

use std::io::BufRead;

use super::protobuf::{Content, Message};
use super::{Refreshed, Unknown};

/// The version of the format that Terraform writes since 0.15, and OpenTofu.
const VERSION: u64 = 3;

/// `FAIL` and `ERROR`, of which a check passes neither.
const NOT_PASSED: [u64; 2] = [2, 3];

/// [`Refreshed::Same`] if this is a whole plan in which nothing is to be done.
pub(super) fn read(plan: impl BufRead) -> Result<Refreshed, Unknown> {
    let mut plan = Message::new(plan);
    let mut version = None;
    while let Some((field, content)) = plan.next()? {
        let found = match (field, content) {
            (1, Content::Number(number)) => {
                version = Some(number);
                None
            }
            (3, Content::Bytes(change)) => object(&change)?,
            (4, Content::Bytes(output)) => output_change(&output)?,
            (5 | 16, Content::Bytes(_)) => Some("the plan is narrowed to some objects"),
            (17, Content::Number(mode)) => (mode != 0).then_some("the plan is of another mode"),
            (19, Content::Bytes(check)) => check_result(&check)?,
            (20, Content::Number(errored)) => (errored != 0).then_some("the plan failed midway"),
            (25, Content::Number(can)) => (can != 0).then_some("the plan can be applied"),
            (27 | 30..=32, Content::Bytes(_)) => Some("something is put off or to be invoked"),
            // Variables, backend, version, relevant attributes, drift (the states tell), time,
            // completeness (the fields above give its reasons), results of functions.
            (2 | 13..=15 | 18 | 21 | 22 | 28 | 29, Content::Bytes(_)) => None,
            (26, Content::Number(_)) => None,
            _ => return Err(Unknown("the plan in it has a field that is not known")),
        };
        if let Some(what) = found {
            return Ok(Refreshed::Differs(what));
        }
    }
    match version {
        Some(VERSION) => Ok(Refreshed::Same),
        _ => Err(Unknown("the plan in it has a version that is not known")),
    }
}

/// `ResourceInstanceChange`.
fn object(bytes: &[u8]) -> Result<Option<&'static str>, Unknown> {
    let (mut address, mut before_move, mut change) = (Vec::new(), Vec::new(), None);
    let mut message = Message::new(bytes);
    while let Some((field, content)) = message.next()? {
        match (field, content) {
            (9, Content::Bytes(bytes)) => change = Some(bytes),
            (13, Content::Bytes(bytes)) => address = bytes,
            (14, Content::Bytes(bytes)) => before_move = bytes,
            _ => {}
        }
    }
    let change = change.ok_or(Unknown("the plan in it has a change without content"))?;
    if !before_move.is_empty() && before_move != address {
        return Ok(Some("an object is to be moved"));
    }
    Ok(acts(&change)?.then_some("an object is to be changed"))
}

/// `OutputChange`.
fn output_change(bytes: &[u8]) -> Result<Option<&'static str>, Unknown> {
    let mut message = Message::new(bytes);
    while let Some((field, content)) = message.next()? {
        if let (2, Content::Bytes(change)) = (field, content) {
            return Ok(acts(&change)?.then_some("an output is to be changed"));
        }
    }
    Err(Unknown("the plan in it has an output without content"))
}

/// `Change`: whether it does anything. `NOOP` is zero, and zero is left out.
fn acts(change: &[u8]) -> Result<bool, Unknown> {
    let mut message = Message::new(change);
    while let Some((field, content)) = message.next()? {
        match (field, content) {
            (1, Content::Number(action)) if action != 0 => return Ok(true),
            // It is imported.
            (5, _) => return Ok(true),
            _ => {}
        }
    }
    Ok(false)
}

/// `CheckResults`: the status of all its objects together.
fn check_result(bytes: &[u8]) -> Result<Option<&'static str>, Unknown> {
    let mut message = Message::new(bytes);
    while let Some((field, content)) = message.next()? {
        if let (3, Content::Number(status)) = (field, content)
            && NOT_PASSED.contains(&status)
        {
            return Ok(Some("a check did not pass"));
        }
    }
    Ok(None)
}
