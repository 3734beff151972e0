//! Reading whole files: streams of batches, under the names that users see, without deleted rows.

use std::ffi::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use delta_kernel::arrow::array::RecordBatchReader;
use delta_kernel::arrow::datatypes::SchemaRef as ArrowSchemaRef;
use delta_kernel::arrow::error::ArrowError;
use delta_kernel::arrow::ffi_stream::FFI_ArrowArrayStream;
use delta_kernel::arrow::record_batch::RecordBatch;

use crate::border::{guard, panicked, texts, Code, Outcome, SlError};
use crate::live;
use crate::pages::Rows;
use crate::parts::{Columns, Part, Parts};
use crate::table::{SlTotals, Table};
use crate::writer::File;

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

/// What hands out batches.
pub trait Source {
    fn schema(&self) -> ArrowSchemaRef;
    fn next(&mut self) -> Outcome<Option<RecordBatch>>;
}

/// The stream that C gets.
pub struct Stream {
    source: Box<dyn Source + Send>,
    schema: ArrowSchemaRef,
    rows_left: Option<usize>,
    over: bool,
    context: String,
}

impl Stream {
    /// limit -1: none.
    pub fn new(table: &Table, source: Box<dyn Source + Send>, limit: i64) -> Self {
        Stream {
            schema: source.schema(),
            source,
            rows_left: usize::try_from(limit).ok(),
            over: false,
            context: format!("table '{}'", table.location.text),
        }
    }

    fn read(&mut self) -> Outcome<Option<RecordBatch>> {
        if self.rows_left == Some(0) {
            return Ok(None);
        }
        let Some(mut batch) = self.source.next()? else { return Ok(None) };
        if let Some(left) = &mut self.rows_left {
            batch = batch.slice(0, batch.num_rows().min(*left));
            *left -= batch.num_rows();
        }
        Ok(Some(batch))
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
        self.schema.clone()
    }
}

fn scan_table(table: &Table, names: Option<&[String]>, limit: i64) -> Outcome<Stream> {
    table.snapshot()?;
    let columns = Columns::of(table, names, None)?;
    let parts = table
        .live()?
        .files
        .iter()
        .map(|file| Part::live(&table.location.url, file, Rows::All))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(Stream::new(table, Box::new(Parts::new(table, columns, parts, false)), limit))
}

fn scan_file(table: &Table, file: &File, names: &[String]) -> Outcome<Stream> {
    let columns = Columns::in_context(&file.context, Some(names))?;
    let parts = vec![Part::staged(file, Rows::All)];
    Ok(Stream::new(table, Box::new(Parts::new(table, columns, parts, false)), -1))
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
