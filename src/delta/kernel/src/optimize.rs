//! Small files become large ones, and dead rows go for good. No row changes: dataChange=false.
//!
//! Files are read and written as they are on disk (physical columns), one after the other, oldest
//! first, so memory is that of one reader and one writer. Files of different partitions never meet.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use delta_kernel::arrow::record_batch::RecordBatch;
use delta_kernel::expressions::Scalar;
use delta_kernel::scan::state::ScanFile;
use delta_kernel::schema::DataType;
use delta_kernel::transaction::BoundWriteContext;
use delta_kernel::FileMeta;

use crate::border::{guard, Code, Failure, Outcome, SlError};
use crate::commit::{self, Commit};
use crate::live;
use crate::pages::{Pages, Rows};
use crate::table::Table;
use crate::writer::{File, Output, SlWriterOptions};

const TARGET_BYTES: i64 = 16 << 20;
const TARGET_BYTES_WITH_VECTORS: i64 = 128 << 20;
const DEAD_RATIO: f64 = 0.3;
const FILES_MIN: usize = 2;

/// `struct sl_delta_optimize_options`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SlOptimizeOptions {
    target_bytes: i64,
    small_bytes: i64,
    dead_ratio: f64,
    files_min: usize,
    bytes_max: i64,
}

/// `struct sl_delta_optimized`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct SlOptimized {
    files_removed: i64,
    files_added: i64,
    bytes_removed: i64,
    bytes_added: i64,
    rows: i64,
    rows_purged: i64,
    version: i64,
}

type Partition = BTreeMap<String, String>;

impl SlOptimizeOptions {
    fn filled(mut self, table: &Table) -> Outcome<Self> {
        if self.target_bytes <= 0 {
            let vectors = table.snapshot()?.table_properties().enable_deletion_vectors;
            self.target_bytes =
                if vectors == Some(true) { TARGET_BYTES_WITH_VECTORS } else { TARGET_BYTES };
        }
        if self.small_bytes <= 0 {
            self.small_bytes = self.target_bytes / 2;
        }
        if self.dead_ratio == 0.0 {
            self.dead_ratio = DEAD_RATIO;
        }
        if self.files_min == 0 {
            self.files_min = FILES_MIN;
        }
        Ok(self)
    }

    fn is_decayed(&self, file: &ScanFile) -> Outcome<bool> {
        let dead = live::dead(file)?;
        let rows = live::rows(file).unwrap_or(0).max(dead);
        Ok(dead > 0 && dead as f64 > self.dead_ratio.max(0.0) * rows as f64)
    }
}

/// The numbers of the files that are to be written again, by partition.
fn choose(files: &[ScanFile], options: &SlOptimizeOptions) -> Outcome<Vec<Vec<usize>>> {
    let mut partitions: BTreeMap<Partition, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    let mut numbers: Vec<usize> = (0..files.len()).collect();
    numbers.sort_by_key(|number| files[*number].size);
    for number in numbers {
        let file = &files[number];
        let values = file.partition_values.iter().map(|(key, value)| (key.clone(), value.clone()));
        let (small, decayed) = partitions.entry(values.collect()).or_default();
        if options.is_decayed(file)? {
            decayed.push(number);
        } else if file.size < options.small_bytes {
            small.push(number);
        }
    }
    let mut left = if options.bytes_max > 0 { options.bytes_max } else { i64::MAX };
    let mut chosen = Vec::new();
    for (small, decayed) in partitions.into_values() {
        let mut numbers = within(files, decayed, &mut left);
        let small = if options.bytes_max > 0 { tiered(files, small) } else { small };
        if small.len() + numbers.len() >= options.files_min && small.len() > 1 {
            numbers.extend(within(files, small, &mut left));
        }
        if !numbers.is_empty() {
            numbers.sort_by_key(|number| (files[*number].modification_time, *number));
            chosen.push(numbers);
        }
    }
    Ok(chosen)
}

/// As many of them, from the first, as there are bytes left.
fn within(files: &[ScanFile], numbers: Vec<usize>, left: &mut i64) -> Vec<usize> {
    let fits = |number: &usize| {
        *left -= files[*number].size;
        *left >= 0
    };
    numbers.into_iter().take_while(fits).collect()
}

/// Of small files, by size: those up to the largest that the smaller ones together outweigh. Joined
/// at every opportunity, a growing file would be written as often as there are opportunities; one
/// that waits for its equal is written a few times until it is large.
fn tiered(files: &[ScanFile], mut numbers: Vec<usize>) -> Vec<usize> {
    let (mut count, mut before) = (0, 0);
    for (place, number) in numbers.iter().enumerate() {
        let size = files[*number].size;
        if size <= before {
            count = place + 1;
        }
        before += size;
    }
    numbers.truncate(count);
    numbers
}

/// What is to be written, and what of it is there already.
struct Rewrite<'a> {
    table: &'a Table,
    target_bytes: i64,
    done: SlOptimized,
    written: Vec<File>,
}

