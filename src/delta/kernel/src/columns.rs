//! Batches made to fit a table's columns.
//!
//! The kernel takes the columns of a batch by position and would swap two of the same type without
//! a word, so everything that is written passes `align` first, which goes by name.

use std::collections::HashSet;
use std::sync::Arc;

use delta_kernel::arrow::array::{
    new_null_array, Array, ArrayRef, AsArray, ListArray, MapArray, StructArray,
};
use delta_kernel::arrow::compute::{cast_with_options, CastOptions};
use delta_kernel::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use delta_kernel::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::schema::StructType;

use crate::border::{Code, Failure, Outcome};

/// The Arrow form of a Delta schema, without the metadata that only writers need.
pub fn plain_schema(schema: &StructType) -> Outcome<Arc<Schema>> {
    let schema: Schema = schema.try_into_arrow()?;
    Ok(Arc::new(Schema::new(schema.fields().iter().map(plain_field).collect::<Vec<_>>())))
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::List(item) => DataType::List(plain_field(item)),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

/// Can columns of these names and types be written to a table with those? Tells the first that
/// cannot, so that `align` has nothing left to refuse but values.
pub fn check(from: &Fields, to: &Fields, parent: &str) -> Outcome<()> {
    let mut seen = HashSet::new();
    for field in from {
        let name = format!("{parent}{}", field.name());
        if !seen.insert(field.name()) {
            return Err(Failure::bug(format!("column '{name}' is there twice")));
        }
        let Some(target) = to.iter().find(|target| target.name() == field.name()) else {
            return Err(Failure::bug(format!("the table has no column '{name}'")));
        };
        check_type(field.data_type(), target.data_type(), &name)?;
    }
    Ok(())
}

fn check_type(from: &DataType, to: &DataType, name: &str) -> Outcome<()> {
    use DataType::*;

    let fits = match (from, to) {
        (from, to) if from == to => true,
        (Null, _) => true,
        (Struct(from), Struct(to)) => return check(from, to, &format!("{name}.")),
        (List(from) | LargeList(from), List(to)) => {
            return check_type(from.data_type(), to.data_type(), &format!("{name}.element"));
        }
        (Map(from, _), Map(to, _)) => match (from.data_type(), to.data_type()) {
            (Struct(from), Struct(to)) if from.len() == 2 && to.len() == 2 => {
                check_type(from[0].data_type(), to[0].data_type(), &format!("{name}.key"))?;
                return check_type(
                    from[1].data_type(),
                    to[1].data_type(),
                    &format!("{name}.value"),
                );
            }
            _ => false,
        },
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) => true,
        (Int8 | Int16 | Int32 | Int64, Decimal128(_, _)) => true,
        (Float32, Float64) => true,
        (Utf8 | LargeUtf8 | Utf8View, Utf8) => true,
        (Binary | LargeBinary | BinaryView | FixedSizeBinary(_), Binary) => true,
        (Decimal128(_, from), Decimal128(_, to)) => from <= to,
        (Timestamp(_, from), Timestamp(_, to)) => from.is_some() == to.is_some(),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Failure::bug(format!("column '{name}' is {to} in the table and {from} in the batch")))
}

/// The columns of `batch`, by name, in the order, with the types and the field names of `schema`.
pub fn align(batch: &StructArray, schema: &Arc<Schema>) -> Outcome<RecordBatch> {
    let columns =
        schema.fields().iter().map(|field| child(batch, field)).collect::<Outcome<Vec<_>>>()?;
    for (column, field) in columns.iter().zip(schema.fields()) {
        if !field.is_nullable() && column.is_nullable() && column.null_count() > 0 {
            let message = format!(
                "column '{}' does not take NULL, and a row has no value for it",
                field.name()
            );
            return Err(Failure::new(Code::Destination, message).hint(
                "Let the column take NULL (ALTER TABLE ... ALTER COLUMN ... DROP NOT NULL), or \
                 land in another destination table.",
            ));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.len()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

fn child(parent: &StructArray, field: &FieldRef) -> Outcome<ArrayRef> {
    match parent.column_by_name(field.name()) {
        Some(column) => align_array(column, field.data_type())
            .map_err(|failure| failure.context(format!("column '{}'", field.name()))),
        None => Ok(new_null_array(field.data_type(), parent.len())),
    }
}

fn align_array(array: &ArrayRef, to: &DataType) -> Outcome<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    match (array.data_type(), to) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let from = array.as_struct();
            let columns =
                fields.iter().map(|field| child(from, field)).collect::<Outcome<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                from.nulls().cloned(),
                from.len(),
            )?))
        }
        (DataType::LargeList(item), DataType::List(_)) => {
            let list = cast(array, &DataType::List(item.clone()))?;
            align_array(&list, to)
        }
        (DataType::List(_), DataType::List(element)) => {
            let from = array.as_list::<i32>();
            let values = align_array(from.values(), element.data_type())?;
            let (offsets, nulls) = (from.offsets().clone(), from.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(element.clone(), offsets, values, nulls)?))
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let from = array.as_map();
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(Failure::bug("a map without entries"));
            };
            let keys = align_array(from.keys(), fields[0].data_type())?;
            let values = align_array(from.values(), fields[1].data_type())?;
            let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
            let (offsets, nulls) = (from.offsets().clone(), from.nulls().cloned());
            Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, pairs, nulls, *sorted)?))
        }
        _ => cast(array, to),
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Outcome<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options)
        .map_err(|error| Failure::from(error).told_as(Code::BadData))
}

/// The same array under the names of `to`, by position and through all levels: physical names
/// become visible ones.
pub fn rename_array(array: &ArrayRef, to: &DataType) -> Outcome<ArrayRef> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    match (array.data_type(), to) {
        (DataType::Struct(from), DataType::Struct(fields)) if from.len() == fields.len() => {
            let from = array.as_struct();
            let columns = from
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| rename_array(column, field.data_type()))
                .collect::<Outcome<Vec<_>>>()?;
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns,
                from.nulls().cloned(),
                from.len(),
            )?))
        }
        (DataType::List(_), DataType::List(element)) => {
            let from = array.as_list::<i32>();
            let values = rename_array(from.values(), element.data_type())?;
            let (offsets, nulls) = (from.offsets().clone(), from.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(element.clone(), offsets, values, nulls)?))
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let from = array.as_map();
            let pairs: ArrayRef = Arc::new(from.entries().clone());
            let pairs = rename_array(&pairs, entries.data_type())?.as_struct().clone();
            let (offsets, nulls) = (from.offsets().clone(), from.nulls().cloned());
            Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, pairs, nulls, *sorted)?))
        }
        _ => cast(array, to),
    }
}
