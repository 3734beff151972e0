//! A table at one snapshot, and what the snapshot says.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ffi::{c_char, CStr, CString};
use std::ptr;
use std::sync::Arc;

use delta_kernel::committer::FileSystemCommitter;
use delta_kernel::schema::{Schema, SchemaRef, StructField};
use delta_kernel::snapshot::{Snapshot, SnapshotRef};
use delta_kernel::table_features::ColumnMappingMode;
use delta_kernel::transaction::create_table::create_table;
use delta_kernel::transaction::{UpdateTableOperation, WriteState};
use delta_kernel::KernelError;

use crate::border::{
    c_pointer, c_string, guard, pairs, quietly, text, Code, Failure, Outcome, SlError, SlPair,
};
use crate::engine::{located, Engine, Location, Place};
use crate::live::Live;
use crate::scan;

/// What versions say about who wrote them.
pub const ENGINE_INFO: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

const PHYSICAL_NAME: &str = "delta.columnMapping.physicalName";
const DOMAINS: &str = "delta.feature.domainMetadata";

/// What `struct sl_delta_table` is.
pub struct Table {
    pub engine: Arc<Engine>,
    pub place: Arc<Place>,
    pub location: Location,
    pub state: State,
    pub commits_since_checkpoint: i64,
    /// Of the files that the last commit through this handle took out.
    pub removed_bytes: Cell<i64>,
    live: OnceCell<Live>,
    said: Said,
}

pub enum State {
    /// Not there yet: the first commit makes it.
    Draft(Draft),
    At(SnapshotRef),
}

/// A table to be made. Its schema has all names and ids of column mapping filled in.
#[derive(Clone)]
pub struct Draft {
    pub schema: SchemaRef,
    pub properties: Vec<(String, String)>,
    pub write_state: Arc<WriteState>,
}

/// Strings and numbers handed to C, kept until the snapshot changes.
#[derive(Default)]
struct Said {
    location: CString,
    schema: OnceCell<CString>,
    properties: OnceCell<HashMap<CString, CString>>,
    properties_json: OnceCell<CString>,
    domain: Option<CString>,
    history: Option<CString>,
    changes: Option<CString>,
    totals: Option<SlTotals>,
}

/// `struct sl_delta_totals`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SlTotals {
    pub files: i64,
    pub rows: i64,
    pub bytes: i64,
}

impl Table {
    pub fn at(engine: Arc<Engine>, place: Arc<Place>, location: Location, state: State) -> Self {
        let mut table = Table {
            engine,
            place,
            location,
            state,
            commits_since_checkpoint: 0,
            removed_bytes: Cell::new(0),
            live: OnceCell::new(),
            said: Said::default(),
        };
        if let State::At(snapshot) = &table.state {
            table.commits_since_checkpoint = since_checkpoint(snapshot);
        }
        table.said.location = c_string(table.location.text.clone());
        table
    }

    pub fn open(
        engine: Arc<Engine>,
        place: Arc<Place>,
        mut location: Location,
        version: i64,
    ) -> Outcome<Self> {
        let missing = || Failure::new(Code::NotFound, "there is no Delta table");
        if !location.find()? {
            return Err(missing());
        }
        let version = u64::try_from(version).ok();
        match snapshot_at(&place, &location, version) {
            Ok(snapshot) => Ok(Table::at(engine, place, location, State::At(snapshot))),
            Err(error) => match error.without_backtrace() {
                // A gap in the log, when the newest version was asked for: there is a table.
                KernelError::MissingVersion(_) | KernelError::StartVersionNotFound { .. }
                    if version.is_none() =>
                {
                    Err(error.into())
                }
                KernelError::EmptyLog
                | KernelError::FileNotFound(_)
                | KernelError::MissingVersion(_)
                | KernelError::StartVersionNotFound { .. } => {
                    if let (Some(version), true) =
                        (version, snapshot_at(&place, &location, None).is_ok())
                    {
                        let message = format!("there is no version {version}");
                        return Err(Failure::new(Code::NotFound, message));
                    }
                    refuse_strangers(&engine, &place, &location)?;
                    Err(missing())
                }
                _ => Err(error.into()),
            },
        }
    }

