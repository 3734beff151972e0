//! What others did to a table since a version.

use std::ffi::c_char;
use std::ptr;

use serde_json::{json, Value};

use crate::border::{guard, Code, Failure, Outcome, SlError};
use crate::log;
use crate::settle::COMMIT_ID;
use crate::table::{State, Table};

/// None: a commit file in between is not there any more.
fn changes_since(table: &Table, version: i64) -> Outcome<Option<String>> {
    let mut changes = Vec::new();
    if let State::At(snapshot) = &table.state {
        for version in u64::try_from(version + 1).unwrap_or(0)..=snapshot.version() {
            let Some(bytes) = log::read(table, version)? else { return Ok(None) };
            changes.push(change(version, &bytes)?);
        }
    }
    Ok(Some(Value::Array(changes).to_string()))
}

fn change(version: u64, bytes: &[u8]) -> Outcome<Value> {
    let mut info = Value::Null;
    let (mut data, mut metadata) = (false, false);
    let mut apps = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let action: Value = serde_json::from_slice(line).map_err(|error| {
            Failure::new(Code::Destination, format!("version {version} is not JSON: {error}"))
        })?;
        for file in ["add", "remove"].into_iter().filter_map(|kind| action.get(kind)) {
            data |= file.get("dataChange").and_then(Value::as_bool).unwrap_or(true);
        }
        metadata |= action.get("metaData").is_some() || action.get("protocol").is_some();
        apps.extend(action.pointer("/txn/appId").cloned());
        if let Some(found) = action.get("commitInfo") {
            info = found.clone();
        }
    }
    Ok(json!({
        "version": version,
        "operation": info.get("operation"),
        "engineInfo": info.get("engineInfo"),
        "ours": info.get(COMMIT_ID).is_some(),
        "data": data,
        "metadata": metadata,
        "txn": apps,
    }))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_changes_since(
    table: *mut Table,
    version: i64,
    json: *mut *const c_char,
    error: *mut SlError,
) -> Code {
    *json = ptr::null();
    guard(error, || {
        let table = &mut *table;
        let changes = table.named(changes_since(table, version))?;
        *json = table.say_changes(changes);
        Ok(())
    })
}
