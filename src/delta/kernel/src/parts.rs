//! Reading parts: some columns of some rows of some files, with or without saying which.

use std::collections::{HashMap, VecDeque};
use std::ffi::c_char;
use std::ptr;
use std::sync::Arc;

use delta_kernel::arrow::array::{new_null_array, Array, ArrayRef, Int64Array, StringArray};
use delta_kernel::arrow::compute::cast;
use delta_kernel::arrow::datatypes::{
    DataType, Field, Schema as ArrowSchema, SchemaRef as ArrowSchemaRef,
};
use delta_kernel::arrow::ffi_stream::FFI_ArrowArrayStream;
use delta_kernel::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use delta_kernel::object_store;
use delta_kernel::object_store::ObjectStoreExt;
use delta_kernel::scan::state::{DvInfo, ScanFile};
use delta_kernel::schema::{SchemaRef, StructType};
use delta_kernel::table_features::ColumnMappingMode;
use delta_kernel::transaction::BoundWriteContext;
use delta_kernel::FileMeta;
use url::Url;

use crate::border::{guard, optional_text, slice, text, texts, Code, Failure, Outcome, SlError};
use crate::columns;
use crate::engine::{path_of, Engine, Place};
use crate::pages::{Pages, Rows};
use crate::scan::{Source, Stream};
use crate::table::{State, Table};
use crate::writer::{File, ASIDE};

/// `struct sl_delta_part` of delta.h.
#[repr(C)]
pub struct SlPart {
    live: usize,
    staged: *const File,
    aside: *const c_char,
    rows: *const i64,
    count: usize,
    except: bool,
}

/// Where a column of a reader comes from.
enum Origin {
    /// A column of the files, by its place in the physical schema.
    File(usize),
    /// The log: what the file's partition has, under this physical name.
    Partition(String),
}

/// The columns that a reader gets.
pub struct Columns {
    pub visible: ArrowSchemaRef,
    physical: SchemaRef,
    origins: Vec<Origin>,
}

impl Columns {
    /// `names` None: all columns of `schema`.
    pub fn new(
        schema: &StructType,
        mode: ColumnMappingMode,
        partitions: &[String],
        names: Option<&[String]>,
    ) -> Outcome<Self> {
        let wanted = wanted(schema, names)?;
        let visible = columns::plain_schema(&wanted)?;
        let mut origins = Vec::new();
        let mut physical = Vec::new();
        for field in wanted.make_physical(mode)?.fields().zip(wanted.fields()) {
            let (mut of_file, field) = (field.0.clone(), field.1);
            if partitions.contains(field.name()) {
                origins.push(Origin::Partition(of_file.name().clone()));
                continue;
            }
            origins.push(Origin::File(physical.len()));
            of_file.nullable = true; // a file may be older than the column
            physical.push(of_file);
        }
        Ok(Columns { visible, physical: Arc::new(StructType::try_new(physical)?), origins })
    }

    /// The columns of a table, `added` ones included.
    pub fn of(table: &Table, names: Option<&[String]>, added: Option<String>) -> Outcome<Self> {
        let added = table.added_columns(added)?;
        match &table.state {
            State::At(snapshot) if added.is_empty() => {
                let configuration = snapshot.table_configuration();
                let mode = configuration.column_mapping_mode();
                let partitions = configuration.logical_partition_columns();
                Columns::new(&snapshot.schema(), mode, partitions, names)
            }
            // Only a transaction gives new columns their ids.
            _ => {
                let context = table.write_state(&added)?.write_context_builder().build()?;
                Columns::in_context(&context, names)
            }
        }
    }

    /// The columns of files that were written in this context.
    pub fn in_context(context: &BoundWriteContext, names: Option<&[String]>) -> Outcome<Self> {
        let mode = context.column_mapping_mode();
        Columns::new(context.logical_data_schema(), mode, &[], names)
    }

