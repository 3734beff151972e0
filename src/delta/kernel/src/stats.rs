//! Statistics of a file that is being written, in bounded memory.
//!
//! The kernel's accumulator keeps one row of statistics for every batch until the end. A file of many
//! small batches would hold more statistics than data, so they are folded together on the way.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use delta_kernel::arrow::array::types::{Float32Type, Float64Type};
use delta_kernel::arrow::array::{
    make_comparator, new_null_array, Array, ArrayRef, AsArray, BooleanArray, StructArray,
};
use delta_kernel::arrow::compute::kernels::numeric::add;
use delta_kernel::arrow::compute::SortOptions;
use delta_kernel::arrow::datatypes::DataType;
use delta_kernel::arrow::record_batch::RecordBatch;
use delta_kernel::expressions::ColumnName;
use delta_kernel::schema::SchemaRef;
use delta_kernel_default_engine::stats::FileStatsAccumulator;

use crate::border::{Failure, Outcome};

/// Batches whose statistics are kept apart.
const BATCHES_MAX: usize = 32;

const MINIMA: &str = "minValues";
const MAXIMA: &str = "maxValues";

type Paths = HashSet<Vec<String>>;

pub struct Stats {
    columns: Vec<ColumnName>,
    schema: SchemaRef,
    recent: FileStatsAccumulator,
    recent_count: usize,
    folded: Option<StructArray>,
    /// Columns that hold a NaN: readers do not agree where it stands in the order.
    nans: Paths,
    /// Columns of which a part has no greatest value that could be written down (text that starts
    /// with 32 times the greatest character), so the whole has none.
    endless: Paths,
}

impl Stats {
    /// `empty` shows what the batches look like.
    pub fn new(columns: &[ColumnName], schema: &SchemaRef, empty: &RecordBatch) -> Outcome<Self> {
        let mut recent = FileStatsAccumulator::new(columns, schema);
        recent.merge(empty)?;
        Ok(Stats {
            columns: columns.to_vec(),
            schema: schema.clone(),
            recent,
            recent_count: 0,
            folded: None,
            nans: Paths::new(),
            endless: Paths::new(),
        })
    }

