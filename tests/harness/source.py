"""Any source whose simulator tells the truth: every table that discover shows, landed by one
pipeline, and what each must hold. The rows are decoded here once more, from docs/types.md and from
what discover says of the columns; Airtable, whose fields are described by itself, has truth.py."""

import json
import re
from collections import Counter
from decimal import ROUND_HALF_UP, Decimal

from . import history
from .compare import as_rows, same, show, type_name
from .landing import Landing
from .program import ROOT, Simulator, Sluice
from .readers import READERS
from .truth import JSON_TEXT, Cell, Number, decode, is_text, json_text, split_members

CATALOG, SCHEMA = "main", "landed"
SOURCES = sorted(path.name for path in (ROOT / "examples").iterdir()
                 if (path / "pipeline.json").exists()
                 and path.name not in ("airtable", "example"))  # these have harnesses of their own
NOT_THE_SOURCES = {"_rescued_data", "_ingested_at", "_sequence", history.START, history.END}


# -- cells ----------------------------------------------------------------------------------------

def plain_type(sql: str) -> str:
    """ARRAY<STRUCT<id: BIGINT>> as truth.py writes it: types in small letters, names as they are."""
    return re.sub(r"\w+(?!\w*:)", lambda word: word[0].lower(), re.sub(r"\s+", "", sql))


def shown_type(type_) -> str:
    text = type_name(type_)
    return re.sub(r"^decimal\d*", "decimal", text).replace(" ", "")


def since_1970(raw, unit) -> Cell:
    """Seconds or milliseconds, as a number or its text."""
    try:
        return Cell(int((Decimal(raw) * unit).quantize(Decimal(1), ROUND_HALF_UP)))
    except (ArithmeticError, TypeError, ValueError):
        return Cell(None, ["wrong_type"])


def decode_decimal(type_, raw) -> Cell:
    scale = int(type_[:-1].split(",")[1])
    if isinstance(raw, Number) or is_text(raw):
        exact = Decimal(raw)
        value = exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
        return Cell(value, [] if value == exact else ["precision"])
    return Cell(None, ["wrong_type"])


def decode_map(type_, raw) -> Cell:
    inner = type_[len("map<string,"):-1]
    if not isinstance(raw, dict):
        return Cell(None, ["wrong_type"])
    cells = {key: decode_cell({"type": inner}, value) for key, value in raw.items()}
    return Cell({k: c.value for k, c in cells.items()},
                [reason for c in cells.values() for reason in c.reasons])


def decode_struct(members, raw, inner) -> Cell:
    """inner: how a column is decoded goes for its innermost values too."""
    if not isinstance(raw, dict):
        return Cell(None, ["wrong_type"])
    cells = {name: decode_cell({"type": type_, **inner}, raw.get(name))
             for name, type_ in members.items()}
    reasons = ["unknown_field" for name in raw if name not in members]
    return Cell({name: c.value for name, c in cells.items()},
                reasons + [reason for c in cells.values() for reason in c.reasons])


def from_text(type_, raw):
    """What the text of a source that writes everything as text stands for; "" is nothing."""
    if raw == "":
        return None
    if type_ == "boolean" and raw in ("true", "false"):
        return raw == "true"
    if type_.startswith(("bigint", "double", "decimal")):
        return Number(raw)
    return raw


def constant(column, raw):
    """A connector gives it as text: what that says counts, not how the truth writes it."""
    type_ = plain_type(column["type"])
    if type_ == "string":
        return raw if raw is None or is_text(raw) else json_text(raw)
    return from_text(type_, raw) if is_text(raw) else raw


def decode_cell(column, raw) -> Cell:
    type_, how = plain_type(column["type"]), column.get("decode")
    if raw is None:
        return Cell(None)
    if how == "text" and is_text(raw):
        raw = from_text(type_, raw)
        if raw is None:
            return Cell(None)
    inner = {"decode": how} if how in ("json", "seconds", "millis", "text") else {}
    if type_.startswith("array<") and isinstance(raw, list):
        cells = [decode_cell({"type": type_[6:-1], **inner}, element) for element in raw]
        return Cell([c.value for c in cells], [r for c in cells for r in c.reasons])
    if type_.startswith("struct<"):
        return decode_struct(split_members(type_[7:-1]), raw, inner)
    if how in ("seconds", "millis") and type_ == "timestamp":
        return since_1970(raw, 10**6 if how == "seconds" else 1000)
    if how == "json" and type_ == "string":
        return decode(JSON_TEXT, raw) if is_text(raw) else Cell(json_text(raw))
    if type_.startswith("decimal"):
        return decode_decimal(type_, raw)
    if type_.startswith("map<"):
        return decode_map(type_, raw)
    return decode(type_, raw, computed=how == "one_or_array")