    /// A batch of a file under the visible names.
    fn visible(&self, batch: &RecordBatch, partition: &Partition) -> Outcome<RecordBatch> {
        let rows = batch.num_rows();
        let columns = self
            .origins
            .iter()
            .zip(self.visible.fields())
            .map(|(origin, field)| match origin {
                Origin::File(place) => {
                    columns::rename_array(batch.column(*place), field.data_type())
                }
                Origin::Partition(name) => constant(partition.get(name), field, rows),
            })
            .collect::<Outcome<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.visible.clone(), columns, &options)?)
    }
}

fn wanted(schema: &StructType, names: Option<&[String]>) -> Outcome<StructType> {
    let Some(names) = names else { return Ok(schema.clone()) };
    let mut fields = Vec::with_capacity(names.len());
    for name in names {
        let Some(field) = schema.field(name) else {
            let all: Vec<&str> = schema.fields().map(|field| field.name().as_str()).collect();
            let message = format!("there is no column '{name}'");
            return Err(Failure::new(Code::NotFound, message)
                .hint(format!("The columns are: {}.", all.join(", "))));
        };
        if fields.contains(field) {
            let message = format!("column '{name}' is asked for twice");
            return Err(Failure::new(Code::BadSpec, message));
        }
        fields.push(field.clone());
    }
    Ok(StructType::try_new(fields)?)
}

type Partition = HashMap<String, String>;

/// The log has the values of a partition as text; an empty one is NULL.
fn constant(value: Option<&String>, field: &Field, rows: usize) -> Outcome<ArrayRef> {
    match value.filter(|value| !value.is_empty()) {
        None => Ok(new_null_array(field.data_type(), rows)),
        Some(value) => {
            let text = StringArray::from_iter_values(std::iter::repeat_n(value, rows));
            Ok(cast(&text, field.data_type())?)
        }
    }
}

/// Some rows of one file.
pub struct Part {
    file: FileMeta,
    rows: Rows,
    deletions: DvInfo,
    partition: Partition,
}

impl Part {
    pub fn live(root: &Url, file: &ScanFile, rows: Rows) -> Outcome<Self> {
        let location = root.join(&file.path).map_err(|error| {
            Failure::bug(format!("path '{}' of a data file: {error}", file.path))
        })?;
        Ok(Part {
            file: FileMeta::new(location, file.modification_time, file.size.max(0) as u64),
            rows,
            deletions: file.dv_info.clone(),
            partition: file.partition_values.clone(),
        })
    }

    pub fn staged(file: &File, rows: Rows) -> Self {
        let (deletions, partition) = Default::default();
        Part { file: file.meta.clone(), rows, deletions, partition }
    }

    fn aside(table: &Table, path: &str, rows: Rows) -> Outcome<Self> {
        let location = aside_location(table, path)?;
        let path = path_of(&location)?;
        let found = match table.engine.wait(table.place.store.head(&path)) {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => {
                let message = format!("the file '{path}' beside the table is not there any more");
                return Err(Failure::new(Code::NotFound, message));
            }
            Err(error) => return Err(error.into()),
        };
        let (deletions, partition) = Default::default();
        Ok(Part { file: FileMeta::new(location, 0, found.size), rows, deletions, partition })
    }

    unsafe fn new(table: &Table, part: &SlPart) -> Outcome<Self> {
        let rows = (!part.rows.is_null()).then(|| slice(part.rows, part.count));
        let rows = Rows::new(rows, part.except)?;
        if !part.staged.is_null() {
            return Ok(Part::staged(&*part.staged, rows));
        }
        if !part.aside.is_null() {
            return Part::aside(table, &text(part.aside, "the path of a file")?, rows);
        }
        Part::live(&table.location.url, table.live()?.file(part.live)?, rows)
    }
}

/// Only what we put beside the table is read and removed there.
fn aside_location(table: &Table, path: &str) -> Outcome<Url> {
    path.strip_prefix(ASIDE)
        .filter(|name| crate::engine::is_our_file(name))
        .and_then(|_| table.location.url.join(path).ok())
        .ok_or_else(|| Failure::bug(format!("'{path}' is no file beside the table")))
}

