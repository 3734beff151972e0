//! Some rows of one Parquet file. Pages without a wanted row are neither fetched nor decoded.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use delta_kernel::arrow::array::{ArrayRef, Int64Array};
use delta_kernel::arrow::record_batch::RecordBatch;
use delta_kernel::engine::arrow_utils::{fixup_parquet_read, parquet_read_plan, ReorderIndex};
use delta_kernel::engine::reader_options;
use delta_kernel::object_store::path::Path;
use delta_kernel::object_store::{self, ObjectStore, ObjectStoreExt};
use delta_kernel::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection,
};
use delta_kernel::parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use delta_kernel::parquet::arrow::ProjectionMask;
use delta_kernel::parquet::errors::{ParquetError, Result as ParquetResult};
use delta_kernel::parquet::file::metadata::{
    PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use delta_kernel::schema::SchemaRef;
use delta_kernel::FileMeta;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

use crate::border::{Failure, Outcome};
use crate::engine::{path_of, Engine, Place, BATCH_ROWS};

/// What is fetched of a file's end at once: footer and page index of most files.
const FOOTER_BYTES: usize = 64 << 10;

/// Which rows of a file are wanted, given a list of ascending row numbers.
#[derive(Clone, Debug, Default)]
pub enum Rows {
    #[default]
    All,
    Only(Vec<i64>),
    Except(Vec<i64>),
}

impl Rows {
    pub fn new(rows: Option<&[i64]>, except: bool) -> Outcome<Self> {
        let Some(rows) = rows else { return Ok(Rows::All) };
        if rows.windows(2).any(|two| two[0] >= two[1]) || rows.first().is_some_and(|row| *row < 0) {
            return Err(Failure::bug("rows of a file that are not ascending numbers"));
        }
        Ok(if except { Rows::Except(rows.to_vec()) } else { Rows::Only(rows.to_vec()) })
    }

    fn last(&self) -> Option<i64> {
        match self {
            Rows::All => None,
            Rows::Only(rows) | Rows::Except(rows) => rows.last().copied(),
        }
    }

    /// The wanted rows that are not dead, in a file of `total`. None: all of them.
    fn ranges(&self, dead: &[u64], total: usize) -> Option<Vec<Range<usize>>> {
        let dead = dead.iter().map(|row| *row as usize).filter(|row| *row < total);
        match self {
            Rows::All if dead.clone().next().is_none() => None,
            Rows::All => Some(between(dead, total)),
            Rows::Except(rows) => Some(between(merged(rows, dead), total)),
            Rows::Only(rows) => Some(alive(rows, dead)),
        }
    }
}

/// Both ascending sequences as one, without repetitions.
fn merged<'a>(
    rows: &'a [i64],
    dead: impl Iterator<Item = usize> + 'a,
) -> impl Iterator<Item = usize> + 'a {
    let mut rows = rows.iter().map(|row| *row as usize).peekable();
    let mut dead = dead.peekable();
    std::iter::from_fn(move || match (rows.peek(), dead.peek()) {
        (Some(row), Some(other)) if row == other => {
            rows.next();
            dead.next()
        }
        (Some(row), Some(other)) if other < row => dead.next(),
        (Some(_), _) => rows.next(),
        (None, _) => dead.next(),
    })
}

/// What lies between the rows of `gone`.
fn between(gone: impl Iterator<Item = usize>, total: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for row in gone.chain([total]) {
        if row > start {
            ranges.push(start..row);
        }
        start = row + 1;
    }
    ranges
}

