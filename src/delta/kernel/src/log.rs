//! The commit files of a table, read as they are.

use bytes::Bytes;
use delta_kernel::object_store;
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::ObjectStoreExt;
use serde_json::Value;

use crate::border::Outcome;
use crate::engine::path_of;
use crate::table::Table;

pub fn path(table: &Table, version: u64) -> Outcome<Path> {
    let root = path_of(&table.location.url)?;
    Ok(root.join("_delta_log").join(format!("{version:020}.json")))
}

/// None: it is not there, or not any more.
pub fn read(table: &Table, version: u64) -> Outcome<Option<Bytes>> {
    let path = path(table, version)?;
    Ok(table.engine.wait(async {
        match table.place.store.get(&path).await {
            Ok(found) => found.bytes().await.map(Some),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    })?)
}

/// The commitInfo of a commit file. It need not be the first action.
pub fn commit_info(bytes: &[u8]) -> Option<Value> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| line.windows(12).take(4).any(|part| part == b"\"commitInfo\""))
        .find_map(|line| {
            serde_json::from_slice::<Value>(line).ok()?.get_mut("commitInfo").map(Value::take)
        })
}