    /// A table that is not there yet. Checks all that can be checked before its first commit.
    pub fn draft(
        engine: Arc<Engine>,
        place: Arc<Place>,
        mut location: Location,
        schema: &str,
        properties: Vec<(String, String)>,
    ) -> Outcome<Self> {
        let made = location.make()?;
        let draft = Table::draft_at(engine, place, location, schema, properties);
        if draft.is_err() {
            for directory in made.iter().rev() {
                let _ = std::fs::remove_dir(directory); // best effort, and only when it is empty
            }
        }
        draft
    }

    fn draft_at(
        engine: Arc<Engine>,
        place: Arc<Place>,
        location: Location,
        schema: &str,
        mut properties: Vec<(String, String)>,
    ) -> Outcome<Self> {
        refuse_strangers(&engine, &place, &location)?;
        let schema: Schema = serde_json::from_str(schema).map_err(|error| {
            Failure::new(Code::BadSpec, format!("the schema is not valid: {error}"))
        })?;
        if !properties.iter().any(|(key, _)| key == DOMAINS) {
            properties.push((DOMAINS.to_string(), "supported".to_string()));
        }
        let transaction = create_table(location.url.as_str(), Arc::new(schema), ENGINE_INFO, true)
            .with_table_properties(properties.clone())
            .build(place.kernel.as_ref(), Box::new(FileSystemCommitter::new()))
            .map_err(create_failure)?;
        let write_state = transaction.write_state().map_err(create_failure)?;
        let context = write_state.write_context_builder().build().map_err(create_failure)?;
        let draft =
            Draft { schema: context.logical_data_schema().clone(), properties, write_state };
        Ok(Table::at(engine, place, location, State::Draft(draft)))
    }

    /// Puts the table's location before a message.
    pub fn named<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|failure| failure.context(format!("table '{}'", self.location.text)))
    }

    pub fn snapshot(&self) -> Outcome<&SnapshotRef> {
        match &self.state {
            State::At(snapshot) => Ok(snapshot),
            State::Draft(_) => Err(Failure::bug("the table has no version yet")),
        }
    }

    /// The files of the snapshot; a draft has none.
    pub fn live(&self) -> Outcome<&Live> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let live = match &self.state {
            State::At(snapshot) => Live::of(&self.place, snapshot)?,
            State::Draft(_) => Live::default(),
        };
        Ok(self.live.get_or_init(|| live))
    }

    /// The newest version of the table, whatever the handle stands at.
    pub fn newest(&self) -> Outcome<SnapshotRef> {
        Ok(snapshot_at(&self.place, &self.location, None)?)
    }

    pub fn move_to(&mut self, snapshot: SnapshotRef) {
        let location = std::mem::take(&mut self.said.location);
        self.said = Said { location, ..Said::default() };
        self.live = OnceCell::new();
        self.commits_since_checkpoint = since_checkpoint(&snapshot);
        self.state = State::At(snapshot);
    }

    /// What a file for this table must look like, with `added` columns to come.
    pub fn write_state(&self, added: &[StructField]) -> Outcome<Arc<WriteState>> {
        let snapshot = match &self.state {
            State::At(snapshot) => snapshot,
            State::Draft(draft) if added.is_empty() => return Ok(draft.write_state.clone()),
            State::Draft(_) => {
                return Err(Failure::bug("columns cannot be added before the first version"))
            }
        };
        let mut builder =
            snapshot.clone().update_table(UpdateTableOperation::Write, ENGINE_INFO, true);
        for field in added {
            builder = builder.add_column(field.clone());
        }
        let transaction = builder
            .build(self.place.kernel.as_ref(), Box::new(FileSystemCommitter::new()))
            .map_err(|error| added_failure(error, added))?;
        Ok(transaction.write_state()?)
    }

    /// The columns of an add_columns_json; NULL: none.
    pub fn added_columns(&self, json: Option<String>) -> Outcome<Vec<StructField>> {
        let Some(json) = json else { return Ok(Vec::new()) };
        let fields: Vec<StructField> = serde_json::from_str(&json).map_err(|error| {
            Failure::new(Code::BadSpec, format!("the new columns are not valid: {error}"))
        })?;
        let mapped = match &self.state {
            State::At(snapshot) => {
                snapshot.table_configuration().column_mapping_mode() != ColumnMappingMode::None
            }
            State::Draft(_) => false,
        };
        // Without a name of ours the kernel would invent one for the file and another for the commit.
        if let Some(field) =
            fields.iter().find(|f| mapped && !f.metadata.contains_key(PHYSICAL_NAME))
        {
            let message =
                format!("new column '{}' needs {PHYSICAL_NAME} in its metadata", field.name());
            return Err(Failure::new(Code::BadSpec, message));
        }
        Ok(fields)
    }

    pub fn say_changes(&mut self, json: Option<String>) -> *const c_char {
        self.said.changes = json.map(c_string);
        c_pointer(&self.said.changes)
    }

    fn schema_json(&self) -> &CString {
        self.said.schema.get_or_init(|| {
            let schema = match &self.state {
                State::At(snapshot) => snapshot.schema(),
                State::Draft(draft) => draft.schema.clone(),
            };
            c_string(serde_json::to_string(schema.as_ref()).unwrap_or_default())
        })
    }

    fn properties(&self) -> &HashMap<CString, CString> {
        self.said.properties.get_or_init(|| {
            let pairs: Vec<(String, String)> = match &self.state {
                State::At(snapshot) => {
                    let mut all = snapshot.get_protocol_derived_properties();
                    all.extend(snapshot.metadata_configuration().clone());
                    all.into_iter().collect()
                }
                State::Draft(draft) => draft.properties.clone(),
            };
            pairs.into_iter().map(|(key, value)| (c_string(key), c_string(value))).collect()
        })
    }
}