fn alive(rows: &[i64], dead: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut dead = dead.peekable();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for row in rows.iter().map(|row| *row as usize) {
        while dead.next_if(|other| *other < row).is_some() {}
        if dead.peek() == Some(&row) {
            continue;
        }
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end = row + 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

/// A file that is being read.
pub struct Pages {
    stream: ParquetRecordBatchStream<StoreReader>,
    ordering: Vec<ReorderIndex>,
    physical: SchemaRef,
    /// Row numbers of what comes next.
    numbers: VecDeque<Range<usize>>,
}

impl Pages {
    /// `physical`: the wanted columns, under the names that files have; NULL where one is missing.
    pub async fn open(
        place: &Place,
        file: &FileMeta,
        physical: &SchemaRef,
        rows: &Rows,
        dead: &[u64],
    ) -> Outcome<Self> {
        let (store, path) = (place.store.clone(), path_of(&file.location)?);
        let mut reader = StoreReader { store, path, size: file.size };
        let some = !matches!(rows, Rows::All) || !dead.is_empty();
        let metadata = ArrowReaderMetadata::load_async(&mut reader, options(some)).await?;
        let total = usize::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        if rows.last().is_some_and(|row| row as usize >= total) {
            let message = format!("a row beyond the {total} rows of '{}'", file.location);
            return Err(Failure::bug(message));
        }
        let (ordering, mut mask) = parquet_read_plan(physical, &metadata)?;
        if physical.num_fields() == 0 {
            mask = Some(ProjectionMask::none(metadata.parquet_schema().num_columns()));
        }
        let ranges = rows.ranges(dead, total);
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
            .with_batch_size(BATCH_ROWS);
        if let Some(mask) = mask {
            builder = builder.with_projection(mask);
        }
        if let Some(ranges) = &ranges {
            let ranges = ranges.iter().cloned();
            builder =
                builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges, total));
        }
        #[allow(clippy::single_range_in_vec_init)]
        let numbers = ranges.unwrap_or_else(|| vec![0..total]).into();
        Ok(Pages { stream: builder.build()?, ordering, physical: physical.clone(), numbers })
    }

    /// The next rows, with their numbers in the file.
    pub fn next(&mut self, engine: &Engine) -> Outcome<Option<(RecordBatch, ArrayRef)>> {
        loop {
            let Some(batch) = engine.wait(self.stream.next()) else {
                if self.numbers.iter().any(|range| !range.is_empty()) {
                    return Err(Failure::bug("a file ended before the last wanted row"));
                }
                return Ok(None);
            };
            let mut batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            if self.physical.num_fields() > 0 {
                let fixed =
                    fixup_parquet_read(batch, &self.ordering, None, None, Some(&self.physical))?;
                batch = fixed.into();
            }
            let numbers = self.take_numbers(batch.num_rows())?;
            return Ok(Some((batch, numbers)));
        }
    }

    fn take_numbers(&mut self, count: usize) -> Outcome<ArrayRef> {
        let mut numbers: Vec<i64> = Vec::with_capacity(count);
        while numbers.len() < count {
            let Some(range) = self.numbers.front_mut() else {
                return Err(Failure::bug("a file gave more rows than were asked for"));
            };
            let taken = range.len().min(count - numbers.len());
            numbers.extend((range.start..range.start + taken).map(|row| row as i64));
            range.start += taken;
            if range.start == range.end {
                self.numbers.pop_front();
            }
        }
        Ok(Arc::new(Int64Array::from(numbers)))
    }
}

/// `some`: not all rows are wanted, so where pages begin is worth knowing.
fn options(some: bool) -> ArrowReaderOptions {
    let index = if some { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
    reader_options()
        .with_column_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(index)
        .with_column_stats_policy(ParquetStatisticsPolicy::SkipAll)
        .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll)
}

struct StoreReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

fn told(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for StoreReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move { self.store.get_range(&self.path, range).await.map_err(told) }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        async move { self.store.get_ranges(&self.path, &ranges).await.map_err(told) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new()
                .with_arrow_reader_options(options)
                .with_prefetch_hint(Some(FOOTER_BYTES));
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_rows_are_never_wanted() {
        let only = Rows::new(Some(&[1, 2, 3, 7, 9]), false).unwrap();
        assert_eq!(only.ranges(&[], 10), Some(vec![1..4, 7..8, 9..10]));
        assert_eq!(only.ranges(&[0, 2, 9], 10), Some(vec![1..2, 3..4, 7..8]));
        let except = Rows::new(Some(&[0, 1, 5]), true).unwrap();
        assert_eq!(except.ranges(&[], 7), Some(vec![2..5, 6..7]));
        assert_eq!(except.ranges(&[1, 3, 6], 7), Some(vec![2..3, 4..5]));
        assert_eq!(Rows::All.ranges(&[], 7), None);
        assert_eq!(Rows::All.ranges(&[0, 6], 7), Some(vec![1..6]));
        assert_eq!(Rows::new(Some(&[]), false).unwrap().ranges(&[3], 7), Some(vec![]));
        assert!(Rows::new(Some(&[3, 3]), false).is_err());
        assert!(Rows::new(Some(&[-1, 3]), false).is_err());
    }
}
