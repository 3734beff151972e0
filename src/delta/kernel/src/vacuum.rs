//! Deleting files that nobody needs any more.
//!
//! Vacuum: what lies in the table's directory, less what the snapshot names (data files, deletion
//! vectors, files beside the table), less what was removed within the retention. Only files that look
//! like a table's are ever deleted. Cleaning the log: what stands before the newest checkpoint that
//! is as old as the retention.

use std::collections::HashSet;
use std::ffi::{c_char, c_void, CStr};
use std::fs;
use std::path::Path as FilePath;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use delta_kernel::actions::deletion_vector::DeletionVectorDescriptor;
use delta_kernel::arrow::array::{Array, AsArray, RecordBatch, StructArray};
use delta_kernel::arrow::datatypes::{Int32Type, Int64Type};
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{self, ObjectMeta, ObjectStore};
use delta_kernel::schema::{DataType, SchemaRef, StructField, StructType};
use delta_kernel::snapshot::SnapshotRef;
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;
use url::Url;

use crate::border::{c_string, guard, Code, Failure, Outcome, SlError};
use crate::engine::path_of;
use crate::log;
use crate::table::{State, Table};

/// Files beside the table, and the domains that name them.
const ASIDE: &str = "_sluice/";
const ASIDE_DOMAINS: &str = "sluice.aux.";

const HOUR_MS: i64 = 3600 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
const FILE_RETENTION_MS: i64 = 7 * DAY_MS;
const LOG_RETENTION_MS: i64 = 30 * DAY_MS;

/// Nothing younger goes (SL_VACUUM_YOUNG_MS), and nothing younger that no version has named: a long
/// run may have staged it (SL_VACUUM_STAGED_MS).
const YOUNG_MS: i64 = HOUR_MS;
const STAGED_MS: i64 = DAY_MS;

/// `struct sl_delta_vacuumed`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SlVacuumed {
    files: i64,
    bytes: i64,
    kept: i64,
}

/// What the log says of files, read as it is.
struct Log {
    /// Removed after the horizon: a version within the retention has them.
    needed: HashSet<Path>,
    /// Removed before it.
    expired: HashSet<Path>,
}

fn text_column(name: &str) -> StructField {
    StructField::nullable(name, DataType::STRING)
}

fn long_column(name: &str) -> StructField {
    StructField::nullable(name, DataType::LONG)
}

fn removals_schema() -> Outcome<SchemaRef> {
    let vector = StructType::try_new([
        text_column("storageType"),
        text_column("pathOrInlineDv"),
        StructField::nullable("offset", DataType::INTEGER),
        StructField::nullable("sizeInBytes", DataType::INTEGER),
        long_column("cardinality"),
    ])?;
    let remove = StructType::try_new([
        text_column("path"),
        long_column("deletionTimestamp"),
        StructField::nullable("deletionVector", vector),
    ])?;
    Ok(std::sync::Arc::new(StructType::try_new([StructField::nullable("remove", remove)])?))
}

/// Where the deletion vector of a row of actions is, if it has one in a file.
pub fn vector_path(vectors: &StructArray, row: usize, root: &Url) -> Outcome<Option<Path>> {
    if vectors.is_null(row) {
        return Ok(None);
    }
    let text = |name: &str| {
        vectors.column_by_name(name).and_then(|c| c.as_string_opt::<i32>()).map(|c| c.value(row))
    };
    let (Some(kind), Some(path)) = (text("storageType"), text("pathOrInlineDv")) else {
        return Ok(None);
    };
    if kind.is_empty() {
        return Ok(None);
    }
    let number = |name: &str| {
        let column = vectors.column_by_name(name)?;
        let column = column.as_primitive_opt::<Int32Type>()?;
        column.is_valid(row).then(|| column.value(row))
    };
    let size = number("sizeInBytes").unwrap_or(0);
    let offset = number("offset");
    let vector = DeletionVectorDescriptor::try_new(kind.parse()?, path, offset, size, 0)?;
    vector.absolute_path(root)?.map(|url| path_of(&url)).transpose()
}

impl Log {
    /// All removals that the snapshot's part of the log still has: since the checkpoint one by one,
    /// and before it those that the checkpoint keeps for the table's own retention.
    fn read(table: &Table, snapshot: &SnapshotRef, horizon_ms: i64) -> Outcome<Self> {
        let mut log = Log { needed: HashSet::new(), expired: HashSet::new() };
        let kernel = table.place.kernel.as_ref();
        for batch in snapshot.log_segment().read_actions(kernel, removals_schema()?)? {
            log.add(&batch?.actions.try_into_record_batch()?, table, horizon_ms)?;
        }
        Ok(log)
    }

