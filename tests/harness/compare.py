"""Comparing what a reader shows with what the truth says, value by value."""

import datetime as dt
import json
import math
from dataclasses import dataclass, field

import pyarrow as pa

from .truth import EPOCH, Table, load_json


def type_name(type_: pa.DataType) -> str:
    """An Arrow type in the words of truth.py; readers differ in large_, view and unit."""
    if pa.types.is_dictionary(type_):
        return type_name(type_.value_type)
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or \
            pa.types.is_string_view(type_):
        return "string"
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_list_view(type_):
        return f"array<{type_name(type_.value_type)}>"
    if pa.types.is_struct(type_):
        return "struct<" + ",".join(f"{f.name}:{type_name(f.type)}" for f in type_) + ">"
    if pa.types.is_timestamp(type_):
        return "timestamp" if type_.tz else "timestamp_ntz"
    if pa.types.is_date(type_):
        return "date"
    return {"double": "double", "int64": "bigint", "bool": "boolean"}.get(str(type_), str(type_))


def plain(value):
    """Python values as truth.py writes them."""
    if isinstance(value, dt.datetime):
        return (value - EPOCH) // dt.timedelta(microseconds=1)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def same(a, b) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b) or \
            math.isnan(a) and math.isnan(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def without_links(value):
    """Links to files are new in every listing: only whether there is one can be compared."""
    if isinstance(value, dict):
        return {k: (v is not None) if k == "url" else without_links(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_links(v) for v in value]
    return value


def rescued(text):
    return None if text is None else load_json(text)


def less(values, names):
    """A dictionary without some of its members; without any left it is None."""
    return {k: v for k, v in values.items() if k not in names} or None if values else None


def as_rows(table: pa.Table) -> list:
    # Readers that show timestamps in nanoseconds or another zone mean the same instants.
    columns = []
    for column in table.columns:
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", "UTC"))
        columns.append(column)
    table = pa.table(columns, names=table.column_names)
    return [{k: plain(v) for k, v in row.items()} for row in table.to_pylist()]


@dataclass
class Leeway:
    """What may differ, and nothing else."""
    columns: set = field(default_factory=set)  # more columns that may be there, and are not compared
    any_order: bool = False                    # of the columns
    stale_columns: set = field(default_factory=set)  # may hold what they held before
    stale_rows: set = field(default_factory=set)     # keys that may still be there
    gone_fields: set = field(default_factory=set)    # ids: what was rescued of them may stay


def differences(table: pa.Table, expected: Table, most: int = 20, leeway=Leeway()) -> list:
    """Sentences on what differs; none: equal, every value of every row, no row twice."""
    wrong = []
    types = {f.name: type_name(f.type) for f in table.schema}
    got_names = [name for name in types if name not in leeway.columns]
    in_order = sorted if leeway.any_order else list
    if in_order(got_names) != in_order(expected.columns):
        wrong.append(f"columns {got_names} instead of {list(expected.columns)}")
    for name, type_ in expected.columns.items():
        if name in types and types[name] != type_:
            wrong.append(f"column {name} has type {types[name]} instead of {type_}")
    stale_fields = leeway.gone_fields | {f["id"] for c, f in expected.fields.items()
                                         if c in leeway.stale_columns}
    seen = set()
    for row in as_rows(table):
        key = row["_airtable_id"]
        if key in seen:
            wrong.append(f"{key} is there twice")
        seen.add(key)
        want = expected.rows.get(key)
        if want is None:
            if key in leeway.stale_rows:
                continue
            wrong.append(f"{key} should not be there")
            continue
        if row.get("_ingested_at") is None:
            wrong.append(f"{key}: _ingested_at is NULL")
        for name in expected.columns:
            if name == "_ingested_at" or name not in row or name in leeway.stale_columns:
                continue
            got, should = row[name], want[name]
            if name == "_rescued_data":
                got = rescued(got)
                got, should = less(got, stale_fields), less(should, stale_fields)
                if got is not None and should is not None:
                    got, should = without_links(got), without_links(should)
            elif name in expected.fleeting:
                got, should = without_links(got), without_links(should)
            if not same(got, should):
                wrong.append(f"{key}.{name}: {show(got)} instead of {show(should)}")
        if len(wrong) >= most:
            return wrong
    for key in expected.rows.keys() - seen:
        wrong.append(f"{key} is missing")
        if len(wrong) >= most:
            break
    return wrong


def show(value) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 200 else text[:200] + "..."