impl Rewrite<'_> {
    fn partition(&mut self, files: &[&ScanFile]) -> Outcome<()> {
        let context = context_of(self.table, &files[0].partition_values)?;
        let mut output = None;
        let copied = files.iter().try_for_each(|file| self.file(&context, &mut output, file));
        match (copied, output) {
            (Ok(()), Some(output)) => self.close(output),
            (Err(failure), Some(mut output)) => {
                output.abort();
                Err(failure)
            }
            (copied, None) => copied,
        }
    }

    fn file(
        &mut self,
        context: &Arc<BoundWriteContext>,
        output: &mut Option<Output>,
        file: &ScanFile,
    ) -> Outcome<()> {
        let root = &self.table.location.url;
        let place = &self.table.place;
        let location = root.join(&file.path).map_err(|error| {
            Failure::bug(format!("path '{}' of a data file: {error}", file.path))
        })?;
        let dead = file.dv_info.get_row_indexes(place.kernel.as_ref(), root)?.unwrap_or_default();
        let meta = FileMeta::new(location, file.modification_time, file.size.max(0) as u64);
        let pages = Pages::open(place, &meta, context.physical_data_schema(), &Rows::All, &dead);
        let mut pages = self.table.engine.wait(pages)?;
        while let Some((batch, _)) = pages.next(&self.table.engine)? {
            self.rows(context, output, &batch)?;
        }
        self.done.files_removed += 1;
        self.done.bytes_removed += file.size;
        self.done.rows_purged += dead.len() as i64;
        Ok(())
    }

    fn rows(
        &mut self,
        context: &Arc<BoundWriteContext>,
        output: &mut Option<Output>,
        batch: &RecordBatch,
    ) -> Outcome<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let table = self.table;
        let options = SlWriterOptions::default();
        let mut open = match output.take() {
            Some(open) => open,
            None => Output::open(&table.engine, &table.place, context, options, batch)?,
        };
        let written = open.write(batch);
        let full = open.bytes() >= self.target_bytes;
        match written {
            Ok(()) if full => self.close(open),
            written => {
                *output = Some(open);
                written
            }
        }
    }

    fn close(&mut self, output: Output) -> Outcome<()> {
        let file = output.close()?;
        self.done.files_added += 1;
        self.done.bytes_added += file.meta.size as i64;
        self.done.rows += file.rows;
        self.written.push(file);
        Ok(())
    }
}

fn commit_files(
    table: &mut Table,
    done: &SlOptimized,
    written: &[File],
    gone: Vec<usize>,
) -> Outcome<()> {
    let metrics = [
        ("numRemovedFiles", done.files_removed),
        ("numAddedFiles", done.files_added),
        ("numRemovedBytes", done.bytes_removed),
        ("numAddedBytes", done.bytes_added),
        ("numOutputRows", done.rows),
        ("numPurgedRows", done.rows_purged),
    ];
    let metrics = metrics.map(|(name, value)| (name.to_string(), value.to_string()));
    let commit = Commit::of_files("OPTIMIZE", metrics.into(), written.iter().collect(), gone);
    commit::commit(table, &commit)
}

/// Where the files of a partition go, and what their columns are.
fn context_of(table: &Table, values: &HashMap<String, String>) -> Outcome<Arc<BoundWriteContext>> {
    let configuration = table.snapshot()?.table_configuration();
    let mode = configuration.column_mapping_mode();
    let columns = configuration.metadata().partition_columns();
    let mut builder = table.write_state(&[])?.write_context_builder();
    if !columns.is_empty() {
        let schema = table.snapshot()?.schema();
        let mut scalars = HashMap::new();
        for name in columns {
            let Some(field) = schema.field(name) else {
                return Err(Failure::bug(format!("there is no partition column '{name}'")));
            };
            let DataType::Primitive(kind) = field.data_type() else {
                return Err(Failure::bug(format!("partition column '{name}' is nested")));
            };
            let value = match values.get(field.physical_name(mode)) {
                Some(text) => kind.parse_scalar(text)?,
                None => Scalar::Null(field.data_type().clone()),
            };
            scalars.insert(name.clone(), value);
        }
        builder = builder.with_partition_values(scalars);
    }
    Ok(Arc::new(builder.build()?))
}

fn optimize(table: &mut Table, options: SlOptimizeOptions) -> Outcome<SlOptimized> {
    let options = options.filled(table)?;
    let chosen = choose(&table.live()?.files, &options)?;
    let done = SlOptimized { version: -1, ..SlOptimized::default() };
    if chosen.is_empty() {
        return Ok(done);
    }
    let mut rewrite =
        Rewrite { table, target_bytes: options.target_bytes, done, written: Vec::new() };
    let live = table.live()?;
    let rewritten = chosen.iter().try_for_each(|numbers| {
        let files = numbers.iter().map(|number| live.file(*number)).collect::<Outcome<Vec<_>>>()?;
        rewrite.partition(&files)
    });
    let Rewrite { mut done, written, .. } = rewrite;
    let committed = rewritten.and_then(|()| {
        commit_files(table, &done, &written, chosen.into_iter().flatten().collect())
    });
    if let Err(failure) = committed {
        written.iter().for_each(File::discard);
        return Err(failure);
    }
    done.version = table.snapshot()?.version() as i64;
    Ok(done)
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_optimize(
    table: *mut Table,
    options: *const SlOptimizeOptions,
    out: *mut SlOptimized,
    error: *mut SlError,
) -> Code {
    *out = SlOptimized { version: -1, ..SlOptimized::default() };
    guard(error, || {
        let table = &mut *table;
        let options = if options.is_null() { SlOptimizeOptions::default() } else { *options };
        let done = optimize(table, options);
        *out = table.named(done)?;
        Ok(())
    })
}