    fn add(&mut self, batch: &RecordBatch, table: &Table, horizon_ms: i64) -> Outcome<()> {
        let Some(removes) = batch.column_by_name("remove").and_then(|c| c.as_struct_opt()) else {
            return Ok(());
        };
        let column = |name: &str| {
            removes
                .column_by_name(name)
                .ok_or_else(|| Failure::bug(format!("removals without {name}")))
        };
        let paths = column("path")?.as_string::<i32>();
        let times = column("deletionTimestamp")?.as_primitive::<Int64Type>();
        let vectors = column("deletionVector")?.as_struct();
        for row in (0..removes.len()).filter(|row| removes.is_valid(*row) && paths.is_valid(*row)) {
            let time = if times.is_valid(row) { times.value(row) } else { 0 };
            let vector = vector_path(vectors, row, &table.location.url)?;
            for path in vector.into_iter().chain(located(table, paths.value(row))?) {
                if time >= horizon_ms {
                    self.needed.insert(path);
                } else {
                    self.expired.insert(path);
                }
            }
        }
        Ok(())
    }

    /// Checkpoints forget removals after the table's own retention. When a longer one is wanted, the
    /// commits before the checkpoint are asked, as far back as the retention and the log go.
    fn read_back(&mut self, table: &Table, from: u64, horizon_ms: i64) -> Outcome<()> {
        for version in (0..=from).rev() {
            let Some(bytes) = log::read(table, version)? else { break };
            let actions = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let mut newest = i64::MIN;
            for action in actions.filter_map(|line| serde_json::from_slice::<Value>(line).ok()) {
                let info = &action["commitInfo"];
                newest = newest.max(info["timestamp"].as_i64().unwrap_or(i64::MIN));
                let Some(path) = action["remove"]["path"].as_str() else { continue };
                self.needed.extend(located(table, path)?);
                self.needed.extend(json_vector(&action["remove"]["deletionVector"], table)?);
            }
            if newest != i64::MIN && newest < horizon_ms {
                break;
            }
        }
        Ok(())
    }
}

fn json_vector(vector: &Value, table: &Table) -> Outcome<Option<Path>> {
    let (Some(kind), Some(path)) =
        (vector["storageType"].as_str(), vector["pathOrInlineDv"].as_str())
    else {
        return Ok(None);
    };
    let vector = DeletionVectorDescriptor::try_new(kind.parse()?, path, None, 0, 0)?;
    vector.absolute_path(&table.location.url)?.map(|url| path_of(&url)).transpose()
}

/// A path of the log, as the store knows it.
fn located(table: &Table, path: &str) -> Outcome<Option<Path>> {
    let url = table
        .location
        .url
        .join(path)
        .map_err(|error| Failure::bug(format!("path '{path}' of a data file: {error}")))?;
    Ok(Some(path_of(&url)?))
}

/// Everything that the newest version names.
fn named(table: &Table, snapshot: &SnapshotRef, root: &Path) -> Outcome<HashSet<Path>> {
    let live = table.live()?;
    let mut named: HashSet<Path> = live.vectors(&table.location.url)?.into_iter().collect();
    for file in &live.files {
        named.extend(located(table, &file.path)?);
    }
    for domain in snapshot.get_all_domain_metadata(table.place.kernel.as_ref())? {
        if !domain.domain().starts_with(ASIDE_DOMAINS) {
            continue;
        }
        let value: Value = serde_json::from_str(domain.configuration()).map_err(|error| {
            Failure::new(
                Code::Destination,
                format!("domain '{}' is not JSON: {error}", domain.domain()),
            )
            .hint("Nothing was deleted, because it cannot be told which files beside the table are needed.")
        })?;
        add_aside(&value, root, &mut named);
    }
    Ok(named)
}

fn add_aside(value: &Value, root: &Path, named: &mut HashSet<Path>) {
    match value {
        Value::String(text) if text.starts_with(ASIDE) => {
            named.insert(text.split('/').fold(root.clone(), |path, part| path.join(part)));
        }
        Value::Array(values) => values.iter().for_each(|value| add_aside(value, root, named)),
        Value::Object(members) => members.values().for_each(|v| add_aside(v, root, named)),
        _ => {}
    }
}

