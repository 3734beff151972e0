//! Files, transaction id and cursor become one version, or nothing does.

use std::cell::Cell;
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use delta_kernel::arrow::array::StringArray;
use delta_kernel::arrow::datatypes::{DataType as ArrowType, Field, Schema as ArrowSchema};
use delta_kernel::arrow::record_batch::RecordBatch;
use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::object_store::ObjectStoreExt;
use delta_kernel::schema::{DataType, Schema, StructField};
use delta_kernel::snapshot::SnapshotRef;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::UpdateTableOperation;
use url::Url;

use crate::border::{
    guard, optional_pairs, optional_text, pairs, slice, text, Code, Failure, Outcome, SlError,
    SlPair,
};
use crate::engine::{path_of, Engine};
use crate::settle::{settle, Ended, COMMIT_ID};
use crate::table::{added_failure, create_failure, draft, Draft, State, Table, ENGINE_INFO};
use crate::vectors::{self, Gone};
use crate::writer::File;

/// `struct sl_delta_commit` of delta.h; abi.c compares the layout.
#[repr(C)]
pub struct SlCommit {
    operation: *const c_char,
    parameters: *const SlPair,
    parameters_count: usize,
    metrics: *const SlPair,
    metrics_count: usize,
    app_id: *const c_char,
    app_version: i64,
    domains: *const SlPair,
    domains_count: usize,
    add: *const *const File,
    add_count: usize,
    gone: *const SlGone,
    gone_count: usize,
    remove_all: bool,
    data_change: bool,
    add_columns_json: *const c_char,
}

/// `struct sl_delta_gone` of delta.h.
#[repr(C)]
struct SlGone {
    file: usize,
    rows: *const i64,
    count: usize,
}

/// The same for Rust.
pub struct Commit<'a> {
    pub id: String,
    pub operation: String,
    pub parameters: Vec<(String, String)>,
    metrics: Vec<(String, String)>,
    pub app: Option<(String, i64)>,
    pub domains: Vec<(String, Option<String>)>,
    files: Vec<&'a File>,
    gone: Vec<Gone<'a>>,
    remove_all: bool,
    data_change: bool,
    added: Vec<StructField>,
    /// Where the deletion vectors of this commit are, once they are written.
    vectors: Cell<Option<Url>>,
}

impl<'a> Commit<'a> {
    unsafe fn new(commit: &'a SlCommit, table: &Table) -> Outcome<Self> {
        let app_id = optional_text(commit.app_id, "the application id")?;
        let added = optional_text(commit.add_columns_json, "the new columns")?;
        let files: Vec<&File> =
            slice(commit.add, commit.add_count).iter().map(|file| &**file).collect();
        for file in &files {
            if file.context.table_root_dir() != &table.location.url {
                return Err(Failure::bug("a staged file belongs to another table"));
            }
            if file.aside {
                return Err(Failure::bug("a file beside the table cannot be added to it"));
            }
        }
        let gone: Vec<Gone> = slice(commit.gone, commit.gone_count)
            .iter()
            .map(|gone| Gone {
                file: gone.file,
                rows: (!gone.rows.is_null()).then(|| slice(gone.rows, gone.count)),
            })
            .collect();
        if commit.remove_all && !gone.is_empty() {
            return Err(Failure::bug("a commit that takes out all files, and some of them"));
        }
        Ok(Commit {
            id: uuid::Uuid::new_v4().to_string(),
            operation: text(commit.operation, "the operation")?,
            parameters: pairs(
                commit.parameters,
                commit.parameters_count,
                "an operation parameter",
            )?,
            metrics: pairs(commit.metrics, commit.metrics_count, "an operation metric")?,
            app: app_id.map(|id| (id, commit.app_version)),
            domains: optional_pairs(commit.domains, commit.domains_count, "a domain")?,
            files,
            gone,
            remove_all: commit.remove_all,
            data_change: commit.data_change,
            added: table.added_columns(added)?,
            vectors: Cell::new(None),
        })
    }

    /// Some files in the place of others, with the same rows.
    pub fn of_files(
        operation: &str,
        metrics: Vec<(String, String)>,
        files: Vec<&'a File>,
        gone: Vec<usize>,
    ) -> Self {
        let gone = gone.into_iter().map(|file| Gone { file, rows: None }).collect();
        Commit { metrics, files, gone, ..Commit::without_files(operation.to_string()) }
    }

    pub fn without_files(operation: String) -> Self {
        Commit {
            id: uuid::Uuid::new_v4().to_string(),
            operation,
            parameters: Vec::new(),
            metrics: Vec::new(),
            app: None,
            domains: Vec::new(),
            files: Vec::new(),
            gone: Vec::new(),
            remove_all: false,
            data_change: false,
            added: Vec::new(),
            vectors: Cell::new(None),
        }
    }

