//! Keeping the log short, and telling what is in it.

use delta_kernel::KernelError;
use serde_json::{json, Map, Value};

use crate::border::{guard, quietly, Code, Outcome, SlError};
use crate::log;
use crate::table::{State, Table};

/// Commits after which a checkpoint is written, unless the table says otherwise.
const CHECKPOINT_INTERVAL: i64 = 50;

/// What history tells of a version.
const HISTORY_FIELDS: [&str; 5] =
    ["timestamp", "operation", "operationParameters", "operationMetrics", "engineInfo"];

/// A checksum lets the next reader find the cursor without replaying the log, a checkpoint keeps
/// the log short. Neither decides whether the commit holds, so neither can fail it.
pub fn after_commit(table: &mut Table) {
    let State::At(snapshot) = &table.state else { return };
    if let Ok((_, snapshot)) = snapshot.write_checksum(table.place.kernel.as_ref()) {
        table.move_to(snapshot);
    }
    if table.commits_since_checkpoint >= checkpoint_interval(table) {
        let _ = checkpoint(table);
    }
}

fn checkpoint_interval(table: &Table) -> i64 {
    let State::At(snapshot) = &table.state else { return CHECKPOINT_INTERVAL };
    snapshot
        .metadata_configuration()
        .get("delta.checkpointInterval")
        .and_then(|value| value.parse().ok())
        .filter(|interval| *interval > 0)
        .unwrap_or(CHECKPOINT_INTERVAL)
}

fn checkpoint(table: &mut Table) -> Outcome<()> {
    let kernel = table.place.kernel.clone();
    match table.snapshot()?.checkpoint(kernel.as_ref(), None) {
        Ok((_, snapshot)) => {
            table.move_to(snapshot);
            Ok(())
        }
        Err(error) => match error.without_backtrace() {
            KernelError::FileAlreadyExists(_) => Ok(()),
            _ => Err(error.into()),
        },
    }
}

/// The newest versions, newest first, as far back as their commit files are still there.
pub fn history(table: &Table, limit: i64) -> Outcome<String> {
    let State::At(snapshot) = &table.state else { return Ok("[]".to_string()) };
    let mut versions = Vec::new();
    for version in (0..=snapshot.version()).rev() {
        if limit >= 0 && versions.len() as i64 >= limit {
            break;
        }
        let Some(bytes) = log::read(table, version)? else { break };
        versions.push(history_entry(version, log::commit_info(&bytes)));
    }
    Ok(Value::Array(versions).to_string())
}

fn history_entry(version: u64, info: Option<Value>) -> Value {
    let mut entry = Map::new();
    entry.insert("version".to_string(), json!(version));
    for field in HISTORY_FIELDS {
        if let Some(value) = info.as_ref().and_then(|info| info.get(field)) {
            entry.insert(field.to_string(), value.clone());
        }
    }
    Value::Object(entry)
}

/// `struct sl_delta_pulse`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SlPulse {
    files: i64,
    bytes: i64,
    removed_bytes: i64,
    previous_ms: i64,
}

const UNKNOWN: SlPulse = SlPulse { files: -1, bytes: -1, removed_bytes: 0, previous_ms: -1 };

fn pulse(table: &Table) -> SlPulse {
    let mut pulse = SlPulse { removed_bytes: table.removed_bytes.get(), ..UNKNOWN };
    let State::At(snapshot) = &table.state else { return pulse };
    if let Some(stats) = snapshot.get_file_stats_if_present() {
        pulse.files = stats.num_files();
        pulse.bytes = stats.table_size_bytes();
    }
    let commits = &snapshot.log_segment().listed.ascending_commit_files;
    let before = commits.iter().rev().find(|commit| commit.version + 1 == snapshot.version());
    if let Some(commit) = before {
        pulse.previous_ms = commit.location.last_modified;
    }
    pulse
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_pulse(table: *const Table) -> SlPulse {
    quietly(UNKNOWN, || pulse(&*table))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_checkpoint(table: *mut Table, error: *mut SlError) -> Code {
    guard(error, || {
        let table = &mut *table;
        let done = checkpoint(table);
        table.named(done)
    })
}
