//! What a table says of itself, changed in one commit without files.
//!
//! The kernel offers none of it, so the actions are written here: the metadata and the protocol are
//! taken as the kernel read them, changed, given back to the kernel to see whether it would accept
//! such a table, and put into the log like any commit.

use std::collections::BTreeSet;
use std::ffi::c_char;
use std::time::{SystemTime, UNIX_EPOCH};

use delta_kernel::actions::{Metadata, Protocol};
use delta_kernel::expressions::ColumnName;
use delta_kernel::object_store::{self, PutMode, PutOptions, PutPayload};
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::table_configuration::TableConfiguration;
use delta_kernel::table_features::{ColumnMappingMode, Operation, TableFeature};
use serde_json::{json, Map, Value};

use crate::border::{
    guard, optional_pairs, optional_text, pairs, text, Code, Failure, Outcome, SlError, SlPair,
};
use crate::commit::Commit;
use crate::evolve::{self, Names};
use crate::log;
use crate::settle::{settle, Ended, COMMIT_ID};
use crate::table::{Table, ENGINE_INFO};

const MAPPING: &str = "delta.columnMapping.mode";
const MAPPING_ID_MAX: &str = "delta.columnMapping.maxColumnId";
const STATISTICS_COLUMNS: &str = "delta.dataSkippingStatsColumns";

/// Properties of Delta that need no feature and bind no one to anything.
const PLAIN: [&str; 13] = [
    "delta.autoOptimize.autoCompact",
    "delta.autoOptimize.optimizeWrite",
    "delta.checkpoint.writeStatsAsJson",
    "delta.checkpoint.writeStatsAsStruct",
    "delta.checkpointInterval",
    "delta.dataSkippingNumIndexedCols",
    "delta.deletedFileRetentionDuration",
    "delta.enableExpiredLogCleanup",
    "delta.logRetentionDuration",
    "delta.setTransactionRetentionDuration",
    "delta.targetFileSize",
    "delta.tuneFileSizesForRewrites",
    STATISTICS_COLUMNS,
];

/// What the versions of the protocol from before features stand for.
const WRITER_FEATURES_OF_OLD: [(i64, &[&str]); 5] = [
    (2, &["appendOnly", "invariants"]),
    (3, &["checkConstraints"]),
    (4, &["changeDataFeed", "generatedColumns"]),
    (5, &["columnMapping"]),
    (6, &["identityColumns"]),
];

/// `struct sl_delta_alter` of delta.h; abi.c compares the layout.
#[repr(C)]
pub struct SlAlter {
    operation: *const c_char,
    parameters: *const SlPair,
    parameters_count: usize,
    schema_json: *const c_char,
    set: *const SlPair,
    set_count: usize,
    app_id: *const c_char,
    app_version: i64,
    domains: *const SlPair,
    domains_count: usize,
}

/// What is to be different.
struct Wish {
    schema: Option<Value>,
    set: Vec<(String, Option<String>)>,
}

/// The table as it says it is, and as it will.
#[derive(Clone)]
struct State {
    metadata: Value,
    properties: Map<String, Value>,
    protocol: Value,
}

impl State {
    fn of(snapshot: &SnapshotRef) -> Outcome<Self> {
        let configuration = snapshot.table_configuration();
        let told = |error| Failure::bug(format!("the metadata of a table: {error}"));
        let mut metadata = serde_json::to_value(configuration.metadata()).map_err(told)?;
        let properties = metadata["configuration"].take();
        let properties = properties.as_object().cloned().unwrap_or_default();
        let protocol = serde_json::to_value(configuration.protocol()).map_err(told)?;
        Ok(State { metadata, properties, protocol })
    }

    fn metadata(&self) -> Value {
        let mut metadata = self.metadata.clone();
        metadata["configuration"] = json!(self.properties);
        if let Value::Object(fields) = &mut metadata {
            fields.retain(|_, value| !value.is_null());
        }
        metadata
    }

    fn schema(&self) -> Outcome<Value> {
        let text = self.metadata["schemaString"].as_str().unwrap_or_default();
        serde_json::from_str(text)
            .map_err(|error| Failure::new(Code::Destination, format!("the schema: {error}")))
    }

    fn has_feature(&self, feature: &str) -> bool {
        let listed = self.protocol["writerFeatures"].as_array();
        listed.is_some_and(|features| features.iter().any(|known| known == feature))
    }

    /// Lists a feature, and those that the versions of old stood for.
    fn add_feature(&mut self, feature: &str, readers_too: bool) {
        if self.has_feature(feature) {
            return;
        }
        let reader = self.protocol["minReaderVersion"].as_i64().unwrap_or(1);
        let writer = self.protocol["minWriterVersion"].as_i64().unwrap_or(2);
        let mut readers = listed(&self.protocol["readerFeatures"]);
        let mut writers = listed(&self.protocol["writerFeatures"]);
        if writer < 7 {
            for (_, features) in WRITER_FEATURES_OF_OLD.iter().filter(|(from, _)| *from <= writer) {
                writers.extend(features.iter().map(|feature| feature.to_string()));
            }
        }
        if reader == 2 {
            readers.insert("columnMapping".to_string());
        }
        writers.insert(feature.to_string());
        self.protocol["minWriterVersion"] = json!(7);
        if readers_too {
            readers.insert(feature.to_string());
        }
        if readers_too || reader == 3 {
            self.protocol["minReaderVersion"] = json!(3);
            self.protocol["readerFeatures"] = json!(readers);
        }
        self.protocol["writerFeatures"] = json!(writers);
    }