/// Hands out the parts, one after the other.
pub struct Parts {
    engine: Arc<Engine>,
    place: Arc<Place>,
    root: Url,
    columns: Columns,
    /// Are "part" and "row" told?
    numbered: Option<ArrowSchemaRef>,
    left: VecDeque<Part>,
    part: i64,
    reading: Option<(Pages, Partition)>,
}

impl Parts {
    pub fn new(table: &Table, columns: Columns, parts: Vec<Part>, numbered: bool) -> Self {
        let numbered = numbered.then(|| {
            let fields = ["part", "row"]
                .map(|name| Arc::new(Field::new(name, DataType::Int64, false)))
                .into_iter()
                .chain(columns.visible.fields().iter().cloned());
            Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()))
        });
        Parts {
            engine: table.engine.clone(),
            place: table.place.clone(),
            root: table.location.url.clone(),
            columns,
            numbered,
            left: parts.into(),
            part: -1,
            reading: None,
        }
    }

    fn open_next(&mut self) -> Outcome<bool> {
        let Some(part) = self.left.pop_front() else { return Ok(false) };
        let dead = part.deletions.get_row_indexes(self.place.kernel.as_ref(), &self.root)?;
        let dead = dead.unwrap_or_default();
        let pages = Pages::open(&self.place, &part.file, &self.columns.physical, &part.rows, &dead);
        self.reading = Some((self.engine.wait(pages)?, part.partition));
        self.part += 1;
        Ok(true)
    }

    fn number(&self, batch: RecordBatch, rows: ArrayRef) -> Outcome<RecordBatch> {
        let Some(schema) = &self.numbered else { return Ok(batch) };
        let part: ArrayRef = Arc::new(Int64Array::from_value(self.part, rows.len()));
        let columns = [part, rows].into_iter().chain(batch.columns().iter().cloned());
        Ok(RecordBatch::try_new(schema.clone(), columns.collect())?)
    }
}

impl Source for Parts {
    fn schema(&self) -> ArrowSchemaRef {
        self.numbered.as_ref().unwrap_or(&self.columns.visible).clone()
    }

    fn next(&mut self) -> Outcome<Option<RecordBatch>> {
        loop {
            let Some((pages, partition)) = &mut self.reading else {
                if !self.open_next()? {
                    return Ok(None);
                }
                continue;
            };
            let Some((batch, rows)) = pages.next(&self.engine)? else {
                self.reading = None;
                continue;
            };
            let batch = self.columns.visible(&batch, partition)?;
            return self.number(batch, rows).map(Some);
        }
    }
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_read(
    table: *mut Table,
    parts: *const SlPart,
    part_count: usize,
    columns: *const *const c_char,
    count: usize,
    add_columns_json: *const c_char,
    out: *mut FFI_ArrowArrayStream,
    error: *mut SlError,
) -> Code {
    ptr::write(out, FFI_ArrowArrayStream::empty());
    guard(error, || {
        let table = &*table;
        let names = texts(columns, count, "a column")?;
        let names = if columns.is_null() { None } else { Some(names.as_slice()) };
        let added = optional_text(add_columns_json, "the new columns")?;
        let columns = table.named(Columns::of(table, names, added))?;
        let parts = slice(parts, part_count).iter().map(|part| Part::new(table, part));
        let parts = table.named(parts.collect::<Outcome<Vec<_>>>())?;
        let stream = Stream::new(table, Box::new(Parts::new(table, columns, parts, true)), -1);
        ptr::write(out, FFI_ArrowArrayStream::new(Box::new(stream)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_aside_remove(table: *mut Table, path: *const c_char) {
    crate::border::quietly((), || {
        let table = &*table;
        let path = text(path, "the path of a file").and_then(|path| aside_location(table, &path));
        if let Ok(path) = path.and_then(|location| path_of(&location)) {
            let _ = table.engine.wait(table.place.store.delete(&path));
        }
    })
}
