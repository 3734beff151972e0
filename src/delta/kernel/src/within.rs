//! Which live files may hold a value, going by their statistics.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use delta_kernel::arrow::array::{make_array, Array, ArrayRef, AsArray, StringArray};
use delta_kernel::arrow::compute::cast;
use delta_kernel::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use delta_kernel::arrow::ffi::{from_ffi_and_data_type, FFI_ArrowArray, FFI_ArrowSchema};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use serde_json::Value;

use crate::border::{guard, text, Code, Failure, Outcome, SlError};
use crate::table::{State, Table};

/// Bounds of timestamps are cut to milliseconds: the greatest value may be later by so much.
const TIMESTAMP_CUT_US: i64 = 999;

/// What can be compared. All else has an order of its own, or none.
#[derive(Clone, PartialEq)]
enum Kind {
    Text,
    Integer,
    Date,
    Timestamp(DataType),
}

impl Kind {
    fn of(data_type: &DataType) -> Option<Self> {
        use DataType::*;
        match data_type {
            Utf8 | LargeUtf8 | Utf8View => Some(Kind::Text),
            Int8 | Int16 | Int32 | Int64 => Some(Kind::Integer),
            Date32 => Some(Kind::Date),
            Timestamp(_, zone) => {
                Some(Kind::Timestamp(Timestamp(TimeUnit::Microsecond, zone.clone())))
            }
            _ => None,
        }
    }

    fn data_type(&self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Integer => DataType::Int64,
            Kind::Date => DataType::Date32,
            Kind::Timestamp(data_type) => data_type.clone(),
        }
    }
}

/// The upper end of a range.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum End<T> {
    At(T),
    Never,
}

/// From, to; None: from the beginning.
type Range<T> = (Option<T>, End<T>);

/// What the statistics of a file say of a column.
enum Bounds {
    /// It is NULL everywhere.
    Nothing,
    Between(Option<String>, Option<String>),
}

fn bounds(stats: Option<&str>, column: &str) -> Bounds {
    let stats: Value = stats.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let of = |kind: &str| stats.get(kind).and_then(|values| values.get(column));
    if let (Some(nulls), Some(rows)) = (of("nullCount"), stats.get("numRecords")) {
        if nulls.as_u64().is_some() && nulls.as_u64() == rows.as_u64() {
            return Bounds::Nothing;
        }
    }
    let bound = |kind: &str| match of(kind) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    Bounds::Between(bound("minValues"), bound("maxValues"))
}

/// The numbers of the files that meet one of the ranges, ascending.
fn meeting<T: Ord + Clone>(mut ranges: Vec<Range<T>>, files: Vec<Option<Range<T>>>) -> Vec<usize> {
    ranges.sort();
    // How far the ranges up to each one reach: one of them meets what begins before that.
    let mut reach: Option<End<T>> = None;
    let reaches: Vec<End<T>> = ranges
        .iter()
        .map(|(_, end)| {
            let far = reach.take().map_or(end.clone(), |reach| reach.max(end.clone()));
            reach = Some(far.clone());
            far
        })
        .collect();
    let meets = |(from, to): &Range<T>| {
        let begun = ranges.partition_point(|(low, _)| match (low, to) {
            (Some(low), End::At(to)) => low <= to,
            _ => true,
        });
        begun > 0
            && match (&reaches[begun - 1], from) {
                (End::At(reach), Some(from)) => reach >= from,
                _ => true,
            }
    };
    let met = files.iter().enumerate().filter(|(_, file)| file.as_ref().is_some_and(meets));
    met.map(|(number, _)| number).collect()
}

fn ranges<T>(low: Vec<Option<T>>, high: Vec<Option<T>>) -> Vec<Range<T>> {
    let ends = high.into_iter().map(|high| high.map_or(End::Never, End::At));
    low.into_iter().zip(ends).collect()
}

fn texts(array: &ArrayRef) -> Outcome<Vec<Option<String>>> {
    let array = cast(array, &DataType::Utf8)?;
    Ok(array.as_string::<i32>().iter().map(|value| value.map(str::to_string)).collect())
}

fn numbers(array: &ArrayRef, kind: &Kind) -> Outcome<Vec<Option<i64>>> {
    let array = cast(&cast(array, &kind.data_type())?, &DataType::Int64)?;
    Ok(array.as_primitive::<Int64Type>().iter().collect())
}