    fn parameters(&self) -> impl Iterator<Item = (String, Option<String>)> + '_ {
        self.parameters.iter().map(|(key, value)| (key.clone(), Some(value.clone())))
    }

    fn metrics(&self) -> impl Iterator<Item = (String, Option<String>)> + '_ {
        self.metrics.iter().map(|(key, value)| (key.clone(), Some(value.clone())))
    }

    /// The fields that we add to commitInfo.
    fn info(&self) -> Outcome<(Box<ArrowEngineData>, Arc<Schema>)> {
        let batch = RecordBatch::try_new(
            Arc::new(ArrowSchema::new(vec![Field::new(COMMIT_ID, ArrowType::Utf8, true)])),
            vec![Arc::new(StringArray::from(vec![self.id.as_str()]))],
        )?;
        let schema = Schema::try_new([StructField::nullable(COMMIT_ID, DataType::STRING)])?;
        Ok((Box::new(ArrowEngineData::new(batch)), Arc::new(schema)))
    }

    /// From here on nobody may delete the files, until it is known that no version names them.
    fn name_files(&self, named: bool) {
        for file in &self.files {
            file.named.set(named);
        }
    }

    /// It is known that no version names what was written for this commit.
    pub fn drop_files(&self, table: &Table) {
        self.name_files(false);
        if let Some(path) = self.vectors.take().and_then(|location| path_of(&location).ok()) {
            // Best effort: an unnamed file is harmless, and vacuum finds it.
            let _ = table.engine.wait(table.place.store.delete(&path));
        }
    }

    fn operation(&self) -> UpdateTableOperation {
        use UpdateTableOperation::*;
        for known in [Write, StreamingUpdate, AlterTable, Delete, Update, Merge, Optimize] {
            if known.as_str() == self.operation {
                return known;
            }
        }
        Custom(self.operation.clone())
    }
}

pub fn commit(table: &mut Table, commit: &Commit) -> Outcome<()> {
    let version = match &table.state {
        State::At(snapshot) => snapshot.version() + 1,
        State::Draft(_) => 0,
    };
    let ended = match &table.state {
        State::At(snapshot) => update(table, snapshot.clone(), commit),
        State::Draft(draft) => create(table, draft, commit),
    };
    // An error so far: no commit was sent.
    let ended = ended.inspect_err(|_| commit.drop_files(table))?;
    settle(table, version, commit, ended)
}

fn update(table: &Table, snapshot: SnapshotRef, commit: &Commit) -> Outcome<Ended> {
    let kernel = table.place.kernel.as_ref();
    let (info, info_schema) = commit.info()?;
    let mut builder = snapshot
        .clone()
        .update_table(commit.operation(), ENGINE_INFO, commit.data_change)
        .with_operation_parameters(commit.parameters())
        .with_operation_metrics(commit.metrics())
        .with_commit_info(info, info_schema);
    if let Some((id, version)) = &commit.app {
        builder = builder.with_transaction_id(id.clone(), *version);
    }
    for (name, json) in &commit.domains {
        builder = match json {
            Some(json) => builder.with_domain_metadata(name.clone(), json.clone()),
            None => builder.with_domain_metadata_removed(name.clone()),
        };
    }
    for field in &commit.added {
        builder = builder.add_column(field.clone());
    }
    let mut transaction = builder
        .build(kernel, Box::new(FileSystemCommitter::new()))
        .map_err(|error| added_failure(error, &commit.added))?;
    if commit.remove_all {
        for actions in table.live()?.actions_of_all() {
            transaction.remove_files(actions?);
        }
    }
    commit.vectors.set(vectors::take_out(table, &mut transaction, &commit.gone)?);
    table.removed_bytes.set(removed_bytes(table, commit)?);
    for file in &commit.files {
        transaction.add_files(file.add_action()?);
    }
    commit.name_files(true);
    Ok(Ended::of(transaction.commit(kernel), Failure::from))
}

/// Of the live files that a commit takes out as a whole.
fn removed_bytes(table: &Table, commit: &Commit) -> Outcome<i64> {
    if !commit.remove_all && commit.gone.is_empty() {
        return Ok(0);
    }
    let files = &table.live()?.files;
    if commit.remove_all {
        return Ok(files.iter().map(|file| file.size).sum());
    }
    let whole = commit.gone.iter().filter(|gone| gone.rows.is_none());
    Ok(whole.filter_map(|gone| files.get(gone.file)).map(|file| file.size).sum())
}

fn create(table: &Table, draft: &Draft, commit: &Commit) -> Outcome<Ended> {
    let kernel = table.place.kernel.as_ref();
    if !commit.added.is_empty() {
        return Err(Failure::bug("columns cannot be added before the first version"));
    }
    if !commit.gone.is_empty() {
        return Err(Failure::bug("nothing can go from a table without a version"));
    }
    let (info, info_schema) = commit.info()?;
    let mut builder = create_table(
        table.location.url.as_str(),
        draft.schema.clone(),
        ENGINE_INFO,
        commit.data_change,
    )
    .with_table_properties(draft.properties.clone())
    .with_operation_parameters(commit.parameters())
    .with_operation_metrics(commit.metrics())
    .with_commit_info(info, info_schema);
    if let Some((id, version)) = &commit.app {
        builder = builder.with_transaction_id(id.clone(), *version);
    }
    for (name, json) in &commit.domains {
        if let Some(json) = json {
            builder = builder.with_domain_metadata(name.clone(), json.clone());
        }
    }
    let mut transaction =
        builder.build(kernel, Box::new(FileSystemCommitter::new())).map_err(create_failure)?;
    for file in &commit.files {
        transaction.add_files(file.add_action()?);
    }
    commit.name_files(true);
    Ok(Ended::of(transaction.commit(kernel), create_failure))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_commit(
    table: *mut Table,
    what: *const SlCommit,
    error: *mut SlError,
) -> Code {
    guard(error, || {
        let table = &mut *table;
        let done = Commit::new(&*what, table).and_then(|what| commit(table, &what));
        table.named(done)
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_create(
    engine: *const Arc<Engine>,
    location: *const c_char,
    schema_json: *const c_char,
    properties: *const SlPair,
    properties_count: usize,
    what: *const SlCommit,
    out: *mut *mut Table,
    error: *mut SlError,
) -> Code {
    *out = ptr::null_mut();
    guard(error, || {
        let mut table = draft(engine, location, schema_json, properties, properties_count)?;
        let done = Commit::new(&*what, &table).and_then(|what| commit(&mut table, &what));
        table.named(done)?;
        *out = Box::into_raw(Box::new(table));
        Ok(())
    })
}