pub fn snapshot_at(
    place: &Place,
    location: &Location,
    version: Option<u64>,
) -> Result<SnapshotRef, KernelError> {
    let mut builder = Snapshot::builder_for(location.url.as_str());
    if let Some(version) = version {
        builder = builder.at_version(version);
    }
    builder.build(place.kernel.as_ref())
}

/// A new version counts as a checkpoint does: version 0 needs none.
fn since_checkpoint(snapshot: &SnapshotRef) -> i64 {
    let checkpoint = snapshot.log_segment().checkpoint_version.unwrap_or(0);
    snapshot.version().saturating_sub(checkpoint) as i64
}

fn refuse_strangers(engine: &Engine, place: &Place, location: &Location) -> Outcome<()> {
    match location.stranger(engine, place)? {
        None => Ok(()),
        Some(name) => {
            let message =
                format!("a directory with other files in it ('{name}'), and no Delta table");
            Err(Failure::new(Code::Unsupported, message)
                .hint("Choose an empty location, or move what is there."))
        }
    }
}

/// What create refuses is a mistake in the properties or in the schema, unless the store failed.
pub fn create_failure(error: KernelError) -> Failure {
    match error.without_backtrace() {
        KernelError::TableAlreadyExistsAtPath(_) => {
            Failure::new(Code::Exists, "there is a table already")
        }
        _ => Failure::from(error).told_as(Code::BadSpec),
    }
}

