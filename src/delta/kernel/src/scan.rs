//! Reading: streams of batches, under the names that users see, without deleted rows.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::sync::Arc;

use delta_kernel::arrow::array::{BooleanArray, RecordBatchReader};
use delta_kernel::arrow::compute::filter_record_batch;
use delta_kernel::arrow::datatypes::{Schema as ArrowSchema, SchemaRef as ArrowSchemaRef};
use delta_kernel::arrow::error::ArrowError;
use delta_kernel::arrow::ffi_stream::FFI_ArrowArrayStream;
use delta_kernel::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use delta_kernel::engine::arrow_data::EngineDataArrowExt;
use delta_kernel::scan::state::{transform_to_logical, ScanFile};
use delta_kernel::scan::Scan as KernelScan;
use delta_kernel::schema::{SchemaRef, StructType};
use delta_kernel::{Engine as _, EngineData, ExpressionRef, FileMeta, KernelResult};

use crate::border::{guard, panicked, texts, Code, Failure, Outcome, SlError};
use crate::columns;
use crate::engine::{Engine, Place};
use crate::live;
use crate::table::{SlTotals, Table};
use crate::writer::File;

pub type Batches = Box<dyn Iterator<Item = KernelResult<Box<dyn EngineData>>> + Send>;

/// A whole Parquet file, in the order of its rows.
pub fn read_file(place: &Place, file: &FileMeta, physical: &SchemaRef) -> Outcome<Batches> {
    let files = std::slice::from_ref(file);
    Ok(place.kernel.parquet_handler().read_parquet_files(files, physical.clone(), None)?)
}

/// The live files of a snapshot, each as the kernel describes it.
fn live_files(place: &Place, scan: &KernelScan) -> Outcome<Vec<ScanFile>> {
    fn collect(files: &mut Vec<ScanFile>, file: ScanFile) {
        files.push(file);
    }
    let mut files = Vec::new();
    for metadata in scan.scan_metadata(place.kernel.as_ref())? {
        files = metadata?.visit_scan_files(files, collect)?;
    }
    Ok(files)
}

pub fn totals(table: &Table) -> Outcome<SlTotals> {
    let mut totals = SlTotals::default();
    for file in &table.live()?.files {
        totals.files += 1;
        totals.bytes += file.size;
        totals.rows = match live::rows(file) {
            Some(rows) if totals.rows >= 0 => totals.rows + rows - live::dead(file)?,
            _ => -1,
        };
    }
    Ok(totals)
}

/// Which columns a reader gets, and how. Without any, only the number of rows is told.
struct Projection {
    visible: ArrowSchemaRef,
    rows_only: bool,
}

impl Projection {
    /// The columns asked for and their place in `schema`; all of them when `names` is None.
    fn new(schema: &StructType, names: Option<&[String]>) -> Outcome<(Self, Vec<usize>)> {
        let mut places: Vec<usize> = Vec::new();
        match names {
            None => places.extend(0..schema.num_fields()),
            Some(names) => {
                for name in names {
                    let Some(place) = schema.index_of(name) else {
                        let all: Vec<&str> = schema.fields().map(|f| f.name().as_str()).collect();
                        let message = format!("there is no column '{name}'");
                        return Err(Failure::new(Code::NotFound, message)
                            .hint(format!("The columns are: {}.", all.join(", "))));
                    };
                    if places.contains(&place) {
                        let message = format!("column '{name}' is asked for twice");
                        return Err(Failure::new(Code::BadSpec, message));
                    }
                    places.push(place);
                }
            }
        }
        let rows_only = places.is_empty();
        if rows_only {
            places.push(0);
        }
        let fields: Vec<_> =
            places.iter().filter_map(|place| schema.field_at_index(*place)).cloned().collect();
        let visible = columns::plain_schema(&StructType::try_new(fields)?)?;
        Ok((Projection { visible, rows_only }, places))
    }

    fn schema(&self) -> ArrowSchemaRef {
        if self.rows_only {
            return Arc::new(ArrowSchema::empty());
        }
        self.visible.clone()
    }

    fn apply(&self, batch: &RecordBatch) -> Outcome<RecordBatch> {
        if self.rows_only {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            return Ok(RecordBatch::try_new_with_options(self.schema(), Vec::new(), &options)?);
        }
        columns::rename(batch, &self.visible)
    }
}

fn projected(schema: &StructType, places: &[usize]) -> Outcome<SchemaRef> {
    let fields: Vec<_> =
        places.iter().filter_map(|place| schema.field_at_index(*place)).cloned().collect();
    Ok(Arc::new(StructType::try_new(fields)?))
}

/// What hands out batches: a table's files one after the other, or one staged file.
trait Source {
    fn next(&mut self) -> Option<Outcome<RecordBatch>>;
}

struct TableSource {
    _engine: Arc<Engine>,
    place: Arc<Place>,
    scan: KernelScan,
    files: VecDeque<ScanFile>,
    reading: Option<Reading>,
}

/// A file that is being read.
struct Reading {
    batches: Batches,
    transform: Option<ExpressionRef>,
    /// Rows of the deletion vector, ascending.
    dead: Vec<u64>,
    next_dead: usize,
    row: u64,
}

impl TableSource {
    fn open_next(&mut self) -> Outcome<bool> {
        let Some(file) = self.files.pop_front() else { return Ok(false) };
        let root = self.scan.table_root();
        let location = root.join(&file.path).map_err(|error| {
            Failure::bug(format!("path '{}' of a data file: {error}", file.path))
        })?;
        let dead = file.dv_info.get_row_indexes(self.place.kernel.as_ref(), root)?;
        let meta = FileMeta::new(location, file.modification_time, file.size.max(0) as u64);
        self.reading = Some(Reading {
            batches: read_file(&self.place, &meta, self.scan.physical_schema())?,
            transform: file.transform,
            dead: dead.unwrap_or_default(),
            next_dead: 0,
            row: 0,
        });
        Ok(true)
    }

