"""The life of a simulated Airtable base, from a seed, and what a table that follows it must hold."""

import random

from .compare import Leeway
from .truth import Table, column_names, expected_table, snake_case

# What an edit of another record, or time alone, changes: a source does not say so, only reading
# everything does.
COMPUTED = {"formula", "rollup", "lookup", "multipleLookupValues", "count", "multipleRecordLinks"}

# What can be written into a cell, by the type of its field.
VALUES = {
    "singleLineText": lambda dice: dice.choice(["Kiln", "Ångström", "", "🚀 " * 5, "x" * 3000]),
    "multilineText": lambda dice: f"line {dice.randrange(9)}\nline two",
    "number": lambda dice: dice.choice([0, -1, 7.5, 1e15, dice.randrange(10**6)]),
    "currency": lambda dice: dice.randrange(10**6) / 100,
    "rating": lambda dice: dice.randrange(1, 6),
    "checkbox": lambda dice: True,
    "email": lambda dice: f"person{dice.randrange(99)}@example.org",
}

SETTLED_MS = 120_000  # after that a modified time lies behind every margin of a reader


class Life:
    """One base from its beginning. Which record, which field, which value: all from the seed."""

    def __init__(self, simulator, seed, tables, records):
        self.simulator, self.tables = simulator, list(tables)
        self.dice = random.Random(seed)
        self.serial = 0
        simulator.control(clear_faults=True, op="base", kind="demo", records=records)
        self.live = {table: list(range(records)) for table in self.tables}
        self.total = dict.fromkeys(self.tables, records)

    def operate(self, *ops):
        self.simulator.control(ops=list(ops))

    def fields(self, table) -> list:
        return self.simulator.truth(table)["table"]["fields"]

    def edit(self, table):
        record = self.dice.choice(self.live[table])
        op = {"op": "edit", "table": table, "record": record}
        if self.dice.random() < 0.7:
            fields = [f for f in self.fields(table) if f["type"] in VALUES]
            some = self.dice.sample(fields, min(len(fields), 3))
            op["fields"] = {f["id"]: self.dice.choice([None, VALUES[f["type"]](self.dice)])
                            for f in some}
        self.operate(op)

    def create(self, table):
        self.operate({"op": "create", "table": table})
        self.live[table].append(self.total[table])
        self.total[table] += 1

    def delete(self, table):
        if len(self.live[table]) > 10:
            record = self.live[table].pop(self.dice.randrange(len(self.live[table])))
            self.operate({"op": "delete", "table": table, "record": record})

    def change(self, *, deletes=True):
        """A busy hour: edits most of all."""
        for _ in range(self.dice.randrange(1, 9)):
            table = self.dice.choice(self.tables)
            does = self.dice.choices([self.edit, self.create, self.delete],
                                     [6, 2, 2 if deletes else 0])[0]
            does(table)
        self.pass_time(SETTLED_MS)

    def new_name(self, word):
        self.serial += 1
        return f"{word} {self.serial}"

    def alter(self):
        """Somebody tidies up: fields are renamed, change names, come and go."""
        table = self.dice.choice(self.tables)
        fields = [f for f in self.fields(table)[1:] if f["type"] in VALUES]
        one, other = self.dice.sample(fields, 2)
        what = self.dice.choice(["rename", "rename", "swap", "add", "add", "remove"])
        if what == "rename":
            self.operate({"op": "rename_field", "table": table, "field": one["id"],
                          "to": self.new_name("Renamed")})
        elif what == "swap":
            self.operate({"op": "rename_field", "table": table, "field": one["id"],
                          "to": other["name"]},
                         {"op": "rename_field", "table": table, "field": other["id"],
                          "to": one["name"]})
        elif what == "add":
            self.operate({"op": "add_field", "table": table, "name": self.new_name("Added"),
                          "type": self.dice.choice(["singleLineText", "number", "checkbox"])})
        elif len(fields) > 4:
            self.operate({"op": "remove_field", "table": table, "field": one["id"]})
        self.pass_time(SETTLED_MS)

    def pass_time(self, ms):
        self.simulator.control(advance_ms=ms)


class Follower:
    """What one destination must hold: it remembers under which name each field landed."""

    # Columns that the engine adds beside the source's.
    OWN = {"_sequence", "__START_AT", "__END_AT"}

    def __init__(self, source, *, renames="keep"):
        self.source, self.renames = source, renames
        self.names = {}  # field id -> column
        self.sources = {}  # field id -> the field's name when its column got its name
        self.keys = set()  # all that were ever there

    def expect(self, simulator) -> Table:
        """The destination after a run that saw everything. Call it after each successful run."""
        truth = simulator.truth(self.source)
        fields = truth["table"]["fields"]
        if not self.names:
            self.names = dict(zip((f["id"] for f in fields), column_names(fields)))
        for f in fields:
            renamed = self.sources.setdefault(f["id"], f["name"]) != f["name"]
            if f["id"] not in self.names or (renamed and self.renames == "follow"):
                self.names[f["id"]] = self.free_name(f, fields)
                self.sources[f["id"]] = f["name"]
        table = expected_table(truth, [self.names[f["id"]] for f in fields])
        self.keys |= table.rows.keys()
        return table

    def look(self, simulator):
        """What is there now may have landed, although no run has ended since."""
        self.keys |= expected_table(simulator.truth(self.source)).rows.keys()

    def free_name(self, f, fields):
        """snake_case, unless a column that stays has that name."""
        name = snake_case(f["name"])
        present = {g["id"]: g["name"] for g in fields}
        taken = {column for i, column in self.names.items()
                 if i != f["id"] and self.sources[i] == present.get(i, self.sources[i])}
        return f"{name}_{f['id'][-6:].lower()}" if name in taken else name

    def leeway(self, expected: Table, *, incremental) -> Leeway:
        """incremental: the run asked only for what changed, as far as the source can say so."""
        gone = {i: c for i, c in self.names.items() if c not in expected.columns}
        columns, fields = self.OWN | set(gone.values()), set(gone)
        if not incremental:
            return Leeway(columns=columns, any_order=True, gone_fields=fields)
        computed = {c for c, f in expected.fields.items() if f["type"] in COMPUTED}
        return Leeway(columns=columns, any_order=True, gone_fields=fields,
                      stale_columns=computed, stale_rows=self.keys - expected.rows.keys())