/// Does a file look like one of a table's, by its path in the table's directory?
fn deletable(parts: &[String]) -> bool {
    let Some((name, folders)) = parts.split_last() else { return false };
    let folders = match folders.split_first() {
        Some((first, rest)) if format!("{first}/") == ASIDE => rest,
        _ => folders,
    };
    let hidden = |part: &String| part.starts_with(['_', '.']) && !part.contains('=');
    if folders.iter().any(hidden) || name.starts_with(['_', '.']) {
        return false;
    }
    name.ends_with(".parquet") || (name.starts_with("deletion_vector_") && name.ends_with(".bin"))
}

/// The files of the table's directory, without those of its log: there are many of them.
fn listed(table: &Table, root: &Path) -> Outcome<Vec<ObjectMeta>> {
    let store = &table.place.store;
    table.engine.wait(async {
        let top = store.list_with_delimiter(Some(root)).await?;
        let mut files = top.objects;
        for folder in top.common_prefixes {
            let hidden = folder.filename().is_some_and(|name| {
                name.starts_with(['_', '.']) && !name.contains('=') && format!("{name}/") != ASIDE
            });
            if !hidden {
                files.extend(store.list(Some(&folder)).try_collect::<Vec<_>>().await?);
            }
        }
        Ok(files)
    })
}

fn parts_below(root: &Path, path: &Path) -> Option<Vec<String>> {
    Some(path.prefix_match(root)?.map(|part| part.as_ref().to_string()).collect())
}

fn delete(table: &Table, paths: Vec<Path>) -> Outcome<()> {
    if paths.is_empty() {
        return Ok(());
    }
    table.engine.wait(async {
        let paths = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
        let mut deleted = table.place.store.delete_stream(paths);
        while let Some(one) = deleted.next().await {
            match one {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(Failure::from(error)),
            }
        }
        Ok(())
    })
}

/// A property like "interval 7 days", in milliseconds.
fn retention(wanted_ms: i64, property: Option<Duration>, preset_ms: i64) -> i64 {
    if wanted_ms >= 0 {
        return wanted_ms;
    }
    property.map_or(preset_ms, |duration| duration.as_millis() as i64)
}

fn vacuum(
    table: &Table,
    retention_ms: i64,
    now_ms: i64,
    dry_run: bool,
    mut tell: impl FnMut(&str),
) -> Outcome<SlVacuumed> {
    let snapshot = table.newest()?;
    let property = snapshot.table_properties().deleted_file_retention_duration;
    let own = retention(-1, property, FILE_RETENTION_MS);
    let retention = retention(retention_ms, property, FILE_RETENTION_MS);
    let horizon = now_ms.saturating_sub(retention);
    let root = table.location.root()?;
    // Listed before the log is read: a file that appears later is not looked at.
    let files = listed(table, &root)?;
    let newest = Table::at(
        table.engine.clone(),
        table.place.clone(),
        table.location.clone(),
        State::At(snapshot.clone()),
    );
    let named = named(&newest, &snapshot, &root)?;
    let mut log = Log::read(&newest, &snapshot, horizon)?;
    if retention > own {
        let from = snapshot.log_segment().checkpoint_version.unwrap_or(0);
        log.read_back(&newest, from, horizon)?;
    }

    let mut done = SlVacuumed::default();
    let mut doomed = Vec::new();
    for file in files {
        let written = file.last_modified.timestamp_millis();
        let path = file.location;
        let young = match log.expired.contains(&path) {
            true => written > now_ms - YOUNG_MS,
            false => written > now_ms - retention.max(STAGED_MS),
        };
        let Some(parts) = parts_below(&root, &path) else { continue };
        if young || named.contains(&path) || log.needed.contains(&path) || !deletable(&parts) {
            done.kept += 1;
            continue;
        }
        tell(&parts.join("/"));
        done.files += 1;
        done.bytes += file.size as i64;
        doomed.push(path);
    }
    if !dry_run {
        delete(table, doomed)?;
        remove_leftovers(table, now_ms);
    }
    Ok(done)
}

/// A local store writes "name#1" first and then renames it. What a killed process left of those it
/// never lists, so they are looked for here; best effort.
fn remove_leftovers(table: &Table, now_ms: i64) {
    if !table.place.local {
        return;
    }
    if let Ok(root) = table.location.url.to_file_path() {
        remove_leftovers_in(&root, now_ms);
    }
}

