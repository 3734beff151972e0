#!/usr/bin/env python3
"""What reading each source costs: processor time and memory of a million rows, calls of changes.

    build/venv/bin/python bench/sources.py [rows] [calls] [--only stripe,github] [--rounds 2]
                                           [--times 1] [--docs] [--out FILE]

rows: one table is landed from the simulator's bench data; only the sluice process counts, not the
simulator. calls: all tables of an account are landed, some 1,000 records of one table change over an
hour, two hours later the pipeline runs again, and the calls which that table took are counted.
--docs writes these to docs/connectors-cost.json, from where `sluice docs connectors` has them.
Nothing but the standard library is imported: see run.py.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness import demo  # noqa: E402
from harness.program import Simulator, binary  # noqa: E402
from run import Home  # noqa: E402

COSTS = ROOT / "docs/connectors-cost.json"
NAMESPACES = {"github": "acme-invented"}
# The simulator has no limit (--rate -1); what a connection leaves to the connector is raised, too.
UNLIMITED = {"airtable": {"requests_per_second": "100000"},
             "stripe": {"requests_per_second": "100000"}}

# -- processor time and memory --------------------------------------------------------------------

# source: the table, --records, and how many rows these are
ROWS = {
    "github": ("issues", 1_000, 200),  # each of 200 repositories has so many
    "hubspot": ("contacts", 200_000, 1),
    "mixpanel": ("events", 400_000, 1),
    "stripe": ("charges", 200_000, 1),
    "zendesk": ("tickets", 200_000, 1),
}

# -- calls ----------------------------------------------------------------------------------------

ACCOUNT, CHANGED = 10_000, 1_000  # records of each table, and how many of one change
HOUR_MS = 3600 * 1000


def by_place(name, **more):
    """Edits of every tenth record, named by its place."""
    return lambda _, table: [{"op": "edit", "table": table, name: n, **more}
                             for n in range(0, ACCOUNT, ACCOUNT // CHANGED)]


def by_id(member, name):
    """Edits of every tenth record, named by its id."""
    def ops(simulator, table):
        records = simulator.truth(table)["records"][::ACCOUNT // CHANGED]
        return [{"op": "edit", "table": table, name: str(r[member])} for r in records]
    return ops


def repeated(**op):
    return lambda *_: [op] * CHANGED


def of_pulls(op, name, value):
    """One for each pull request, of which an account has an eighth of its other records."""
    def ops(simulator, table):
        pulls = simulator.truth("pull_requests", NAMESPACES["github"])["records"][:CHANGED]
        return [{"op": op, "table": table, name: value(n, p)} for n, p in enumerate(pulls)]
    return ops


def of_tickets(op):
    return lambda *_: [{"op": op, "record": n} for n in range(0, ACCOUNT, ACCOUNT // CHANGED)]


def all_of(ops, *tables):
    return dict.fromkeys(tables, ops)


# source: {table: what changes about a thousand of its records}
CHANGES = {
    "airtable": all_of(by_place("record"), *demo.TABLES),
    "github": {
        **all_of(by_place("index"), "issues", "comments"),
        # there are an eighth as many
        **all_of(of_pulls("edit", "index", lambda n, _: n), "pull_requests", "review_comments"),
        "reviews": of_pulls("create", "parent", lambda _, pull: int(pull["number"])),
        "commits": repeated(op="create", table="commits"),
    },
    "hubspot": all_of(by_id("id", "record"), "contacts", "companies", "deals", "tickets",
                      "products", "line_items", "quotes", "emails", "notes", "tasks",
                      "communications", "rockets", "p24242424_tasks", "calls", "meetings"),
    "mixpanel": {
        "events": repeated(op="track", count=1),
        "engage": by_id("$distinct_id", "id"),
    },
    "stripe": {
        **all_of(by_place("record"), "customers", "charges", "payment_intents", "subscriptions",
                 "invoices", "products", "prices", "refunds", "disputes", "payment_methods",
                 "payouts", "plans", "coupons"),
        "events": lambda _, table: by_place("record")(_, "customers"),
    },
    "zendesk": {
        **all_of(by_place("record"), "tickets", "users", "organizations", "articles"),
        "ticket_comments": of_tickets("comment"),
        **all_of(of_tickets("edit"), "ticket_events", "ticket_metrics"),
    },
}


def connection(source, simulator):
    return {"name": source, "connection_type": "GENERIC_LAKEFLOW_CONNECT",
            "options": {"sourceName": source, **simulator.connection(),
                        **UNLIMITED.get(source, {})}}


def specification(source, tables):
    schema = {"source_schema": NAMESPACES[source]} if source in NAMESPACES else {}
    return {"name": f"bench_{source}", "catalog": "main", "schema": source,
            "ingestion_definition": {"connection_name": source, "objects": [
                {"table": {**schema, "source_table": name,
                           "destination_table": name.lower().replace(" ", "_")}}
                for name in tables]}}


def options_of(records, kind):
    return ["--kind", kind, "--records", records, "--rate", "-1"]


def shown(source, options):
    return " ".join(map(str, ["sluice", "sim", source, *options]))


def land(source, times):
    table, records, each = ROWS[source]
    options = options_of(records * times, "bench")
    with Simulator(source, *options) as simulator:
        with Home(connection(source, simulator), specification(source, [table])) as home:
            result = home.run()
        stats = simulator.stats()
    rows = records * times * each
    return {"table": table, "rows": rows, "calls": stats["requests"],
            "body_bytes": stats["body_bytes"], **result,
            "cpu_s_per_million": round(result["cpu_s"] * 1e6 / rows, 2),
            "peak_mib": round(result["peak_kib"] / 1024, 1), "load": os.getloadavg()[0],
            "simulator": shown(source, options), "command": "sluice run pipeline.json"}


def bench_rows(sources, rounds, times):
    """All of them, one after the other, several times: the best of each."""
    runs = {source: [] for source in sources if source in ROWS}
    for _ in range(rounds):
        for source, found in runs.items():
            found.append(land(source, times))
            print(f"{source}: {found[-1]['cpu_s_per_million']} s", file=sys.stderr, flush=True)
    return {source: {"best": min(found, key=lambda run: run["cpu_s"]), "runs": found}
            for source, found in runs.items()}


def report(home):
    """A run, and what it says of each table."""
    done = subprocess.run([binary(), "run", home.pipeline, "--output", "json"], env=home.env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"the run ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return {t["source_table"]: t for t in json.loads(done.stdout)["tables"]}


def change(simulator, ops):
    """One after the other for an hour; two more pass, so that what is shown late is there."""
    for op in ops:
        simulator.control(ops=[op])
        simulator.control(advance_ms=HOUR_MS // len(ops))
    simulator.control(advance_ms=2 * HOUR_MS)


def calls_of(source):
    tables, options = CHANGES[source], options_of(ACCOUNT, "demo")
    found = {}
    with Simulator(source, *options) as simulator:
        with Home(connection(source, simulator), specification(source, tables)) as home:
            first = report(home)
            simulator.control(advance_ms=2 * HOUR_MS)
            report(home)  # the first increment also learns what can be relied on
            simulator.control(advance_ms=2 * HOUR_MS)
            quiet = report(home)
            for table, ops in tables.items():
                ops = ops(simulator, table)
                change(simulator, ops)
                after = report(home)[table]
                found[table] = {
                    "changed": len(ops), "rows_read": after["rows_read"],
                    "rows_changed": after["inserted"] + after["updated"],
                    "calls": after["calls"],
                    "calls_per_1000_changed": math.ceil(after["calls"] * 1000 / len(ops)),
                    "calls_nothing_new": quiet[table]["calls"],
                    "calls_first_load": first[table]["calls"],
                    "rows_first_load": first[table]["inserted"]}
                print(f"{source} {table}: {found[table]}", file=sys.stderr, flush=True)
    return {"tables": found, "simulator": shown(source, options),
            "command": "sluice run pipeline.json --output json"}


def bench_calls(sources, docs):
    found = {source: calls_of(source) for source in sources}
    if docs:
        costs = json.loads(COSTS.read_text()) | {
            source: {table: t["calls_per_1000_changed"] for table, t in result["tables"].items()}
            for source, result in found.items()}
        COSTS.write_text(json.dumps(costs, indent=2, sort_keys=True) + "\n")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], "rows", "calls"],
                        help="what to measure; nothing named: both")
    parser.add_argument("--only", default=",".join(CHANGES), help="sources, with commas")
    parser.add_argument("--rounds", type=int, default=2, help="rows: how often")
    parser.add_argument("--times", type=int, default=1, help="rows: so many times the usual ones")
    parser.add_argument("--docs", action="store_true", help=f"calls: writes {COSTS.name}")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    args = parser.parse_args()

    sources, result = args.only.split(","), {"cores": os.cpu_count()}
    if not args.parts or "rows" in args.parts:
        result["rows"] = bench_rows(sources, args.rounds, args.times)
    if not args.parts or "calls" in args.parts:
        result["calls"] = bench_calls(sources, args.docs)
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
