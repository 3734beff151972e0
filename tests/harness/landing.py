"""A pipeline that follows a simulated base, and what its tables must hold at every moment."""

import json
import os
import time
from dataclasses import dataclass

from . import demo, history
from .compare import Leeway, differences
from .life import Follower, Life
from .program import Sluice
from .readers import READERS

VECTORS = {"delta.enableDeletionVectors": "true"}
MAPPING = {"delta.columnMapping.mode": "name"}


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of table: how it is asked for, and who can read it."""
    name: str
    configuration: dict
    readers: tuple = ("polars", "delta-rs", "duckdb")
    renames: str = "keep"
    history: bool = False
    source: str = "airtable"


@dataclass
class Moment:
    """What a destination must hold after a run."""
    table: object
    leeway: Leeway


class Landing:
    """tables: {source table: destination}. The base begins anew."""

    def __init__(self, simulator, folder, kind, tables, *, seed, records, points=False):
        self.folder = folder
        self.simulator, self.kind, self.tables = simulator, kind, tables
        self.life = Life(simulator, seed, tables, records)
        self.sluice = Sluice(folder / "home", points=points)
        demo.connect(self.sluice, simulator)
        self.pipeline = demo.write_specification(folder / "pipeline.json", tables,
                                                 **kind.configuration)
        self.followers = {d: Follower(s, renames=kind.renames) for s, d in tables.items()}
        self.states = {d: [] for d in tables.values()}  # (instant, Moment): what histories showed
        self.moments = {}

    def location(self, destination):
        return self.sluice.home / "warehouse" / demo.CATALOG / demo.SCHEMA / destination

    def run(self, *options, incremental=False, **more):
        result = self.sluice.run("run", *options, self.pipeline, **more)
        self.ran(incremental=incremental)
        return result

    def capped(self, calls):
        """The same pipeline, but a run of it may make only so many calls."""
        text = json.loads(self.pipeline.read_text())
        path = self.folder / "capped.json"
        path.write_text(json.dumps({**text, "max_calls_per_run": calls}))
        return path

    def look(self):
        """Before the base changes while a run may have landed something and then ended badly."""
        for follower in self.followers.values():
            follower.look(self.simulator)

    def reconcile(self):
        """A run that reads everything, and finds what no modified time shows."""
        return self.run("--reconcile")

    def care(self, verb, *options, **more):
        """sluice tables VERB on every table."""
        return [self.sluice.run("tables", verb, self.name(d), *options, **more)
                for d in self.tables.values()]

    def age(self, hours=48):
        """Vacuum leaves young files alone, whatever is asked: a run may be writing them."""
        for destination in self.tables.values():
            for path in self.location(destination).rglob("*"):
                if path.is_file() and "_delta_log" not in path.parts:
                    os.utime(path, (time.time() - hours * 3600,) * 2)

    def name(self, destination):
        return f"{demo.CATALOG}.{demo.SCHEMA}.{destination}"

    def ran(self, *, incremental=False):
        """A run has ended well: the tables hold what the source holds now."""
        for destination, follower in self.followers.items():
            table = follower.expect(self.simulator)
            self.moments[destination] = Moment(table,
                                               follower.leeway(table, incremental=incremental))

    def wrong(self, destination, reader, table=None) -> list:
        """Sentences on what is wrong with a table, seen through a reader."""
        if table is None:
            table = READERS[reader](self.location(destination))
        now = history.current(table) if self.kind.history else table
        moment = self.moments[destination]
        wrong = differences(now, moment.table, 5, moment.leeway)
        if self.kind.history:
            wrong += history.faults(table) + self.wrong_past(destination, table)
        return [f"{destination} through {reader}: {sentence}" for sentence in wrong]

    def wrong_past(self, destination, table):
        """Each state that a finished run has shown is still there, as of its time."""
        states, when = self.states[destination], history.last_change(table)
        if when and (not states or states[-1][0] != when):
            states.append((when, self.moments[destination]))
        wrong = []
        for when, old in states:
            leeway = Leeway(old.leeway.columns | set(table.column_names) - old.table.columns.keys(),
                            True, old.leeway.stale_columns, old.leeway.stale_rows,
                            old.leeway.gone_fields)
            wrong += [f"as of {when}: {sentence}" for sentence
                      in differences(history.as_of(table, when), old.table, 3, leeway)]
        return wrong