    fn set(&mut self, key: &str, value: Option<&str>) -> Outcome<()> {
        if let Some(feature) = key.strip_prefix("delta.feature.") {
            return match (feature, value) {
                ("domainMetadata", Some("supported" | "enabled")) => {
                    self.add_feature(feature, false);
                    Ok(())
                }
                _ => Err(refused(key)),
            };
        }
        let before = self.properties.get(key).and_then(Value::as_str).map(str::to_string);
        if before.as_deref() == value {
            return Ok(());
        }
        match (key, value) {
            (MAPPING, Some("name")) if before.as_deref().is_none_or(|mode| mode == "none") => {
                self.map_columns()?;
            }
            ("delta.enableDeletionVectors", Some("true")) => {
                self.add_feature("deletionVectors", true);
            }
            ("delta.enableDeletionVectors", Some("false") | None) => {}
            (key, _) if PLAIN.contains(&key) || !key.starts_with("delta.") => {}
            _ => return Err(refused(key)),
        }
        match value {
            Some(value) => self.properties.insert(key.to_string(), json!(value)),
            None => self.properties.remove(key),
        };
        Ok(())
    }

    /// Existing columns keep their names as physical ones, so that no file need be touched.
    fn map_columns(&mut self) -> Outcome<()> {
        let mut schema = self.schema()?;
        let greatest = evolve::map_columns(&mut schema);
        self.add_feature("columnMapping", true);
        self.metadata["schemaString"] = json!(schema.to_string());
        self.properties.insert(MAPPING_ID_MAX.to_string(), json!(greatest.to_string()));
        Ok(())
    }

    fn set_schema(&mut self, mut new: Value) -> Outcome<()> {
        let mode = self.properties.get(MAPPING).and_then(Value::as_str).unwrap_or("none");
        let mapped = mode != "none";
        let renamed = evolve::check(&self.schema()?, &mut new, mapped)?;
        if !renamed.is_empty() {
            self.rename(&renamed)?;
        }
        self.metadata["schemaString"] = json!(new.to_string());
        Ok(())
    }

    /// What else of the table goes by visible names.
    fn rename(&mut self, renamed: &[(Names, Names)]) -> Outcome<()> {
        if let Some(key) = self.properties.keys().find(|key| key.starts_with("delta.constraints")) {
            let message = format!("'{key}' may name the columns to rename");
            return Err(Failure::new(Code::Unsupported, message)
                .hint("Drop the constraint, rename, and add it again."));
        }
        let new_name =
            |old: &[String]| renamed.iter().find(|(from, _)| from == old).map(|(_, to)| to.clone());
        if let Some(columns) = self.metadata["partitionColumns"].as_array_mut() {
            for column in columns {
                let old = column.as_str().unwrap_or_default().to_string();
                if let Some(to) = new_name(&[old]) {
                    *column = json!(to.last());
                }
            }
        }
        let listed = self.properties.get(STATISTICS_COLUMNS).and_then(Value::as_str);
        if let Some(listed) = listed.map(str::to_string) {
            let columns = ColumnName::parse_column_name_list(&listed)?;
            let columns: Vec<String> = columns
                .into_iter()
                .map(|column| match new_name(column.path()) {
                    Some(to) => ColumnName::new(to).to_string(),
                    None => column.to_string(),
                })
                .collect();
            let columns = json!(columns.join(","));
            self.properties.insert(STATISTICS_COLUMNS.to_string(), columns);
        }
        Ok(())
    }

    /// Would the kernel read and write such a table?
    fn validate(&self, snapshot: &SnapshotRef) -> Outcome<()> {
        let bad = |error: String| Failure::new(Code::BadSpec, error);
        let metadata: Metadata =
            serde_json::from_value(self.metadata()).map_err(|error| bad(error.to_string()))?;
        let protocol: Protocol = serde_json::from_value(self.protocol.clone())
            .map_err(|error| bad(error.to_string()))?;
        let root = snapshot.table_root().clone();
        let table = TableConfiguration::try_new(metadata, protocol, root, snapshot.version() + 1)
            .map_err(|error| Failure::from(error).told_as(Code::BadSpec))?;
        table.ensure_operation_supported(Operation::Scan)?;
        table.ensure_operation_supported(Operation::Write)?;
        if table.column_mapping_mode() == ColumnMappingMode::None {
            return Ok(());
        }
        // Does the kernel find a name and an id at every column?
        table.logical_schema().make_physical(table.column_mapping_mode())?;
        Ok(())
    }
}

fn listed(features: &Value) -> BTreeSet<String> {
    let features = features.as_array().map(Vec::as_slice).unwrap_or_default();
    features.iter().filter_map(Value::as_str).map(str::to_string).collect()
}

