//! Columns become Parquet files that no version names yet.

use std::cell::Cell;
use std::ffi::{c_char, c_int, CString};
use std::io::{self, Write};
use std::mem;
use std::ptr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use delta_kernel::arrow::array::{Array, StructArray};
use delta_kernel::arrow::datatypes::{DataType, Schema};
use delta_kernel::arrow::ffi::{from_ffi_and_data_type, FFI_ArrowArray, FFI_ArrowSchema};
use delta_kernel::arrow::record_batch::RecordBatch;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::engine::arrow_data::{ArrowEngineData, EngineDataArrowExt};
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{ObjectStoreExt, PutPayload, WriteMultipart};
use delta_kernel::parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use delta_kernel::parquet::arrow::ArrowSchemaConverter;
use delta_kernel::parquet::basic::{Compression, Type as PhysicalType, ZstdLevel};
use delta_kernel::parquet::errors::ParquetError;
use delta_kernel::parquet::file::properties::{EnabledStatistics, WriterProperties};
use delta_kernel::parquet::schema::types::SchemaDescriptor;
use delta_kernel::schema::StructField;
use delta_kernel::transaction::BoundWriteContext;
use delta_kernel::{Engine as _, EngineData, ExpressionEvaluator, FileMeta};
use delta_kernel_default_engine::build_add_file_metadata;
use delta_kernel_default_engine::parquet::DataFileMetadata;
use url::Url;

use crate::border::{
    c_string, guard, optional_text, quietly, slice, Code, Failure, Outcome, SlError,
};
use crate::columns;
use crate::encoding;
use crate::engine::{path_of, Engine, Place};
use crate::pages::{Pages, Rows};
use crate::stats::Stats;
use crate::table::Table;

/// Files beside the table. Delta and its readers pass over what begins with '_'.
pub const ASIDE: &str = "_sluice/";

const COMPRESSION_LEVEL: c_int = 1;
const ROW_GROUP_BYTES_MAX: usize = 32 << 20;
const ROW_GROUP_ROWS_MAX: i64 = 1 << 20;

/// A page or a dictionary of one column: at most so much, and less in wide tables, where there is
/// one of each for every column.
const PAGE_BYTES_MAX: usize = 1 << 20;
const PAGE_BYTES_MIN: usize = 32 << 10;

/// What zstd holds for each column, which Parquet does not count.
const CODEC_BYTES: usize = 320 << 10;

/// What is kept back before an upload starts. A part of an S3 upload has at least 5 MiB.
const UPLOAD_BYTES_LOCAL: usize = 1 << 20;
const UPLOAD_BYTES: usize = 8 << 20;
const UPLOADS_AT_ONCE: usize = 2;

/// `struct sl_delta_writer_options`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SlWriterOptions {
    compression_level: c_int,
    row_group_bytes_max: usize,
    rows_max: i64,
    aside: bool,
}

/// What `struct sl_delta_file` is: all that a commit needs to name the file.
pub struct File {
    engine: Arc<Engine>,
    pub place: Arc<Place>,
    pub context: Arc<BoundWriteContext>,
    pub meta: FileMeta,
    pub rows: i64,
    stats: StructArray,
    path: CString,
    /// It lies beside the table, and no version may name it.
    pub aside: bool,
    /// A version names the file, or nobody knows: it must not be deleted.
    pub named: Cell<bool>,
}

impl File {
    /// The row of an add action.
    pub fn add_action(&self) -> Outcome<Box<dyn EngineData>> {
        let metadata = DataFileMetadata::new(self.meta.clone(), self.stats.clone());
        Ok(build_add_file_metadata(metadata, &self.context)?)
    }

    pub fn discard(&self) {
        if self.named.get() {
            return;
        }
        if let Ok(path) = path_of(&self.meta.location) {
            // Best effort: an unnamed file is harmless, and vacuum finds it.
            let _ = self.engine.wait(self.place.store.delete(&path));
        }
    }
}

