//! Which columns of a file are worth a dictionary, judged by the first rows.
//!
//! Parquet tries a dictionary on every column and gives it up when it has grown too large, and does
//! so again in each row group. For keys, times and free text that is half of the work of writing.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use delta_kernel::arrow::array::{Array, AsArray, GenericByteArray, OffsetSizeTrait};
use delta_kernel::arrow::array::{FixedSizeBinaryArray, StructArray};
use delta_kernel::arrow::datatypes::{ByteArrayType, DataType};
use delta_kernel::arrow::record_batch::RecordBatch;

/// What a column shows before it is judged, and how much of it is looked at.
const VALUES_MIN: usize = 64;
const VALUES_MAX: usize = 8192;

/// A column with more distinct values than this, of 100, is written as it is. The first rows show
/// most values of a column with some hundred of them only once, and those are worth a dictionary:
/// so it is high.
const DISTINCT_PERCENT_MAX: usize = 75;

/// For each leaf, in the order of Parquet's columns: are there too many distinct values?
pub fn plain_leaves(batch: &RecordBatch) -> Vec<bool> {
    let mut leaves = Vec::new();
    for column in batch.columns() {
        walk(column.as_ref(), &mut leaves);
    }
    leaves
}

fn walk(array: &dyn Array, leaves: &mut Vec<bool>) {
    match array.data_type() {
        DataType::Struct(_) => walk_fields(array.as_struct(), leaves),
        DataType::List(_) => walk_items::<i32>(array, leaves),
        DataType::LargeList(_) => walk_items::<i64>(array, leaves),
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (from, to) = ends(map.offsets());
            walk_fields(&map.entries().slice(from, to - from), leaves);
        }
        _ => leaves.push(is_diverse(array)),
    }
}

fn walk_fields(fields: &StructArray, leaves: &mut Vec<bool>) {
    for column in fields.columns() {
        walk(column.as_ref(), leaves);
    }
}

fn walk_items<O: OffsetSizeTrait>(array: &dyn Array, leaves: &mut Vec<bool>) {
    let list = array.as_list::<O>();
    let (from, to) = ends(list.offsets());
    walk(list.values().slice(from, to - from).as_ref(), leaves);
}

/// Of a slice of lists: which of the items are its own.
fn ends<O: OffsetSizeTrait>(offsets: &[O]) -> (usize, usize) {
    let end = |offset: Option<&O>| offset.map_or(0, |offset| offset.as_usize());
    (end(offsets.first()), end(offsets.last()))
}

fn is_diverse(array: &dyn Array) -> bool {
    match array.data_type() {
        DataType::Utf8 => bytes_are_diverse(array.as_string::<i32>()),
        DataType::LargeUtf8 => bytes_are_diverse(array.as_string::<i64>()),
        DataType::Binary => bytes_are_diverse(array.as_binary::<i32>()),
        DataType::LargeBinary => bytes_are_diverse(array.as_binary::<i64>()),
        DataType::FixedSizeBinary(_) => {
            let array: &FixedSizeBinaryArray = array.as_fixed_size_binary();
            values_are_diverse(array, |row| array.value(row))
        }
        other => match other.primitive_width() {
            Some(width) => {
                let data = array.to_data();
                let bytes = &data.buffers()[0].as_slice()[data.offset() * width..];
                values_are_diverse(array, |row| &bytes[row * width..][..width])
            }
            None => false, // one Parquet makes no dictionary of (BOOLEAN), or that we do not know
        },
    }
}

fn bytes_are_diverse<T: ByteArrayType>(array: &GenericByteArray<T>) -> bool {
    values_are_diverse(array, |row| array.value(row).as_ref())
}

fn values_are_diverse<'a>(array: &dyn Array, value: impl Fn(usize) -> &'a [u8]) -> bool {
    let count = (array.len() - array.null_count()).min(VALUES_MAX);
    if count < VALUES_MIN {
        return false;
    }
    let distinct_max = count * DISTINCT_PERCENT_MAX / 100;
    let mut seen = HashSet::with_capacity(distinct_max + 1);
    for row in (0..array.len()).filter(|row| array.is_valid(*row)).take(count) {
        let mut hasher = DefaultHasher::new();
        hasher.write(value(row));
        seen.insert(hasher.finish());
        if seen.len() > distinct_max {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use delta_kernel::arrow::array::{
        ArrayRef, Float64Array, Int64Array, Int64Builder, ListBuilder, StringArray,
    };

    use super::*;

    fn judged(column: ArrayRef) -> Vec<bool> {
        plain_leaves(&RecordBatch::try_from_iter([("c", column)]).unwrap())
    }

    fn remainders(count: i64, of: i64) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values((0..count).map(|i| i % of)))
    }

    #[test]
    fn many_distinct_values_are_plain() {
        assert_eq!(judged(remainders(1000, 1000)), [true]);
        assert_eq!(judged(remainders(1000, 10)), [false]);
        let text = |of| Arc::new(StringArray::from_iter_values((0..500).map(|i| name(i % of))));
        assert_eq!(judged(text(500)), [true]);
        assert_eq!(judged(text(5)), [false]);
        let zeros = Float64Array::from_iter_values((0..100).map(|_| 0.0));
        assert_eq!(judged(Arc::new(zeros)), [false]);
    }

    fn name(i: i32) -> String {
        format!("name {i}")
    }

    #[test]
    fn few_values_say_nothing() {
        assert_eq!(judged(remainders(63, 63)), [false]);
        assert_eq!(judged(remainders(64, 64)), [true]);
        assert_eq!(judged(remainders(0, 1)), [false]);
        let nulls = Int64Array::from_iter((0..1000).map(|i| (i < 63).then_some(i)));
        assert_eq!(judged(Arc::new(nulls)), [false]);
    }

    #[test]
    fn nulls_do_not_count() {
        let sparse = Int64Array::from_iter((0..1000).map(|i| (i % 10 == 0).then_some(i)));
        assert_eq!(judged(Arc::new(sparse)), [true]);
    }

    #[test]
    fn leaves_come_in_the_order_of_parquet() {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for i in 0..300 {
            lists.append_value([Some(i / 100), Some(7)]);
        }
        let lists: ArrayRef = Arc::new(lists.finish());
        let both = StructArray::try_from(vec![("a", remainders(300, 300)), ("b", lists)]).unwrap();
        assert_eq!(judged(Arc::new(both.clone())), [true, false]);
        assert_eq!(judged(Arc::new(both.slice(200, 100))), [true, false]);
        assert_eq!(judged(Arc::new(both.slice(200, 50))), [false, false]);
    }
}
