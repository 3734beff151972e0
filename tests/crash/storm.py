#!/usr/bin/env python3
"""Kills runs at every named point and at random, runs again, and compares with the truth.

    build/venv/bin/python tests/crash/storm.py --kills 1000 --workers 2 --out docs/crash.md

A life is one simulated base and one pipeline that follows it: a first load, then steps. In a step
the base changes, the command of the step is killed (SLUICE_KILL_AT=<point>:<n> in a build that
knows the points, or at a random time), perhaps killed again, perhaps with changes between, and
then left to end. Readers that are not ours compare every table with the truth. All choices follow
from the seed; what is killed at a random time depends on the machine, too.
"""

import argparse
import concurrent.futures
import contextlib
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness import readers  # noqa: E402
from harness.compare import as_rows, without_links  # noqa: E402
from harness.landing import MAPPING, VECTORS, Kind, Landing  # noqa: E402
from harness.program import ROOT, Simulator  # noqa: E402
from harness.source import SOURCES, SourceLanding, simulator  # noqa: E402
from harness.tutorial import TutorialLanding  # noqa: E402

TABLES = {"SKU Candidates": "skus", "Vendors": "vendors"}
RECORDS = 130  # two pages
OUT_OF_CALLS = 8
DONE = ("killed flow.committed", "killed flow.register", "killed run.end", "killed care.")
DOUBT = "everything is read: its first load took more than one run"