/// A Parquet file on its way into a store.
pub struct Output {
    engine: Arc<Engine>,
    place: Arc<Place>,
    context: Arc<BoundWriteContext>,
    location: Url,
    options: SlWriterOptions,
    leaves: SchemaDescriptor,
    parquet: ArrowWriter<Sink>,
    stats: Stats,
    rows: i64,
    /// A write failed: the file can only be dropped.
    broken: bool,
}

impl Output {
    pub fn open(
        engine: &Arc<Engine>,
        place: &Arc<Place>,
        context: &Arc<BoundWriteContext>,
        options: SlWriterOptions,
        like: &RecordBatch,
    ) -> Outcome<Self> {
        let name = format!("part-{}.parquet", uuid::Uuid::new_v4());
        let location = match options.aside {
            true => context.table_root_dir().join(&format!("{ASIDE}{name}")),
            false => context.write_dir().join(&name),
        };
        let location =
            location.map_err(|error| Failure::bug(format!("name of a data file: {error}")))?;
        let leaves = ArrowSchemaConverter::new().convert(like.schema_ref())?;
        let sink = Sink::new(engine, place, path_of(&location)?);
        let parquet = parquet_writer(sink, like.schema(), properties(options, &leaves, &[])?)?;
        let stats =
            Stats::new(context.stats_columns(), context.physical_data_schema(), &like.slice(0, 0))?;
        Ok(Output {
            engine: engine.clone(),
            place: place.clone(),
            context: context.clone(),
            location,
            options,
            leaves,
            parquet,
            stats,
            rows: 0,
            broken: false,
        })
    }