    pub fn merge(&mut self, batch: &RecordBatch) -> Outcome<()> {
        for (column, field) in batch.columns().iter().zip(batch.schema_ref().fields()) {
            find_nans(column, &mut vec![field.name().clone()], &mut self.nans);
        }
        self.recent.merge(batch)?;
        self.recent_count += 1;
        if self.recent_count == BATCHES_MAX {
            self.fold()?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Outcome<StructArray> {
        self.fold()?;
        let stats = self.folded.ok_or_else(|| Failure::bug("a data file without statistics"))?;
        let (fields, mut parts, nulls) = stats.into_parts();
        for (part, field) in parts.iter_mut().zip(&fields) {
            if field.name() == MINIMA || field.name() == MAXIMA {
                *part = blank(part, &mut Vec::new(), &self.nans)?;
            }
            if field.name() == MAXIMA {
                *part = blank(part, &mut Vec::new(), &self.endless)?;
            }
        }
        Ok(StructArray::try_new(fields, parts, nulls)?)
    }

    fn fold(&mut self) -> Outcome<()> {
        let fresh = FileStatsAccumulator::new(&self.columns, &self.schema);
        self.recent_count = 0;
        let Some(recent) = mem::replace(&mut self.recent, fresh).finish()? else { return Ok(()) };
        if let (Some(minima), Some(maxima)) =
            (recent.column_by_name(MINIMA), recent.column_by_name(MAXIMA))
        {
            find_endless(minima, maxima, &mut Vec::new(), &mut self.endless);
        }
        self.folded = Some(match self.folded.take() {
            None => recent,
            Some(folded) => combine(&folded, &recent)?,
        });
        Ok(())
    }
}

/// One row of statistics out of two.
fn combine(one: &StructArray, other: &StructArray) -> Outcome<StructArray> {
    let mut parts = Vec::with_capacity(one.num_columns());
    for ((field, a), b) in one.fields().iter().zip(one.columns()).zip(other.columns()) {
        parts.push(match field.name().as_str() {
            MINIMA => leaves(a, b, &|a, b| choose(a, b, Ordering::Less))?,
            MAXIMA => leaves(a, b, &|a, b| choose(a, b, Ordering::Greater))?,
            "tightBounds" => {
                let both = a.as_boolean().value(0) && b.as_boolean().value(0);
                Arc::new(BooleanArray::from(vec![both]))
            }
            _ => leaves(a, b, &|a, b| Ok(add(&a.as_ref(), &b.as_ref())?))?, // numRecords, nullCount
        });
    }
    Ok(StructArray::try_new(one.fields().clone(), parts, None)?)
}

type Combine<'a> = &'a dyn Fn(&ArrayRef, &ArrayRef) -> Outcome<ArrayRef>;

fn leaves(one: &ArrayRef, other: &ArrayRef, combine: Combine) -> Outcome<ArrayRef> {
    let (Some(a), Some(b)) = (one.as_struct_opt(), other.as_struct_opt()) else {
        return combine(one, other);
    };
    let children = a
        .columns()
        .iter()
        .zip(b.columns())
        .map(|(a, b)| leaves(a, b, combine))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(Arc::new(StructArray::try_new(a.fields().clone(), children, None)?))
}

/// Of two bounds the one that is `wanted`; a bound that is not there does not count.
fn choose(one: &ArrayRef, other: &ArrayRef, wanted: Ordering) -> Outcome<ArrayRef> {
    if one.is_null(0) {
        return Ok(other.clone());
    }
    if other.is_null(0) {
        return Ok(one.clone());
    }
    let compare = make_comparator(one.as_ref(), other.as_ref(), SortOptions::default())?;
    Ok(if compare(0, 0) == wanted { one.clone() } else { other.clone() })
}

/// A least value without a greatest one: see `endless`.
fn find_endless(minima: &ArrayRef, maxima: &ArrayRef, path: &mut Vec<String>, found: &mut Paths) {
    let (Some(minima), Some(maxima)) = (minima.as_struct_opt(), maxima.as_struct_opt()) else {
        if minima.is_valid(0) && maxima.is_null(0) {
            found.insert(path.clone());
        }
        return;
    };
    for (field, least) in minima.fields().iter().zip(minima.columns()) {
        if let Some(greatest) = maxima.column_by_name(field.name()) {
            path.push(field.name().clone());
            find_endless(least, greatest, path, found);
            path.pop();
        }
    }
}

fn find_nans(array: &ArrayRef, path: &mut Vec<String>, found: &mut Paths) {
    let holds = match array.data_type() {
        DataType::Float64 if !found.contains(path) => {
            array.as_primitive::<Float64Type>().iter().flatten().any(f64::is_nan)
        }
        DataType::Float32 if !found.contains(path) => {
            array.as_primitive::<Float32Type>().iter().flatten().any(f32::is_nan)
        }
        DataType::Struct(fields) => {
            for (column, field) in array.as_struct().columns().iter().zip(fields) {
                path.push(field.name().clone());
                find_nans(column, path, found);
                path.pop();
            }
            false
        }
        _ => false,
    };
    if holds {
        found.insert(path.clone());
    }
}

/// The bounds of these columns left out.
fn blank(array: &ArrayRef, path: &mut Vec<String>, columns: &Paths) -> Outcome<ArrayRef> {
    if columns.contains(path) {
        return Ok(new_null_array(array.data_type(), array.len()));
    }
    let DataType::Struct(fields) = array.data_type() else { return Ok(array.clone()) };
    let from = array.as_struct();
    let mut children = Vec::with_capacity(fields.len());
    for (column, field) in from.columns().iter().zip(fields) {
        path.push(field.name().clone());
        children.push(blank(column, path, columns)?);
        path.pop();
    }
    let nulls = from.nulls().cloned();
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), children, nulls, from.len())?))
}
