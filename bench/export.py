#!/usr/bin/env python3
"""Events of a Mixpanel export, gzip NDJSON, into a table: sluice beside DuckDB and Polars, in one run.

    build/venv/bin/python bench/export.py [--events 2000000] [--rounds 3] [--only sluice,duckdb,polars]
                                          [--out FILE]

sluice reads them over HTTP from the simulator, which makes them while it sends them, and commits a
Delta table; the others read the same bytes from a file and write one Parquet file. All of them write
zstd, and the same columns: those of the connector, and the other properties as JSON. Each run is a
process of its own; only its processor time and memory count, not the simulator's.
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness.program import Simulator, binary, environment  # noqa: E402

TEXTS = ["distinct_id", "$insert_id", "$browser", "$browser_version", "$city", "$current_url",
         "$device_id", "$os", "$region", "mp_country_code", "mp_lib"]
NUMBERS = ["time", "$screen_height", "$screen_width", "mp_processing_time_ms"]
OTHERS = ["cart", "plan", "experiment"]

DUCKDB = """
import sys, duckdb
source, target, texts, numbers, others = sys.argv[1:]
members = [f'"{n}" VARCHAR' for n in texts.split(",")] + [f'"{n}" BIGINT' for n in numbers.split(",")]
members += [f'"{n}" JSON' for n in others.split(",")]
plain = ", ".join(f'properties."{n}"' for n in (texts + "," + numbers).split(",") if n != "time")
rest = ", ".join(f"{n} := properties.{n}" for n in others.split(","))
duckdb.sql(f"COPY (SELECT event, to_timestamp(properties.time) AS time, {plain}, "
           f"to_json(struct_pack({rest})) AS custom_properties "
           f"FROM read_json('{source}', format='newline_delimited', compression='gzip', "
           f"columns={{event: 'VARCHAR', properties: 'STRUCT({', '.join(members)})'}})) "
           f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
"""

POLARS = """
import sys, polars as pl
source, target, texts, numbers, others = sys.argv[1:]
items = pl.List(pl.Struct({"sku": pl.String, "grams": pl.Int64, "price": pl.Float64}))
members = {n: pl.String for n in texts.split(",")} | {n: pl.Int64 for n in numbers.split(",")}
members |= {"cart": pl.Struct({"items": items, "coupon": pl.String}), "plan": pl.String,
            "experiment": pl.Struct({"name": pl.String, "group": pl.String})}
p = pl.col("properties").struct
plain = [p.field(n) for n in (texts + "," + numbers).split(",") if n != "time"]
lazy = pl.scan_ndjson(source, schema={"event": pl.String, "properties": pl.Struct(members)})
lazy.select("event", pl.from_epoch(p.field("time")).dt.replace_time_zone("UTC").alias("time"), *plain,
            pl.struct([p.field(n) for n in others.split(",")]).struct.json_encode()
            .alias("custom_properties")).sink_parquet(target, compression="zstd")
"""


def measured(command, env=None):
    """Runs it; seconds, processor seconds and peak memory of the process."""
    with tempfile.TemporaryFile("w+") as out:
        started = time.monotonic()
        process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        if os.waitstatus_to_exitcode(status) != 0:
            out.seek(0)
            raise SystemExit(f"{command[0]} failed:\n{out.read()[-3000:]}")
    return {"wall_s": round(wall_s, 2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_mib": round(usage.ru_maxrss / 1024, 1)}


def size_of(path):
    return sum(f.stat().st_size for f in path.rglob("*.parquet")) if path.is_dir() else \
        path.stat().st_size


def run_sluice(sim, folder, events):
    home = Path(tempfile.mkdtemp(dir=folder))
    env = environment(SLUICE_HOME=home, XDG_RUNTIME_DIR=home)
    connection = {"name": "mixpanel", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                  "options": {"sourceName": "mixpanel", **sim.connection()}}
    spec = home / "pipeline.json"
    spec.write_text(json.dumps({
        "name": "export", "catalog": "main", "schema": "bench",
        "ingestion_definition": {"connection_name": "mixpanel",
                                 "objects": [{"table": {"source_table": "events"}}]}}))
    subprocess.run([binary(), "connections", "create", "--json", "-"], env=env, check=True,
                   input=json.dumps(connection), text=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    result = measured([str(binary()), "run", str(spec)], env)
    table = home / "warehouse" / "main" / "bench" / "events"
    result["written_mb"] = round(size_of(table) / 1e6, 1)
    check_rows(f"read_parquet('{table}/*.parquet')", events)
    shutil.rmtree(home)
    return result


def check_rows(source, events):
    """In a process of its own, so that ours stays small."""
    code = f"import duckdb; print(duckdb.sql(\"SELECT count(*) FROM {source}\").fetchone()[0])"
    rows = int(subprocess.check_output([sys.executable, "-c", code], text=True))
    if rows != events:
        raise SystemExit(f"{rows} rows of {events} in {source}")


def run_peer(code, data, folder, events):
    target = folder / "peer.parquet"
    result = measured([sys.executable, "-c", code, str(data), str(target), ",".join(TEXTS),
                       ",".join(NUMBERS), ",".join(OTHERS)])
    check_rows(f"read_parquet('{target}')", events)
    result["written_mb"] = round(size_of(target) / 1e6, 1)
    target.unlink()
    return result


def download(sim, path):
    """The export as it comes over the wire; returns how many bytes of JSON it holds."""
    options = sim.connection()
    url = f"{sim.url}/api/2.0/export?from_date={options['start_date']}&to_date=2026-03-02" \
          f"&project_id={options['project_id']}"
    pair = f"{options['username']}:{options['secret']}".encode()
    request = urllib.request.Request(url, headers={
        "Accept-Encoding": "gzip", "Authorization": "Basic " + base64.b64encode(pair).decode()})
    inflate, total = zlib.decompressobj(31), 0
    started = time.monotonic()
    with urllib.request.urlopen(request) as answer, open(path, "wb") as out:
        while chunk := answer.read(1 << 20):
            out.write(chunk)
    took_s = time.monotonic() - started
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            total += len(inflate.decompress(chunk))
    return total, took_s


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="sluice,duckdb,polars")
    parser.add_argument("--out")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sluice-export-"))
    report = {"command": " ".join(sys.argv), "events": args.events, "runs": []}
    try:
        with Simulator("mixpanel", "--kind", "bench", "--records", args.events, "--rate",
                       "-1") as sim:
            data = folder / "events.ndjson.gz"
            json_bytes, took_s = download(sim, data)
            report |= {"json_mb": round(json_bytes / 1e6, 1),
                       "gzip_mb": round(data.stat().st_size / 1e6, 1),
                       "simulator_mb_per_s": round(json_bytes / 1e6 / took_s, 1)}
            print(json.dumps(report), file=sys.stderr)
            runners = {"sluice": lambda: run_sluice(sim, folder, args.events),
                       "duckdb": lambda: run_peer(DUCKDB, data, folder, args.events),
                       "polars": lambda: run_peer(POLARS, data, folder, args.events)}
            for _ in range(args.rounds):
                for name in args.only.split(","):
                    result = {"name": name, **runners[name]()}
                    result["mb_per_cpu_s"] = round(json_bytes / 1e6 / result["cpu_s"], 1)
                    report["runs"].append(result)
                    print(json.dumps(result), file=sys.stderr)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    best = {}
    for run in report["runs"]:
        if run["mb_per_cpu_s"] > best.get(run["name"], {}).get("mb_per_cpu_s", 0):
            best[run["name"]] = run
    report["best"] = best
    text = json.dumps(report, indent=1)
    print(text)
    if args.out:
        Path(args.out).write_text(text + "\n")


if __name__ == "__main__":
    main()