    /// What a file's columns are like shows in its first rows. Parquet takes its properties only
    /// when a file begins, so it begins again: nothing has left the sink yet.
    fn suit(&mut self, first: &RecordBatch) -> Outcome<()> {
        let plain = encoding::plain_leaves(first);
        let sink = Sink::new(&self.engine, &self.place, path_of(&self.location)?);
        let properties = properties(self.options, &self.leaves, &plain)?;
        self.parquet = parquet_writer(sink, first.schema(), properties)?;
        Ok(())
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Outcome<()> {
        if self.broken {
            return Err(Failure::bug("a write to this file has failed before"));
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.broken = true;
        if self.rows == 0 {
            self.suit(batch)?;
        }
        self.stats.merge(batch)?;
        self.parquet.write(batch).map_err(|error| self.explain(error))?;
        self.rows += batch.num_rows() as i64;
        if self.parquet.memory_size() > row_group_bytes(self.options) {
            self.parquet.flush().map_err(|error| self.explain(error))?;
        }
        self.broken = false;
        Ok(())
    }

    fn flush(&mut self) -> Outcome<()> {
        if self.broken {
            return Err(Failure::bug("a write to this file has failed before"));
        }
        self.broken = true;
        self.parquet.flush().map_err(|error| self.explain(error))?;
        self.broken = false;
        Ok(())
    }

    /// Parquet tells that its sink failed; the sink knows why.
    fn explain(&mut self, error: ParquetError) -> Failure {
        self.parquet.inner_mut().failure.take().unwrap_or_else(|| Failure::from(error))
    }

    pub fn close(mut self) -> Outcome<File> {
        if self.broken {
            self.abort();
            return Err(Failure::bug("a write to this file has failed before"));
        }
        if let Err(error) = self.parquet.finish() {
            let failure = self.explain(error);
            self.abort();
            return Err(failure);
        }
        self.parquet.inner_mut().finish()?;
        self.into_file()
    }

    fn into_file(self) -> Outcome<File> {
        let stats = self.stats.finish()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let meta = FileMeta::new(self.location, now.as_millis() as i64, self.parquet.inner().size);
        let path = self.context.resolve_file_path(&meta.location)?;
        Ok(File {
            engine: self.engine,
            place: self.place,
            context: self.context,
            meta,
            rows: self.rows,
            stats,
            path: c_string(path),
            aside: self.options.aside,
            named: Cell::new(false),
        })
    }

    pub fn abort(&mut self) {
        self.parquet.inner_mut().abort();
    }

    /// Of file, so far: about.
    pub fn bytes(&self) -> i64 {
        (self.parquet.bytes_written() + self.parquet.in_progress_size()) as i64
    }

    fn memory(&self) -> usize {
        self.parquet.memory_size()
            + self.parquet.inner().part_bytes
            + self.leaves.num_columns() * CODEC_BYTES
    }
}

/// Where Parquet's bytes go. They are sent on in parts, so that a row group is never held twice; a
/// file smaller than a part is put in one request.
struct Sink {
    engine: Arc<Engine>,
    place: Arc<Place>,
    path: Path,
    part_bytes: usize,
    part: Vec<u8>,
    upload: Option<WriteMultipart>,
    size: u64,
    failure: Option<Failure>,
}

impl Sink {
    fn new(engine: &Arc<Engine>, place: &Arc<Place>, path: Path) -> Self {
        Sink {
            engine: engine.clone(),
            place: place.clone(),
            path,
            part_bytes: if place.local { UPLOAD_BYTES_LOCAL } else { UPLOAD_BYTES },
            part: Vec::new(),
            upload: None,
            size: 0,
            failure: None,
        }
    }

    fn send_part(&mut self) -> Outcome<()> {
        let part = mem::take(&mut self.part);
        let engine = self.engine.clone();
        engine.wait(async {
            let upload = match &mut self.upload {
                Some(upload) => upload,
                None => {
                    let upload = self.place.store.put_multipart(&self.path).await?;
                    self.upload.insert(WriteMultipart::new_with_chunk_size(upload, self.part_bytes))
                }
            };
            upload.put(part.into());
            Ok(upload.wait_for_capacity(UPLOADS_AT_ONCE).await?)
        })
    }

    fn finish(&mut self) -> Outcome<()> {
        let part = mem::take(&mut self.part);
        let engine = self.engine.clone();
        engine.wait(async {
            match self.upload.take() {
                Some(mut upload) => {
                    upload.put(part.into());
                    upload.finish().await?;
                }
                None => {
                    self.place.store.put(&self.path, PutPayload::from(part)).await?;
                }
            }
            Ok(())
        })
    }

    /// Best effort: what stays is a file that no version names.
    fn abort(&mut self) {
        if let Some(upload) = self.upload.take() {
            let _ = self.engine.wait(upload.abort());
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.part.capacity() == 0 && self.upload.is_some() {
            self.part.reserve_exact(self.part_bytes);
        }
        let taken = bytes.len().min(self.part_bytes - self.part.len());
        self.part.extend_from_slice(&bytes[..taken]);
        self.size += taken as u64;
        if self.part.len() == self.part_bytes {
            if let Err(failure) = self.send_part() {
                let message = failure.message.clone();
                self.failure = Some(failure);
                return Err(io::Error::other(message));
            }
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn parquet_writer(
    sink: Sink,
    schema: Arc<Schema>,
    properties: WriterProperties,
) -> Outcome<ArrowWriter<Sink>> {
    let options =
        ArrowWriterOptions::new().with_skip_arrow_metadata(true).with_properties(properties);
    Ok(ArrowWriter::try_new_with_options(sink, schema, options)?)
}

fn row_group_bytes(options: SlWriterOptions) -> usize {
    match options.row_group_bytes_max {
        0 => ROW_GROUP_BYTES_MAX,
        bytes => bytes,
    }
}

/// `plain`: which leaves get no dictionary; those it does not reach get one.
fn properties(
    options: SlWriterOptions,
    leaves: &SchemaDescriptor,
    plain: &[bool],
) -> Outcome<WriterProperties> {
    let level = match options.compression_level {
        0 => COMPRESSION_LEVEL,
        level => level,
    };
    let rows = match options.rows_max {
        0 => ROW_GROUP_ROWS_MAX,
        rows => rows.max(1),
    };
    let columns = leaves.num_columns().max(1);
    let page = (row_group_bytes(options) / (4 * columns)).clamp(PAGE_BYTES_MIN, PAGE_BYTES_MAX);
    let level = ZstdLevel::try_new(level)
        .map_err(|error| Failure::new(Code::BadSpec, format!("compression level: {error}")))?;
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("sluice version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(rows as usize))
        .set_dictionary_page_size_limit(page)
        .set_data_page_size_limit(page);
    // Parquet leaves NaN out of a column's bounds, and readers for which NaN is the greatest number
    // would then skip rows that they look for. The log has bounds for columns without NaN.
    for leaf in leaves.columns() {
        if matches!(leaf.physical_type(), PhysicalType::FLOAT | PhysicalType::DOUBLE) {
            properties = properties
                .set_column_statistics_enabled(leaf.path().clone(), EnabledStatistics::None);
        }
    }
    for (leaf, _) in leaves.columns().iter().zip(plain).filter(|(_, plain)| **plain) {
        properties = properties.set_column_dictionary_enabled(leaf.path().clone(), false);
    }
    Ok(properties.build())
}

/// What `struct sl_delta_writer` is: batches as C hands them over, made physical.
pub struct Writer {
    output: Output,
    data_type: DataType,
    visible: Arc<Schema>,
    to_physical: Arc<dyn ExpressionEvaluator>,
    location: String,
}

impl Writer {
    fn open(
        table: &Table,
        schema: &FFI_ArrowSchema,
        added: &[StructField],
        options: SlWriterOptions,
    ) -> Outcome<Self> {
        let data_type = DataType::try_from(schema)?;
        let DataType::Struct(fields) = &data_type else {
            return Err(Failure::bug(format!("batches must be structs, not {data_type}")));
        };
        let write_state = table.write_state(added)?;
        let context = Arc::new(write_state.write_context_builder().build()?);
        let logical = context.logical_data_schema().clone();
        let visible: Schema = logical.as_ref().try_into_arrow()?;
        let visible = Arc::new(visible);
        columns::check(fields, visible.fields(), "")?;
        let to_physical = table.place.kernel.evaluation_handler().new_expression_evaluator(
            logical,
            context.logical_to_physical(),
            context.physical_data_schema().clone().into(),
        )?;
        let empty = ArrowEngineData::new(RecordBatch::new_empty(visible.clone()));
        let like = to_physical.evaluate(&empty)?.try_into_record_batch()?;
        let output = Output::open(&table.engine, &table.place, &context, options, &like)?;
        let location = table.location.text.clone();
        Ok(Writer { output, data_type, visible, to_physical, location })
    }

    fn write(&mut self, array: FFI_ArrowArray) -> Outcome<()> {
        // Safe as long as the array is what the schema says; what can be checked is checked.
        let mut data = unsafe { from_ffi_and_data_type(array, self.data_type.clone())? };
        data.align_buffers();
        data.validate_full()?;
        let batch = StructArray::from(data);
        if batch.null_count() > 0 {
            return Err(Failure::bug("a row of a batch is NULL"));
        }
        let batch = columns::align(&batch, &self.visible)?;
        let physical = self.to_physical.evaluate(&ArrowEngineData::new(batch))?;
        self.output.write(&physical.try_into_record_batch()?)
    }

    fn named<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|failure| failure.context(format!("table '{}'", self.location)))
    }
}

/// A staged file written again, without some of its rows. None when no row would be left.
fn without_rows(
    table: &Table,
    file: &File,
    dead: &[i64],
    options: SlWriterOptions,
) -> Outcome<Option<File>> {
    let rows = Rows::new(Some(dead), true)?;
    if dead.last().is_some_and(|row| *row >= file.rows) {
        return Err(Failure::bug("rows to leave out that the file does not have"));
    }
    if dead.len() as i64 >= file.rows {
        return Ok(None);
    }
    let physical = file.context.physical_data_schema();
    let pages = Pages::open(&table.place, &file.meta, physical, &rows, &[]);
    let mut pages = table.engine.wait(pages)?;
    let mut output: Option<Output> = None;
    match copy_rows(&mut output, table, file, &mut pages, options) {
        Ok(()) => output.map(Output::close).transpose(),
        Err(failure) => {
            if let Some(mut output) = output {
                output.abort();
            }
            Err(failure)
        }
    }
}

fn copy_rows(
    output: &mut Option<Output>,
    table: &Table,
    file: &File,
    pages: &mut Pages,
    options: SlWriterOptions,
) -> Outcome<()> {
    while let Some((batch, _)) = pages.next(&table.engine)? {
        if output.is_none() {
            let opened = Output::open(&table.engine, &table.place, &file.context, options, &batch)?;
            *output = Some(opened);
        }
        if let Some(output) = output {
            output.write(&batch)?;
        }
    }
    Ok(())
}

unsafe fn options_of(options: *const SlWriterOptions) -> SlWriterOptions {
    if options.is_null() {
        SlWriterOptions::default()
    } else {
        *options
    }
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_open(
    table: *mut Table,
    schema: *const FFI_ArrowSchema,
    add_columns_json: *const c_char,
    options: *const SlWriterOptions,
    out: *mut *mut Writer,
    error: *mut SlError,
) -> Code {
    *out = ptr::null_mut();
    guard(error, || {
        let table = &*table;
        let added = table.added_columns(optional_text(add_columns_json, "the new columns")?)?;
        let writer = table.named(Writer::open(table, &*schema, &added, options_of(options)))?;
        *out = Box::into_raw(Box::new(writer));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_write(
    writer: *mut Writer,
    batch: *mut FFI_ArrowArray,
    error: *mut SlError,
) -> Code {
    guard(error, || {
        let array = FFI_ArrowArray::from_raw(batch);
        let writer = &mut *writer;
        let written = writer.write(array);
        writer.named(written)
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_memory(writer: *const Writer) -> usize {
    quietly(0, || (*writer).output.memory())
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_rows(writer: *const Writer) -> i64 {
    (*writer).output.rows
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_bytes(writer: *const Writer) -> i64 {
    quietly(0, || (*writer).output.bytes())
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_flush(writer: *mut Writer, error: *mut SlError) -> Code {
    guard(error, || {
        let writer = &mut *writer;
        let flushed = writer.output.flush();
        writer.named(flushed)
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_close(
    writer: *mut Writer,
    out: *mut *mut File,
    error: *mut SlError,
) -> Code {
    *out = ptr::null_mut();
    guard(error, || {
        let Writer { output, location, .. } = *Box::from_raw(writer);
        let file = output.close().map_err(|f| f.context(format!("table '{location}'")))?;
        *out = Box::into_raw(Box::new(file));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_writer_abort(writer: *mut Writer) {
    if !writer.is_null() {
        quietly((), || Box::from_raw(writer).output.abort());
    }
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_file_rows(file: *const File) -> i64 {
    (*file).rows
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_file_bytes(file: *const File) -> i64 {
    (*file).meta.size as i64
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_file_path(file: *const File) -> *const c_char {
    (*file).path.as_ptr()
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_file_free(file: *mut File, discard: bool) {
    if file.is_null() {
        return;
    }
    quietly((), || {
        let file = Box::from_raw(file);
        if discard {
            file.discard();
        }
    });
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_file_without(
    table: *mut Table,
    file: *const File,
    rows: *const i64,
    count: usize,
    options: *const SlWriterOptions,
    out: *mut *mut File,
    error: *mut SlError,
) -> Code {
    *out = ptr::null_mut();
    guard(error, || {
        let table = &*table;
        let written = without_rows(table, &*file, slice(rows, count), options_of(options));
        if let Some(file) = table.named(written)? {
            *out = Box::into_raw(Box::new(file));
        }
        Ok(())
    })
}