fn remove_leftovers_in(folder: &FilePath, now_ms: i64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(status) = entry.metadata() else { continue };
        if status.is_dir() {
            remove_leftovers_in(&entry.path(), now_ms);
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let staged = name.rsplit_once('#').is_some_and(|(stem, number)| {
            (stem.ends_with(".parquet") || stem.ends_with(".json") || stem.ends_with(".crc"))
                && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let written = status.modified().unwrap_or_else(|_| SystemTime::now());
        let written = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        if staged && written < now_ms - STAGED_MS {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file of the log: which version it is of, and what it is.
enum LogFile {
    Commit(i64),
    /// Whole; one in several parts is not, because nobody writes them any more.
    Checkpoint(i64),
    Other(i64),
}

fn log_file(name: &str) -> Option<LogFile> {
    let (digits, rest) = name.split_at_checked(20)?;
    let version = digits.parse().ok()?;
    let checkpoint = rest.strip_prefix(".checkpoint");
    Some(match (rest, checkpoint) {
        (".json", _) => LogFile::Commit(version),
        (_, Some(".parquet")) => LogFile::Checkpoint(version),
        (_, Some(rest)) if rest.ends_with(".json") || rest.matches('.').count() == 2 => {
            LogFile::Checkpoint(version) // .checkpoint.<uuid>.parquet
        }
        (".crc", _) | (_, Some(_)) => LogFile::Other(version),
        _ => return None,
    })
}

fn clean_log(table: &Table, retention_ms: i64, now_ms: i64) -> Outcome<i64> {
    let snapshot = table.snapshot()?;
    let properties = snapshot.table_properties();
    if properties.enable_expired_log_cleanup == Some(false) {
        return Ok(0);
    }
    let retention = retention(retention_ms, properties.log_retention_duration, LOG_RETENTION_MS);
    let horizon = now_ms.saturating_sub(retention);
    let log = table.location.root()?.join("_delta_log");
    let found = table
        .engine
        .wait(async { table.place.store.list_with_delimiter(Some(&log)).await })?
        .objects;

    let mut files = Vec::new();
    for file in found {
        if let Some(kind) = file.location.filename().and_then(log_file) {
            files.push((kind, file.last_modified.timestamp_millis(), file.location));
        }
    }
    let commits: std::collections::HashMap<i64, i64> = files
        .iter()
        .filter_map(|(kind, written, _)| match kind {
            LogFile::Commit(version) => Some((*version, *written)),
            _ => None,
        })
        .collect();
    // Whoever wants a version of the retention starts from a checkpoint at or before it, and the one
    // that was the newest when the retention began is the first that anybody can want.
    let first = files.iter().filter_map(|(kind, _, _)| match kind {
        LogFile::Checkpoint(version) if commits.get(version).is_some_and(|t| *t <= horizon) => {
            Some(*version)
        }
        _ => None,
    });
    let Some(first) = first.max() else { return Ok(0) };
    let mut doomed: Vec<(i64, Path)> = files
        .into_iter()
        .filter_map(|(kind, _, path)| match kind {
            LogFile::Commit(version) | LogFile::Checkpoint(version) | LogFile::Other(version) => {
                (version < first).then_some((version, path))
            }
        })
        .collect();
    doomed.sort();
    let count = doomed.len() as i64;
    delete(table, doomed.into_iter().map(|(_, path)| path).collect())?;
    Ok(count)
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_vacuum(
    table: *mut Table,
    retention_ms: i64,
    now_ms: i64,
    dry_run: bool,
    named: Option<unsafe extern "C" fn(*mut c_void, *const c_char)>,
    ctx: *mut c_void,
    out: *mut SlVacuumed,
    error: *mut SlError,
) -> Code {
    *out = SlVacuumed::default();
    guard(error, || {
        let table = &*table;
        let tell = |path: &str| {
            if let Some(named) = named {
                let path = c_string(path);
                named(ctx, CStr::as_ptr(&path));
            }
        };
        *out = table.named(vacuum(table, retention_ms, now_ms, dry_run, tell))?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_clean_log(
    table: *mut Table,
    retention_ms: i64,
    now_ms: i64,
    files: *mut i64,
    error: *mut SlError,
) -> Code {
    *files = 0;
    guard(error, || {
        let table = &*table;
        *files = table.named(clean_log(table, retention_ms, now_ms))?;
        Ok(())
    })
}
