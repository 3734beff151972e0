"""The tutorial's source in the place of a base: rows that are only appended, and rows whose versions
are the source's own, with deletes. What its tables must hold is what the simulator shows."""

import datetime as dt
import json
import random

from . import demo, history
from .compare import as_rows
from .landing import Landing
from .program import Sluice
from .readers import READERS
from .truth import EPOCH

KEYS = {"events": "event_id", "orders": "order_id"}
TIMES = ("created_at", "updated_at")


class TutorialLife:
    """Orders are placed, change, and are cancelled; events happen. A second passes after each."""

    def __init__(self, simulator, seed):
        self.simulator, self.dice, self.seed, self.serial = simulator, random.Random(seed), seed, 0

    def new_key(self, word):
        self.serial += 1
        return f"{word}_{self.seed}_{self.serial}"

    def event(self):
        return {"op": "upsert", "table": "events", "record": {
            "event_id": self.new_key("event"), "event_type": self.dice.choice(["click", "view"]),
            "user_id": None, "payload": "ü" * self.dice.randrange(50)}}

    def order(self):
        old = [row["order_id"] for row in rows_of(self.simulator, "orders")]
        key = self.dice.choice(old) if self.dice.random() < 0.7 else self.new_key("order")
        if self.dice.random() < 0.2 and len(old) > 90 and key in old:
            return {"op": "delete", "table": "orders", "key": key}
        return {"op": "upsert", "table": "orders", "record": {
            "order_id": key, "user_id": "user_1", "amount": self.dice.randrange(10**6) / 100,
            "status": self.dice.choice(["pending", "shipped", None])}}

    def change(self):
        for _ in range(self.dice.randrange(1, 9)):
            self.simulator.control(advance_ms=1000)
            self.simulator.control(ops=[self.dice.choice([self.event, self.order])()])
        self.simulator.control(advance_ms=5000)

    alter = change


def rows_of(simulator, table) -> list:
    rows = simulator.truth(table)["records"]
    for row in rows:
        if "amount" in row and row["amount"] is not None:
            row["amount"] = float(row["amount"])
        for name in set(TIMES) & row.keys():
            since = dt.datetime.fromisoformat(row[name]) - EPOCH
            row[name] = since // dt.timedelta(microseconds=1)
    return rows


class TutorialLanding(Landing):
    """One table. Nothing of it depends on how it was read: what a run leaves is exactly known."""

    def __init__(self, simulator, folder, kind, tables, *, seed, points=False):
        self.simulator, self.kind, self.tables, self.folder = simulator, kind, tables, folder
        self.life = TutorialLife(simulator, seed)
        self.sluice = Sluice(folder / "home", points=points)
        self.sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "example", **simulator.connection()}}))
        self.pipeline = demo.write_specification(folder / "pipeline.json", tables,
                                                 **kind.configuration)
        self.moments, self.states = {}, {d: [] for d in tables.values()}

    def look(self):
        """Deletes are told by the source, not found by absence."""

    def ran(self, *, incremental=False):
        for table, destination in self.tables.items():
            self.moments[destination] = {row[KEYS[table]]: row
                                         for row in rows_of(self.simulator, table)}

    def wrong(self, destination, reader, table=None) -> list:
        source = next(s for s, d in self.tables.items() if d == destination)
        table = READERS[reader](self.location(destination)) if table is None else table
        wrong = self.differences(table, self.moments[destination], KEYS[source])
        if self.kind.history:
            wrong += history.faults(table, KEYS[source])
            when, states = history.last_change(table), self.states[destination]
            if when and (not states or states[-1][0] != when):
                states.append((when, self.moments[destination]))
            for at, old in states:
                wrong += [f"as of {at}: {sentence}" for sentence
                          in self.differences(table, old, KEYS[source], at)]
        return [f"{destination} through {reader}: {sentence}" for sentence in wrong]

    def differences(self, table, expected, key, when=None) -> list:
        if self.kind.history:
            table = history.current(table) if when is None else history.as_of(table, when)
        wrong, seen = [], set()
        for row in as_rows(table):
            want = expected.get(row[key])
            if row[key] in seen:
                wrong.append(f"{row[key]} is there twice")
            seen.add(row[key])
            if want is None:
                wrong.append(f"{row[key]} should not be there")
            elif want != {name: row.get(name) for name in want}:
                wrong.append(f"{row[key]}: {row} instead of {want}")
        return wrong + [f"{k} is missing" for k in expected.keys() - seen]