fn refused(key: &str) -> Failure {
    let message = format!("table property '{key}' cannot be set to that, or not later");
    Failure::new(Code::Unsupported, message)
}

fn alter(table: &mut Table, wish: Wish, commit: &Commit) -> Outcome<()> {
    let snapshot = table.snapshot()?.clone();
    if snapshot.table_configuration().is_feature_supported(&TableFeature::CatalogManaged) {
        let message = "the table is managed by a catalog: change it there";
        return Err(Failure::new(Code::Unsupported, message));
    }
    let before = State::of(&snapshot)?;
    let mut after = before.clone();
    for (key, value) in &wish.set {
        after.set(key, value.as_deref())?;
    }
    if let Some(schema) = wish.schema {
        after.set_schema(schema)?;
    }
    if !commit.domains.is_empty() && !after.has_feature("domainMetadata") {
        let message = "the table does not take domains (feature domainMetadata)";
        return Err(Failure::new(Code::Unsupported, message));
    }
    let mut actions = Vec::new();
    if after.protocol != before.protocol {
        actions.push(json!({"protocol": after.protocol}));
    }
    if after.metadata() != before.metadata() {
        actions.push(json!({"metaData": after.metadata()}));
    }
    actions.extend(travelling(table, &snapshot, commit)?);
    if actions.is_empty() {
        return Ok(());
    }
    after.validate(&snapshot)?;
    actions.insert(0, info(table, &snapshot, commit)?);
    let ended = put(table, snapshot.version() + 1, &actions)?;
    settle(table, snapshot.version() + 1, commit, ended)
}

/// The transaction id and the domains.
fn travelling(table: &Table, snapshot: &SnapshotRef, commit: &Commit) -> Outcome<Vec<Value>> {
    let kernel = table.place.kernel.as_ref();
    let mut actions = Vec::new();
    if let Some((id, version)) = &commit.app {
        actions.push(json!({"txn": {"appId": id, "version": version, "lastUpdated": now_ms()}}));
    }
    for (name, json) in &commit.domains {
        let before = snapshot.get_domain_metadata(name, kernel)?;
        let (configuration, removed) = match (json, before) {
            (Some(json), _) => (json.clone(), false),
            (None, Some(before)) => (before, true),
            (None, None) => continue,
        };
        actions.push(json!({"domainMetadata":
            {"domain": name, "configuration": configuration, "removed": removed}}));
    }
    Ok(actions)
}

fn info(table: &Table, snapshot: &SnapshotRef, commit: &Commit) -> Outcome<Value> {
    let now = now_ms();
    let parameters: Map<String, Value> =
        commit.parameters.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let mut info = json!({
        "timestamp": now,
        "operation": commit.operation,
        "operationParameters": parameters,
        "isBlindAppend": false,
        "engineInfo": ENGINE_INFO,
        "txnId": commit.id,
    });
    info[COMMIT_ID] = json!(commit.id);
    if let Some(last) = snapshot.get_in_commit_timestamp(table.place.kernel.as_ref())? {
        info["inCommitTimestamp"] = json!(now.max(last + 1));
    }
    Ok(json!({ "commitInfo": info }))
}

fn put(table: &Table, version: u64, actions: &[Value]) -> Outcome<Ended> {
    let lines: String = actions.iter().map(|action| format!("{action}\n")).collect();
    let path = log::path(table, version)?;
    let options = PutOptions::from(PutMode::Create);
    let put = table.place.store.put_opts(&path, PutPayload::from(lines), options);
    Ok(match table.engine.wait(put) {
        Ok(_) => Ended::Committed(None),
        Err(object_store::Error::AlreadyExists { .. }) => Ended::Conflict,
        Err(error) => Ended::Failed(error.into()),
    })
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as i64
}

unsafe fn wish(alter: &SlAlter) -> Outcome<Wish> {
    let schema = optional_text(alter.schema_json, "the schema")?;
    let schema = schema.map(|json| {
        serde_json::from_str(&json).map_err(|error| {
            Failure::new(Code::BadSpec, format!("the schema is not valid: {error}"))
        })
    });
    Ok(Wish {
        schema: schema.transpose()?,
        set: optional_pairs(alter.set, alter.set_count, "a table property")?,
    })
}

unsafe fn commit_of(alter: &SlAlter) -> Outcome<Commit<'static>> {
    let mut commit = Commit::without_files(text(alter.operation, "the operation")?);
    let app_id = optional_text(alter.app_id, "the application id")?;
    commit.parameters = pairs(alter.parameters, alter.parameters_count, "an operation parameter")?;
    commit.app = app_id.map(|id| (id, alter.app_version));
    commit.domains = optional_pairs(alter.domains, alter.domains_count, "a domain")?;
    Ok(commit)
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_alter(
    table: *mut Table,
    what: *const SlAlter,
    error: *mut SlError,
) -> Code {
    guard(error, || {
        let table = &mut *table;
        let (wish, commit) = (wish(&*what)?, commit_of(&*what)?);
        let done = alter(table, wish, &commit);
        table.named(done)
    })
}