fn within(table: &Table, column: &str, low: &ArrayRef, high: &ArrayRef) -> Outcome<Vec<usize>> {
    let State::At(snapshot) = &table.state else { return Ok(Vec::new()) };
    let schema = snapshot.schema();
    let Some(field) = schema.field(column) else {
        return Err(Failure::new(Code::NotFound, format!("there is no column '{column}'")));
    };
    let of_table: DataType = field.data_type().try_into_arrow()?;
    let kind = Kind::of(low.data_type()).filter(|kind| Kind::of(&of_table).as_ref() == Some(kind));
    let Some(kind) = kind.filter(|_| low.len() == high.len()) else {
        let message = format!(
            "column '{column}' is {of_table} in the table and cannot be compared with {}",
            low.data_type()
        );
        return Err(Failure::bug(message));
    };
    let mode = snapshot.table_configuration().column_mapping_mode();
    let physical = field.physical_name(mode);
    let bounds: Vec<Bounds> =
        table.live()?.stats()?.into_iter().map(|stats| bounds(stats, physical)).collect();
    let side = |upper: bool| -> Vec<Option<String>> {
        let of = |bounds: &Bounds| match bounds {
            Bounds::Between(_, high) if upper => high.clone(),
            Bounds::Between(low, _) => low.clone(),
            Bounds::Nothing => None,
        };
        bounds.iter().map(of).collect()
    };
    if kind == Kind::Text {
        let files = known(ranges(side(false), side(true)), &bounds);
        return Ok(meeting(ranges(texts(low)?, texts(high)?), files));
    }
    // What cannot be read as the column's type becomes NULL, which excludes nothing.
    let read = |upper: bool| {
        let texts: ArrayRef = Arc::new(StringArray::from(side(upper)));
        numbers(&texts, &kind)
    };
    let (least, greatest) = (read(false)?, read(true)?);
    let cut = if matches!(kind, Kind::Timestamp(_)) { TIMESTAMP_CUT_US } else { 0 };
    let greatest = greatest.into_iter().map(|value| value.map(|value| value.saturating_add(cut)));
    let files = known(ranges(least, greatest.collect()), &bounds);
    Ok(meeting(ranges(numbers(low, &kind)?, numbers(high, &kind)?), files))
}

fn known<T>(ranges: Vec<Range<T>>, bounds: &[Bounds]) -> Vec<Option<Range<T>>> {
    let files = ranges.into_iter().zip(bounds);
    files.map(|(range, bounds)| (!matches!(bounds, Bounds::Nothing)).then_some(range)).collect()
}

/// `struct ArrowArray`, to look at an array that stays the caller's.
#[repr(C)]
struct Borrowed {
    numbers: [i64; 5],
    pointers: [*mut c_void; 3],
    release: Option<unsafe extern "C" fn(*mut Borrowed)>,
    private_data: *mut c_void,
}

unsafe extern "C" fn keep(array: *mut Borrowed) {
    (*array).release = None;
}

unsafe fn borrowed(array: *const FFI_ArrowArray, data_type: &DataType) -> Outcome<ArrayRef> {
    let mut copy = ptr::read(array.cast::<Borrowed>());
    copy.release = Some(keep);
    let array = FFI_ArrowArray::from_raw((&raw mut copy).cast());
    let mut data = from_ffi_and_data_type(array, data_type.clone())?;
    data.align_buffers();
    data.validate_full()?;
    Ok(make_array(data))
}

#[no_mangle]
pub unsafe extern "C" fn sl_delta_within(
    table: *mut Table,
    column: *const c_char,
    data_type: *const FFI_ArrowSchema,
    low: *const FFI_ArrowArray,
    high: *const FFI_ArrowArray,
    out: *mut usize,
    count: *mut usize,
    error: *mut SlError,
) -> Code {
    *count = 0;
    guard(error, || {
        let table = &*table;
        let column = text(column, "the column")?;
        let data_type = DataType::try_from(&*data_type)?;
        let (low, high) = (borrowed(low, &data_type)?, borrowed(high, &data_type)?);
        let found = table.named(within(table, &column, &low, &high))?;
        ptr::copy_nonoverlapping(found.as_ptr(), out, found.len());
        *count = found.len();
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(ranges: &[(i64, i64)], files: &[Option<(Option<i64>, Option<i64>)>]) -> Vec<usize> {
        let end = |to: Option<i64>| to.map_or(End::Never, End::At);
        let ranges = ranges.iter().map(|(from, to)| (Some(*from), End::At(*to))).collect();
        let files = files.iter().map(|file| file.map(|(from, to)| (from, end(to)))).collect();
        meeting(ranges, files)
    }

    #[test]
    fn ranges_meet_files() {
        let file = |from, to| Some((Some(from), Some(to)));
        let files = [file(0, 9), file(10, 19), file(20, 29), None, Some((None, None))];
        assert_eq!(met(&[], &files), []);
        assert_eq!(met(&[(9, 10)], &files), [0, 1, 4]);
        assert_eq!(met(&[(25, 25), (3, 4)], &files), [0, 2, 4]);
        assert_eq!(met(&[(30, 40), (-5, -1)], &files), [4]);
        // A wide range hides behind a narrow one that begins later.
        assert_eq!(met(&[(0, 100), (5, 6)], &files), [0, 1, 2, 4]);
        assert_eq!(met(&[(15, 15)], &[Some((None, Some(14))), Some((Some(15), None))]), [1]);
    }
}
