"""What must hold of a table of versions (SCD_TYPE_2): [__START_AT, __END_AT), the open one has no end."""

import itertools

import pyarrow as pa
import pyarrow.compute as pc

START, END = "__START_AT", "__END_AT"


def bounds(table: pa.Table) -> pa.Table:
    """The same with bounds that can be compared, whatever zone and unit a reader shows."""
    for name in (START, END):
        at = table.column_names.index(name)
        if pa.types.is_timestamp(table.schema.field(name).type):
            table = table.set_column(at, name, table[name].cast(pa.timestamp("us", "UTC")))
    return table


def only(table: pa.Table, keep: list) -> pa.Table:
    """Some rows. Slices, because views of text, as delta-rs gives them, cannot be filtered."""
    slices, at = [table.slice(0, 0)], 0
    for kept, run in itertools.groupby(keep):
        length = len(list(run))
        slices += [table.slice(at, length)] if kept else []
        at += length
    return pa.concat_tables(slices)


def current(table: pa.Table) -> pa.Table:
    return only(table, pc.is_null(table[END]).to_pylist())


def last_change(table: pa.Table):
    """The newest bound: what the table says now, it says as of then."""
    table = bounds(table)
    found = [pc.max(table[name]).as_py() for name in (START, END)]
    return max((t for t in found if t is not None), default=None)


def as_of(table: pa.Table, when) -> pa.Table:
    """The rows that were open at an instant."""
    table = bounds(table)
    return only(table, [start is not None and start <= when and (end is None or end > when)
                        for start, end in zip(table[START].to_pylist(), table[END].to_pylist())])


def faults(table: pa.Table, key="_airtable_id") -> list:
    """Sentences on versions that cannot be."""
    table = bounds(table)
    wrong, by_key = [], {}
    rows = table.select([key, START, END]).to_pylist()
    for row in rows:
        by_key.setdefault(row[key], []).append((row[START], row[END]))
    for k, versions in by_key.items():
        if any(start is None for start, _ in versions):
            wrong.append(f"{k}: a version without a start")
            continue
        versions.sort(key=lambda v: v[0])
        for (start, end), after in zip(versions, versions[1:] + [None]):
            if end is not None and end <= start:
                wrong.append(f"{k}: a version ends at {end}, before or as it starts")
            if after and (end is None or end > after[0]):
                wrong.append(f"{k}: versions overlap at {after[0]}")
    return wrong