def points() -> list:
    names = set()
    for path in sorted((ROOT / "src").rglob("*.c")):
        names |= set(re.findall(r'\bSL_POINT\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    # Renewing tokens has sources of its own: tests/cli/test_oauth.py.
    return sorted(name for name in names if not name.startswith("grant."))


def configuration(scd_type, properties=None) -> dict:
    """Several chains, so that a first load has parts."""
    return {"scd_type": scd_type, "table_properties": {"sluice.chains": "4", **(properties or {})}}


def tutorial(scd_type, **more) -> dict:
    """Its read notes often how far it came."""
    return {"scd_type": scd_type, **more,
            "table_properties": {"sluice.max_records_per_batch": "20"}}


KINDS = {kind.name: kind for kind in (
    Kind("rewritten", configuration("SCD_TYPE_1")),
    Kind("vectors", configuration("SCD_TYPE_1", VECTORS), ("duckdb", "delta-rs")),
    Kind("history", configuration("SCD_TYPE_2"), history=True),
    Kind("history with vectors", configuration("SCD_TYPE_2", VECTORS), ("duckdb", "delta-rs"),
         history=True),
    Kind("mapped", configuration("SCD_TYPE_1", MAPPING), ("duckdb", "delta-rs"), renames="follow"),
    Kind("appended", tutorial("APPEND_ONLY"), source="events"),
    Kind("sequenced", tutorial("SCD_TYPE_1", sequence_by="updated_at"), source="orders"),
    Kind("sequenced history", tutorial("SCD_TYPE_2", sequence_by="updated_at"), history=True,
         source="orders"),
    *(Kind(source, {"scd_type": "SCD_TYPE_1"}, ("duckdb", "delta-rs"), source=source)
      for source in SOURCES),
)}
# Of each source the tables that are read in different ways; a life with all of them takes minutes.
SOME = {
    "github": ("issues", "pull_requests", "reviews", "branches"),
    "hubspot": ("contacts", "deals", "owners"),
    "mixpanel": ("events", "engage", "cohort_members"),
    "stripe": ("customers", "invoices", "payment_methods"),
    "zendesk": ("tickets", "ticket_events", "organizations", "groups"),
}


# -- what happens ---------------------------------------------------------------------------------

@dataclass(frozen=True)
class Scenario:
    """One step of a life. before: changes the base. command: what is killed, and at last is not."""
    name: str
    before: object
    command: tuple = ("run",)
    incremental: bool = False  # what it reads need not be everything
    weight: int = 1

    @property
    def reads(self):
        return self.command[0] == "run"

    @property
    def first(self):
        return self in FIRSTS

    @property
    def parts(self):
        """Calls are capped, and a run that has no more left keeps what it has."""
        return self is FIRSTS[1]


def nothing(landing):
    pass


def change(landing):
    landing.life.change()


def alter(landing):
    landing.life.change()
    landing.life.alter()


def age(landing):
    landing.age()


FIRSTS = (Scenario("first load", nothing), Scenario("first load in parts", nothing))
SCENARIOS = (
    Scenario("incremental", change, incremental=True, weight=4),
    Scenario("nothing new", nothing, incremental=True),
    Scenario("reconcile", change, ("run", "--reconcile"), weight=2),
    Scenario("schema change", alter, incremental=True, weight=3),
    Scenario("full refresh", change, ("run", "--full-refresh")),
    Scenario("optimize", nothing, ("tables", "optimize")),
    Scenario("vacuum", age, ("tables", "vacuum", "--retain-hours", "0")),
)


@dataclass
class Report:
    kills: Counter = field(default_factory=Counter)  # (kind, scenario, point)
    steps: int = 0
    lives: int = 0
    comparisons: Counter = field(default_factory=Counter)  # reader
    differences: list = field(default_factory=list)

    def total(self):
        return sum(self.kills.values())

    def add(self, other):
        self.kills += other.kills
        self.steps += other.steps
        self.lives += other.lives
        self.comparisons += other.comparisons
        self.differences += other.differences


class Aim:
    """Where the next kill strikes: at a point that was struck seldom and is probably on the way."""

    def __init__(self, dice):
        self.dice, self.struck, self.most, self.missed = dice, Counter(), {}, Counter()
        self.points = points()

    def worth(self, kind, scenario, point):
        """A point that was not met may lie behind an earlier kill, or not on this way at all."""
        hits, misses = self.struck[scenario, point], self.missed[scenario, point]
        return ((hits + 0.5) / (hits + misses + 0.5)) ** 2 / (1 + self.struck[kind, point]) ** 2

    def choose(self, kind, scenario):
        """(point, n), or None for a random time."""
        weights = [self.worth(kind, scenario, point) for point in self.points]
        if self.dice.random() < 0.2 or max(weights) < 0.002:
            return None
        point = self.dice.choices(self.points, weights)[0]
        more = self.dice.random() < 0.1
        return point, self.dice.randint(1, self.most.get((scenario, point), 1) + more)

    def learn(self, kind, scenario, shot, killed):
        if shot is None:
            return
        point, n = shot
        if killed:
            self.struck[kind, point] += 1
            self.struck[scenario, point] += 1
            self.most[scenario, point] = max(n, self.most.get((scenario, point), 0))
        elif n == 1:
            self.missed[scenario, point] += 1


def identity(table) -> list:
    """The rows of a table as a sorted list, without what is new in every listing: a source may say
    of a row that it lists which version it is by when it listed it (`_sequence`)."""
    return sorted(sorted((k, repr(without_links(v))) for k, v in row.items()
                         if k not in ("_ingested_at", "_rescued_data", "_sequence"))
                  for row in as_rows(table))


def nameless(rows) -> list:
    """The same rows, whatever their columns are called: names that follow the source's are a
    version of their own, which comes before that of the rows."""
    return sorted(sorted(value for _, value in row if value != "None") for row in rows or [])


class Storm:
    """One life of one kind."""

    def __init__(self, simulators, kind, seed, aim, report, folder):
        if kind.source in SOURCES:
            self.landing = SourceLanding(simulators[2], folder, kind, points=True,
                                         only=SOME.get(kind.source))
        elif kind.source == "airtable":
            self.landing = Landing(simulators[0], folder, kind, TABLES, seed=seed, records=RECORDS,
                                   points=True)
        else:
            self.landing = TutorialLanding(simulators[1], folder, kind, {kind.source: kind.source},
                                           seed=seed, points=True)
        self.tables = self.landing.tables
        self.life, self.sluice = self.landing.life, self.landing.sluice
        self.kind, self.seed, self.aim, self.report = kind, seed, aim, report
        self.dice = random.Random(seed)
        self.took_s = 1.0
        self.trail = []

    def commands(self, scenario):
        """The command lines of a step: a run is one, care of a table is one for each table."""
        if scenario.reads:
            return [(*scenario.command, self.landing.pipeline)]
        verb, *options = scenario.command[1:]
        return [("tables", verb, self.landing.name(d), *options) for d in self.tables.values()]

    def strike(self, scenario, arguments):
        """Runs a command and kills it. True: it was killed."""
        if scenario.parts:
            arguments = ("run", self.landing.capped(self.dice.randrange(4, 11)))
        situation = (self.kind.name, scenario.name)
        shot = self.aim.choose(*situation)
        if shot is None:
            process = self.sluice.start(*arguments)
            try:
                process.wait(self.dice.uniform(0.01, self.took_s))
            except subprocess.TimeoutExpired:
                process.kill()
            out, err = process.communicate()
            code = process.returncode
        else:
            result = self.sluice.run(*arguments, code=None, SLUICE_KILL_AT="%s:%d" % shot)
            code, out, err = result.code, result.out, result.err
        killed = code == -signal.SIGKILL
        if scenario.parts and code == OUT_OF_CALLS:
            self.trail.append("out of calls")
        elif not killed and code != 0:
            self.wrong(f"{' '.join(map(str, arguments))} ended with {code}: "
                       f"{out[-1000:]} {err[-3000:]}")
        self.aim.learn(*situation, shot, killed)
        if killed:
            name = "at random" if shot is None else shot[0]
            self.report.kills[self.kind.name, scenario.name, name] += 1
            self.trail.append("killed " + (name if shot is None else "%s:%d" % shot))
        return killed

    def wrong(self, sentence):
        self.report.differences.append(
            f"{self.kind.name}, seed {self.seed}: {sentence} ({'; '.join(self.trail[-6:])})")

    def rows(self):
        """What readers of the tables see at this moment; a table that is not there: None."""
        reader = readers.READERS[self.kind.readers[0]]
        folders = {d: self.landing.location(d) for d in self.tables.values()}
        return {d: identity(reader(folder)) if any((folder / "_delta_log").glob("*.json")) else None
                for d, folder in folders.items()}

    def step(self, scenario):
        self.report.steps += 1
        self.trail.append(f"step {self.report.steps}: {scenario.name}")
        scenario.before(self.landing)
        first = scenario.first
        for arguments in self.commands(scenario):
            before, between, quiet = self.rows(), [], True
            for _ in range(self.dice.randint(2, 6)):
                if not self.strike(scenario, arguments) and not scenario.parts:
                    continue
                if quiet and not first:
                    between.append(self.rows())
                done = self.trail[-1].startswith(DONE)
                if scenario.reads and self.dice.random() < (0.8 if done else 0.1):
                    quiet = False
                    self.landing.look()
                    self.life.change()
            started = time.monotonic()
            result = self.sluice.run(*arguments, code=None)
            self.took_s = time.monotonic() - started
            if result.code == 0 and scenario.parts:
                # What changed while a first load took several runs, the run after it settles.
                result = self.sluice.run(*arguments, code=None)
                quiet |= result.err.count(DOUBT) == len(self.tables)
            if result.code != 0:
                return self.wrong(f"the run that was left alone failed: {result!r}")
            if quiet and between:
                after = self.rows()
                for seen in between:
                    for d in self.tables.values():
                        renamed = self.kind.renames == "follow" and \
                            nameless(seen[d]) == nameless(before[d])
                        if seen[d] not in (before[d], after[d]) and not renamed:
                            self.wrong(f"{d}: a reader saw what was neither before nor after")
        if scenario.reads:
            # A first load that was killed after its commit was not the last one to read.
            self.landing.ran(incremental=scenario.incremental or (first and not quiet))
        for destination in self.tables.values():
            for reader in self.kind.readers:
                self.report.comparisons[reader] += 1
                for sentence in self.landing.wrong(destination, reader):
                    self.wrong(sentence)

    def live(self, steps):
        self.report.lives += 1
        self.step(self.dice.choice(FIRSTS))
        for _ in range(steps):
            if self.report.differences:
                return
            self.step(self.dice.choices(SCENARIOS, [s.weight for s in SCENARIOS])[0])


def struck(report) -> set:
    return {point for _, _, point in report.kills}


def storm(kinds, seed, kills, seconds, keep=None, cover=False) -> Report:
    """Lives of each kind in turn until there were so many kills, or so much time has passed; with
    cover, not before every point was struck and every kind has lived, or four times as much."""
    report, deadline = Report(), time.monotonic() + seconds
    aim = Aim(random.Random(seed))

    def enough():
        late = time.monotonic() > deadline + 3 * seconds
        if cover and not late and (set(points()) - struck(report) or report.lives < len(kinds)):
            return False
        return report.total() >= kills or time.monotonic() > deadline

    # A base is known by its address: the simulator stays up over all kills and lives.
    with Simulator("airtable", "--rate", "-1") as airtable, Simulator("example") as example:
        while not report.differences and not enough():
            kind = KINDS[kinds[report.lives % len(kinds)]]
            folder = Path(tempfile.mkdtemp(prefix="sluice-storm-"))
            number = seed * 10_000 + report.lives
            own = simulator(kind.source, "--seed", number) if kind.source in SOURCES \
                else contextlib.nullcontext()
            try:
                with own as of_this_life:
                    life = Storm((airtable, example, of_this_life), kind, number, aim, report,
                                 folder)
                    life.live(steps=5)
                print(f"seed {seed}, life {report.lives}, {kind.name}: {report.total()} kills",
                      *report.differences, sep="\n  ", file=sys.stderr, flush=True)
            finally:
                if keep and not report.differences:
                    kept = keep / f"{seed}-{kind.name}"
                    shutil.rmtree(kept, ignore_errors=True)
                    shutil.move(folder, kept)
                    life.sluice.home = kept / "home"
                    life.landing.simulator = life.landing.life = None
                    (kept / "landing").write_bytes(pickle.dumps(life.landing))
                else:
                    shutil.rmtree(folder, ignore_errors=not report.differences)
    return report


# -- the long run ---------------------------------------------------------------------------------

def through_spark(keep, report):
    """What the lives left behind, the last of each kind and worker, through Spark."""
    for path in sorted(keep.glob("*/landing")):
        landing = pickle.loads(path.read_bytes())
        for destination in landing.tables.values():
            report.comparisons["spark"] += 1
            report.differences += [f"{path.parent.name}: {sentence}"
                                   for sentence in landing.wrong(destination, "spark")]


def markdown(report, arguments, seconds) -> str:
    kinds = [k for k in KINDS if any(key[0] == k for key in report.kills)]
    lines = [
        "# Killed anywhere", "",
        "Printed by `make crash`; `tests/crash/storm.py` says how it is done. A run, or a command "
        "that cares for a table, is ended with SIGKILL at a named point of the source or at a "
        "random time, several times in a row, while the source goes on changing. Then it is left "
        "to end, and readers that are not ours compare every row and value with what the source "
        "holds. A reader that looks between two kills must see the table as before or as after; "
        "renames that are followed are a version of their own, before the rows. Of a history, each "
        "state that a finished run has shown must still be there, and versions of a key must not "
        "overlap.", "",
        f"{report.total()} kills in {report.lives} lives and {report.steps} steps, seeds "
        f"{arguments.seed} to {arguments.seed + arguments.workers - 1}, {seconds:.0f} s with "
        f"{arguments.workers} at once. **Differences: {len(report.differences)}.**", "",
        "Tables compared: " + ", ".join(f"{n} times through {r}" for r, n
                                        in sorted(report.comparisons.items())) + ".", ""]
    for title, column in (("point", 2), ("step", 1)):
        names = sorted({key[column] for key in report.kills})
        lines += [f"| {title} | " + " | ".join(kinds) + " | all |",
                  "|---|" + "---:|" * (len(kinds) + 1)]
        for name in names + ["all"]:
            row = [sum(n for key, n in report.kills.items()
                       if name in (key[column], "all") and kind in (key[0], "all"))
                   for kind in [*kinds, "all"]]
            shown = f"`{name}`" if "." in name else name
            lines.append(f"| {shown} | " + " | ".join(map(str, row)) + " |")
        lines.append("")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=3 * 3600, help="end then, whatever happened")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="lives at the same time")
    parser.add_argument("--kinds", default=",".join(KINDS), help="of tables: " + ", ".join(KINDS))
    parser.add_argument("--out", type=Path, help="the report, in Markdown")
    arguments = parser.parse_args()

    started, report = time.monotonic(), Report()
    keep = Path(tempfile.mkdtemp(prefix="sluice-storm-kept-"))
    share = -(-arguments.kills // arguments.workers)
    with concurrent.futures.ProcessPoolExecutor(arguments.workers) as pool:
        for part in pool.map(storm, *zip(*[
                (arguments.kinds.split(","), arguments.seed + w, share, arguments.seconds, keep)
                for w in range(arguments.workers)])):
            report.add(part)
    if not report.differences:
        through_spark(keep, report)
        readers.spark_session().stop()
    shutil.rmtree(keep)
    text = markdown(report, arguments, time.monotonic() - started)
    print(text)
    print("\n".join(report.differences), file=sys.stderr)
    if report.differences:
        return 1
    if arguments.out:
        arguments.out.write_text(text)
    missed = set(points()) - struck(report)
    print(f"points that were never reached: {', '.join(sorted(missed)) or 'none'}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