def at(record, path):
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record


def rest_of(record, column, columns):
    """The members of an object that no other column names."""
    whole = at(record, column["path"]) if column["path"] != [""] else record
    if not isinstance(whole, dict):
        return None
    depth = len(column["path"]) if column["path"] != [""] else 0
    named = {c["path"][depth] for c in columns
             if "path" in c and c is not column and len(c["path"]) > depth
             and c["path"][:depth] == column["path"][:depth]}
    return {k: v for k, v in whole.items() if k not in named}


def expected_row(columns, record):
    """{column: value} and whether something of it is rescued."""
    row, reasons = {}, []
    for column in columns:
        name = column["destination_name"]
        if column.get("constant"):
            cell = decode_cell(column, constant(column, record.get(column["name"])))
        elif column.get("decode") == "rest":
            rest = rest_of(record, column, columns)
            cell = Cell(None if rest is None else json_text(rest))
        else:
            cell = decode_cell(column, at(record, column["path"]))
        row[name] = cell.value
        reasons += cell.reasons
    return row, [reason for reason in reasons if reason != "unknown_field"]


def of_reader(row, columns):
    """Maps come as lists of pairs."""
    for column in columns:
        name = column["destination_name"]
        if column["type"].startswith("MAP") and isinstance(row.get(name), (list, tuple)):
            row[name] = dict(row[name])
    return row


# -- a table --------------------------------------------------------------------------------------

class SourceTable:
    """One table of the source and where it lands."""

    def __init__(self, definition):
        self.name, self.namespace = definition["name"], definition.get("namespace")
        self.ingestion = definition["ingestion"]
        self.columns = definition["columns"]
        by_name = {c["name"]: c["destination_name"] for c in self.columns}
        self.key = [by_name[name] for name in definition["primary_key"]]
        both = f"{self.namespace}_{self.name}" if self.namespace else self.name
        self.destination = re.sub(r"\W+", "_", both).lower()
        self.seen = set()  # keys that were there at some moment

    @property
    def tells_deletes(self):
        return self.ingestion == "cdc_with_deletes"

    def truth(self, simulator):
        """[(row, reasons)] as the source holds them now."""
        records = simulator.truth(self.name, self.namespace)["records"]
        return [expected_row(self.columns, record) for record in records]

    def key_of(self, row):
        return tuple(map(repr, (row.get(name) for name in self.key)))

    def differences(self, table, truth, stale=frozenset(), most=5) -> list:
        wrong = []
        shown = {f.name: shown_type(f.type) for f in table.schema}
        for column in self.columns:
            name, type_ = column["destination_name"], plain_type(column["type"])
            if name not in shown:
                wrong.append(f"column {name} is missing")
            elif shown[name] != type_:
                wrong.append(f"column {name} has type {shown[name]} instead of {type_}")
        extra = shown.keys() - {c["destination_name"] for c in self.columns} - NOT_THE_SOURCES
        if extra:
            wrong.append(f"columns nobody asked for: {sorted(extra)}")
        rows = [of_reader(row, self.columns) for row in as_rows(table)]
        wrong += self.keyed(rows, truth, stale) if self.key else self.keyless(rows, truth)
        return wrong[:most] + ([f"... {len(wrong)} in all"] if len(wrong) > most else [])

    def keyed(self, rows, truth, stale):
        wrong, seen = [], set()
        expected = {self.key_of(row): (row, reasons) for row, reasons in truth}
        if len(expected) != len(truth):
            wrong.append(f"the truth has {len(truth) - len(expected)} keys twice")
        fleeting = {c["destination_name"] for c in self.columns if c.get("fleeting")}
        for row in rows:
            key = self.key_of(row)
            if key in seen:
                wrong.append(f"{key} is there twice")
            seen.add(key)
            if key not in expected:
                wrong += [] if key in stale else [f"{key} should not be there"]
                continue
            want, reasons = expected[key]
            wrong += [f"{key}.{name}: {show(row.get(name))} instead of {show(value)}"
                      for name, value in want.items()
                      if name not in fleeting and not same(row.get(name), value)]
            if reasons and not row.get("_rescued_data"):
                wrong.append(f"{key}: nothing is rescued of {reasons}")
        return wrong + [f"{key} is missing" for key in expected.keys() - seen]

    def keyless(self, rows, truth):
        names = [c["destination_name"] for c in self.columns if not c.get("fleeting")]
        got = Counter(repr([row.get(name) for name in names]) for row in rows)
        want = Counter(repr([row.get(name) for name in names]) for row, _ in truth)
        return [f"not in the source: {row}" for row in (got - want)] + \
               [f"missing: {row}" for row in (want - got)]