pub fn added_failure(error: KernelError, added: &[StructField]) -> Failure {
    let failure = Failure::from(error);
    if added.is_empty() {
        return failure;
    }
    let names: Vec<String> = added.iter().map(|field| format!("'{}'", field.name())).collect();
    failure.told_as(Code::BadSpec).context(format!("new columns {}", names.join(", ")))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_open(
    engine: *const Arc<Engine>,
    location: *const c_char,
    version: i64,
    out: *mut *mut Table,
    error: *mut SlError,
) -> Code {
    *out = ptr::null_mut();
    guard(error, || {
        let (engine, place, location) = located(engine, location)?;
        let context = format!("table '{}'", location.text);
        let table =
            Table::open(engine, place, location, version).map_err(|f| f.context(context))?;
        *out = Box::into_raw(Box::new(table));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_draft(
    engine: *const Arc<Engine>,
    location: *const c_char,
    schema_json: *const c_char,
    properties: *const SlPair,
    properties_count: usize,
    out: *mut *mut Table,
    error: *mut SlError,
) -> Code {
    *out = ptr::null_mut();
    guard(error, || {
        *out = Box::into_raw(Box::new(draft(
            engine,
            location,
            schema_json,
            properties,
            properties_count,
        )?));
        Ok(())
    })
}

pub unsafe fn draft(
    engine: *const Arc<Engine>,
    location: *const c_char,
    schema_json: *const c_char,
    properties: *const SlPair,
    properties_count: usize,
) -> Outcome<Table> {
    let (engine, place, location) = located(engine, location)?;
    let context = format!("table '{}'", location.text);
    let schema = text(schema_json, "the schema")?;
    let properties = pairs(properties, properties_count, "a table property")?;
    Table::draft(engine, place, location, &schema, properties).map_err(|f| f.context(context))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_table_free(table: *mut Table) {
    if !table.is_null() {
        quietly((), || drop(Box::from_raw(table)));
    }
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_version(table: *const Table) -> i64 {
    match &(*table).state {
        State::At(snapshot) => snapshot.version() as i64,
        State::Draft(_) => -1,
    }
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_location(table: *const Table) -> *const c_char {
    (*table).said.location.as_ptr()
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_schema_json(table: *const Table) -> *const c_char {
    quietly(ptr::null(), || (*table).schema_json().as_ptr())
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_property(
    table: *const Table,
    key: *const c_char,
) -> *const c_char {
    if key.is_null() {
        return ptr::null();
    }
    quietly(ptr::null(), || {
        (*table).properties().get(CStr::from_ptr(key)).map_or(ptr::null(), |value| value.as_ptr())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_properties_json(
    table: *mut Table,
    out: *mut *const c_char,
    error: *mut SlError,
) -> Code {
    guard(error, || {
        let table = &*table;
        let json = table.said.properties_json.get_or_init(|| {
            let sorted: std::collections::BTreeMap<_, _> = table
                .properties()
                .iter()
                .map(|(key, value)| (key.to_string_lossy(), value.to_string_lossy()))
                .collect();
            c_string(serde_json::to_string(&sorted).unwrap_or_default())
        });
        *out = json.as_ptr();
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_domain(
    table: *mut Table,
    domain: *const c_char,
    json: *mut *const c_char,
    error: *mut SlError,
) -> Code {
    *json = ptr::null();
    guard(error, || {
        let table = &mut *table;
        let domain = text(domain, "the domain")?;
        let State::At(snapshot) = &table.state else { return Ok(()) };
        let found = snapshot.get_domain_metadata(&domain, table.place.kernel.as_ref());
        let found = table.named(found.map_err(Failure::from))?;
        table.said.domain = found.map(c_string);
        *json = c_pointer(&table.said.domain);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_app_version(
    table: *mut Table,
    app_id: *const c_char,
    version: *mut i64,
    error: *mut SlError,
) -> Code {
    *version = -1;
    guard(error, || {
        let table = &*table;
        let app_id = text(app_id, "the application id")?;
        let State::At(snapshot) = &table.state else { return Ok(()) };
        let found = snapshot.get_app_id_version(&app_id, table.place.kernel.as_ref());
        *version = table.named(found.map_err(Failure::from))?.unwrap_or(-1);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_totals(
    table: *mut Table,
    out: *mut SlTotals,
    error: *mut SlError,
) -> Code {
    *out = SlTotals::default();
    guard(error, || {
        let table = &mut *table;
        if table.said.totals.is_none() {
            table.said.totals = Some(table.named(scan::totals(table))?);
        }
        *out = table.said.totals.unwrap_or_default();
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_history(
    table: *mut Table,
    limit: i64,
    json: *mut *const c_char,
    error: *mut SlError,
) -> Code {
    *json = ptr::null();
    guard(error, || {
        let table = &mut *table;
        let history = table.named(crate::maintenance::history(table, limit))?;
        table.said.history = Some(c_string(history));
        *json = c_pointer(&table.said.history);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_commits_since_checkpoint(table: *const Table) -> i64 {
    (*table).commits_since_checkpoint
}