    fn read(&mut self) -> Outcome<Option<RecordBatch>> {
        loop {
            let Some(reading) = &mut self.reading else {
                if !self.open_next()? {
                    return Ok(None);
                }
                continue;
            };
            let Some(physical) = reading.batches.next() else {
                self.reading = None;
                continue;
            };
            let logical = transform_to_logical(
                self.place.kernel.as_ref(),
                physical?,
                self.scan.physical_schema(),
                self.scan.logical_schema(),
                reading.transform.clone(),
            )?;
            return Ok(Some(reading.living(logical.try_into_record_batch()?)?));
        }
    }
}

impl Reading {
    fn living(&mut self, batch: RecordBatch) -> Outcome<RecordBatch> {
        let start = self.row;
        let end = start + batch.num_rows() as u64;
        self.row = end;
        if self.dead.get(self.next_dead).is_none_or(|row| *row >= end) {
            return Ok(batch);
        }
        let mut keep = vec![true; batch.num_rows()];
        while let Some(row) = self.dead.get(self.next_dead).filter(|row| **row < end) {
            keep[(row - start) as usize] = false;
            self.next_dead += 1;
        }
        Ok(filter_record_batch(&batch, &BooleanArray::from(keep))?)
    }
}

impl Source for TableSource {
    fn next(&mut self) -> Option<Outcome<RecordBatch>> {
        self.read().transpose()
    }
}

struct FileSource {
    _engine: Arc<Engine>,
    batches: Batches,
}

impl Source for FileSource {
    fn next(&mut self) -> Option<Outcome<RecordBatch>> {
        let batch = self.batches.next()?;
        Some(batch.try_into_record_batch().map_err(Failure::from))
    }
}

/// The stream that C gets.
struct Stream {
    source: Box<dyn Source + Send>,
    projection: Projection,
    rows_left: Option<usize>,
    over: bool,
    context: String,
}

impl Stream {
    fn read(&mut self) -> Outcome<Option<RecordBatch>> {
        while self.rows_left != Some(0) {
            let Some(batch) = self.source.next() else { break };
            let mut batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            if let Some(left) = &mut self.rows_left {
                batch = batch.slice(0, batch.num_rows().min(*left));
                *left -= batch.num_rows();
            }
            return Ok(Some(self.projection.apply(&batch)?));
        }
        Ok(None)
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        // Called from C: no panic may leave.
        let read = catch_unwind(AssertUnwindSafe(|| self.read()));
        let failure = match read {
            Ok(Ok(Some(batch))) => return Some(Ok(batch)),
            Ok(Ok(None)) => {
                self.over = true;
                return None;
            }
            Ok(Err(failure)) => failure,
            Err(panic) => panicked(panic.as_ref()),
        };
        self.over = true;
        Some(Err(ArrowError::ExternalError(failure.context(&self.context).message.into())))
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> ArrowSchemaRef {
        self.projection.schema()
    }
}

fn scan_table(table: &Table, names: Option<&[String]>, limit: i64) -> Outcome<Stream> {
    let snapshot = table.snapshot()?;
    let (projection, places) = Projection::new(&snapshot.schema(), names)?;
    let schema = projected(&snapshot.schema(), &places)?;
    let scan = snapshot.clone().scan_builder().with_schema(schema).build()?;
    let files = live_files(&table.place, &scan)?.into();
    let source = TableSource {
        _engine: table.engine.clone(),
        place: table.place.clone(),
        scan,
        files,
        reading: None,
    };
    Ok(stream(table, Box::new(source), projection, limit))
}

fn scan_file(table: &Table, file: &File, names: &[String]) -> Outcome<Stream> {
    let context = &file.context;
    let (projection, places) = Projection::new(context.logical_data_schema(), Some(names))?;
    let physical = projected(context.physical_data_schema(), &places)?;
    let source = FileSource {
        _engine: table.engine.clone(),
        batches: read_file(&table.place, &file.meta, &physical)?,
    };
    Ok(stream(table, Box::new(source), projection, -1))
}

fn stream(
    table: &Table,
    source: Box<dyn Source + Send>,
    projection: Projection,
    limit: i64,
) -> Stream {
    Stream {
        source,
        projection,
        rows_left: usize::try_from(limit).ok(),
        over: false,
        context: format!("table '{}'", table.location.text),
    }
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_scan(
    table: *mut Table,
    columns: *const *const c_char,
    count: usize,
    limit: i64,
    out: *mut FFI_ArrowArrayStream,
    error: *mut SlError,
) -> Code {
    ptr::write(out, FFI_ArrowArrayStream::empty());
    guard(error, || {
        let table = &*table;
        let names = texts(columns, count, "a column")?;
        let names = if columns.is_null() { None } else { Some(names.as_slice()) };
        let stream = table.named(scan_table(table, names, limit))?;
        ptr::write(out, FFI_ArrowArrayStream::new(Box::new(stream)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_file_scan(
    table: *mut Table,
    file: *const File,
    columns: *const *const c_char,
    count: usize,
    out: *mut FFI_ArrowArrayStream,
    error: *mut SlError,
) -> Code {
    ptr::write(out, FFI_ArrowArrayStream::empty());
    guard(error, || {
        let table = &*table;
        let names = texts(columns, count, "a column")?;
        let stream = table.named(scan_file(table, &*file, &names))?;
        ptr::write(out, FFI_ArrowArrayStream::new(Box::new(stream)));
        Ok(())
    })
}