class SourceLife:
    """Days in the life of a source: its simulator's own script of changes."""

    def __init__(self, simulator):
        self.simulator = simulator

    def change(self):
        """A day passes, so that what an index or a feed shows late is there."""
        self.simulator.control(ops=[{"op": "day"}])
        self.simulator.control(advance_ms=25 * 3600 * 1000)

    alter = change


# -- all of them ----------------------------------------------------------------------------------

class SourceLanding(Landing):
    """Every table that discover shows, as one pipeline."""

    def __init__(self, simulator, folder, kind, *, points=False, only=None, options=None):
        self.folder, self.simulator, self.kind = folder, simulator, kind
        self.life = SourceLife(simulator)
        self.sluice = Sluice(folder / "home", points=points)
        connection = {"name": kind.source, "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                      "options": {"sourceName": kind.source, **simulator.connection(),
                                  **(options or {})}}
        self.sluice.run("connections", "create", "--json", "-", stdin=json.dumps(connection))
        found = self.sluice.json("discover", kind.source)["tables"]
        self.defs = {t.destination: t for t in map(SourceTable, (
            d for d in found if not d.get("excluded") and (only is None or d["name"] in only)))}
        self.tables = {d: d for d in self.defs}
        self.pipeline = folder / "pipeline.json"
        self.pipeline.write_text(json.dumps(self.specification()))
        self.moments, self.states = {}, {d: [] for d in self.defs}

    def configuration(self, table) -> dict:
        """Tables without a key, and those that only grow, have no history."""
        if table.key and table.ingestion != "append":
            return self.kind.configuration
        return {k: v for k, v in self.kind.configuration.items() if k != "scd_type"}

    def specification(self) -> dict:
        objects = [{"table": {
            "source_table": t.name, **({"source_schema": t.namespace} if t.namespace else {}),
            "destination_table": t.destination, "table_configuration": self.configuration(t)}}
            for t in self.defs.values()]
        return {"name": f"all_of_{self.kind.source}", "catalog": CATALOG, "schema": SCHEMA,
                "ingestion_definition": {"connection_name": self.kind.source, "objects": objects}}

    def location(self, destination):
        return self.sluice.home / "warehouse" / CATALOG / SCHEMA / destination

    def name(self, destination):
        return f"{CATALOG}.{SCHEMA}.{destination}"

    def look(self):
        """What is there now may have landed, although no run has ended since."""
        for table in self.defs.values():
            table.seen |= {table.key_of(row) for row, _ in table.truth(self.simulator)}

    def ran(self, *, incremental=False):
        """A run has ended well. incremental: a source that tells no deletes may have rows more."""
        for destination, table in self.defs.items():
            truth = table.truth(self.simulator)
            table.seen |= {table.key_of(row) for row, _ in truth}
            stale = table.seen if incremental and not table.tells_deletes else frozenset()
            self.moments[destination] = truth, frozenset(stale)

    def has_history(self, table) -> bool:
        return self.configuration(table).get("scd_type") == "SCD_TYPE_2"

    def wrong(self, destination, reader, table=None) -> list:
        source = self.defs[destination]
        table = READERS[reader](self.location(destination)) if table is None else table
        truth, stale = self.moments[destination]
        wrong = []
        if self.has_history(source):
            now = history.current(table)
            if len(source.key) == 1:
                wrong += history.faults(table, source.key[0])
        else:
            now = table
        wrong += source.differences(now, truth, stale)
        return [f"{destination} through {reader}: {sentence}" for sentence in wrong]

    def all_wrong(self, reader) -> list:
        return [sentence for d in self.defs for sentence in self.wrong(d, reader)]


def simulator(source, *options, **more) -> Simulator:
    """Without a limit; the connection that it gives sets none either."""
    return Simulator(source, "--rate", "-1", *options, **more)
