#!/usr/bin/env python3
"""Merging changes into a large table: sluice beside delta-rs, Spark and DuckDB, on the same data.

    build/venv/bin/python bench/merge.py --rows 10000000 --out build/merge.json
    build/venv/bin/python bench/merge.py --rows 1000000 --only ours,duckdb

Everybody gets two threads (taskset -c 0,1). Each figure: seconds, seconds of processor time (user
and system, of all processes), peak memory, bytes written. README.md says what is compared.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve()
APPLY = ROOT / "build/release/bench/apply_bench"
CHANGED = 0.01
SNAPSHOT_ROWS, SNAPSHOT_CHANGED = 1_000_000, 0.001
CHUNK = 500_000


# -- data (in a process of their own: its memory is not the engines') ------------------------------

def random_text(dice, count, letters, alphabet="abcdefghijklmnopqrstuvwxyz0123456789"):
    import numpy as np
    import pyarrow as pa
    letters_of = np.frombuffer(alphabet.encode(), dtype=np.uint8)
    data = letters_of[dice.integers(0, len(letters_of), count * letters)]
    offsets = np.arange(count + 1, dtype=np.int32) * letters
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(data))


def keys(numbers):
    """17 characters that look random and are distinct: a bijection of the number, in base 36."""
    import numpy as np
    import pyarrow as pa
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    digits = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
    data = np.empty((len(numbers), 17), dtype=np.uint8)
    data[:, :4] = np.frombuffer(b"rec-", dtype=np.uint8)
    for at in range(16, 3, -1):
        data[:, at] = digits[mixed % np.uint64(36)]
        mixed //= np.uint64(36)
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * 17
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets),
                                       pa.py_buffer(data.tobytes()))


def make_batch(numbers, seed):
    import numpy as np
    import pyarrow as pa
    dice, n = np.random.default_rng(seed), len(numbers)
    words = pa.array(["Gothenburg", "Valparaiso", "Nagoya", "Mombasa", "Trondheim", "Arequipa"])
    states = pa.array(["open", "waiting", "closed", "archived"])

    def pick(choices):
        return choices.take(pa.array(dice.integers(0, len(choices), n)))

    def instants():
        return pa.array(1_700_000_000_000_000 + dice.integers(0, 10**14, n),
                        pa.timestamp("us", "UTC"))

    columns = {
        "id": keys(numbers), "name": random_text(dice, n, 18), "customer": random_text(dice, n, 16),
        "city": pick(words), "note": random_text(dice, n, 36), "status": pick(states),
        "email": random_text(dice, n, 20),
        **{name: pa.array(dice.integers(0, 10**6, n)) for name in ("quantity", "stock", "visits",
                                                                   "rank")},
        "serial": pa.array(numbers.astype("int64")),
        **{name: pa.array(np.round(dice.random(n) * 1000, 2)) for name in ("price", "cost",
                                                                           "weight", "score")},
        "created": instants(), "modified": instants(),
        "due": pa.array(dice.integers(19000, 22000, n).astype("int32"), pa.date32()),
        "active": pa.array(dice.integers(0, 2, n).astype(bool)),
    }
    # What the engine has beside the source's columns; peers carry it, too.
    columns["_rescued_data"] = pa.nulls(n, pa.string())
    for name in ("_ingested_at", "_sequence"):
        columns[name] = pa.array([1_760_000_000_000_000], pa.timestamp("us", "UTC")).take(
            pa.array(np.zeros(n, dtype="int64")))
    for name in ("__START_AT", "__END_AT"):
        columns[name] = pa.nulls(n, pa.timestamp("us", "UTC"))
    return pa.record_batch(columns)


def generate(folder, rows):
    """Delta tables: base, two sets of changes of 1 % of the keys, and snapshots before and after."""
    import numpy as np
    import pyarrow as pa
    from deltalake import write_deltalake

    def write(name, numbers, seed):
        for at in range(0, len(numbers), CHUNK):
            part = make_batch(numbers[at:at + CHUNK], seed + at)
            write_deltalake(folder / name, pa.Table.from_batches([part]), mode="append",
                            target_file_size=128 << 20)

    dice = np.random.default_rng(1)
    write("base", np.arange(rows), 10)
    for number in (1, 2):
        chosen = np.sort(dice.choice(rows, int(rows * CHANGED), replace=False))
        write(f"changes{number}", chosen, 1_000_000_000 * number)
    snapshot = min(rows, SNAPSHOT_ROWS)
    write("snapshot", np.arange(snapshot), 10)
    changed = set(dice.choice(snapshot, int(snapshot * SNAPSHOT_CHANGED), replace=False).tolist())
    for at in range(0, snapshot, CHUNK):
        numbers = np.arange(at, min(at + CHUNK, snapshot))
        old, new = make_batch(numbers, 10 + at), make_batch(numbers, 77 + at)
        index = np.array([i + len(numbers) if at + i in changed else i
                          for i in range(len(numbers))])
        both = pa.Table.from_batches([old, new])
        write_deltalake(folder / "snapshot2", both.take(pa.array(index)), mode="append")


# -- measuring ------------------------------------------------------------------------------------

def measure(command, **env):
    """Runs a program on two processors. Its last line of output may be JSON with more figures."""
    started = time.monotonic()
    process = subprocess.Popen(["taskset", "-c", "0,1", *map(str, command)],
                               stdout=subprocess.PIPE, text=True, env={**os.environ, **env})
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{out}")
    found = {"seconds": round(wall_s, 2), "cpu_s": round(usage.ru_utime + usage.ru_stime, 2),
             "peak_mib": round(usage.ru_maxrss / 1024)}
    if out.strip().startswith("{") or "\n{" in out:
        found |= json.loads(out[out.rindex("\n{") + 1 if "\n{" in out else 0:])
    found["command"] = "taskset -c 0,1 " + " ".join(map(str, command))
    print(json.dumps(found), file=sys.stderr, flush=True)
    return found


def copied(table, to):
    """A table of its own for each measurement, read once so that it is in the file cache."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(table, to)
    return to


def parquet_bytes(table):
    return sum(p.stat().st_size for p in Path(table).rglob("*") if p.is_file()
               and "_delta_log" not in p.parts)


# -- ours -----------------------------------------------------------------------------------------

def ours(folder):
    found = {}
    for kind, flags in {"rewriting": [], "vectors": ["vectors"], "history": ["vectors", "history"],
                        "history rewriting": ["history"]}.items():
        table = folder / f"ours-{kind.replace(' ', '-')}"
        shutil.rmtree(table, ignore_errors=True)
        first = measure([APPLY, table, folder / "base", "first", *flags])
        found[kind] = {"first": first} | {
            f"changes{n}": measure([APPLY, table, folder / f"changes{n}", "changes", *flags])
            for n in (1, 2)}
        shutil.rmtree(table)
    for kind, flags in {"snapshot rewriting": [], "snapshot vectors": ["vectors"]}.items():
        table = folder / "ours-snapshot"
        shutil.rmtree(table, ignore_errors=True)
        measure([APPLY, table, folder / "snapshot", "first", *flags])
        found[kind] = measure([APPLY, table, folder / "snapshot2", "snapshot", *flags])
    return found


# -- peers ----------------------------------------------------------------------------------------

def peer_delta_rs(table, changes):
    from deltalake import DeltaTable
    before = parquet_bytes(table)
    source = DeltaTable(changes).to_pyarrow_table()
    (DeltaTable(table).merge(source, "t.id = s.id", source_alias="s", target_alias="t")
     .when_matched_update_all().when_not_matched_insert_all().execute())
    print(json.dumps({"bytes_written": parquet_bytes(table) - before}))


def tree_cpu_s(pids):
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def peer_spark(folder, vectors):
    """Two merges in one session; the second one counts."""
    sys.path.insert(0, str(ROOT / "tests"))
    os.environ["PYSPARK_SUBMIT_ARGS"] = "--driver-memory 4g pyspark-shell"
    from harness.readers import spark_session
    spark = spark_session()
    table = Path(folder) / "spark"
    if vectors:
        spark.sql(f"ALTER TABLE delta.`{table}` SET TBLPROPERTIES "
                  "('delta.enableDeletionVectors' = 'true')")
    pids = [os.getpid(), spark._jvm.java.lang.ProcessHandle.current().pid()]
    for number in (1, 2):
        before, cpu_s, started = parquet_bytes(table), tree_cpu_s(pids), time.monotonic()
        spark.sql(f"MERGE INTO delta.`{table}` t USING delta.`{folder}/changes{number}` s "
                  "ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
        found = {"seconds": round(time.monotonic() - started, 2),
                 "cpu_s": round(tree_cpu_s(pids) - cpu_s, 2),
                 "bytes_written": parquet_bytes(table) - before}
    status = Path(f"/proc/{pids[1]}/status").read_text()
    found["peak_mib"] = round(int(status.split("VmHWM:")[1].split()[0]) / 1024)
    print("\n" + json.dumps(found))
    spark.stop()


def peer_duckdb(table, out):
    """Reading and writing the touched files; with uniform changes these are all."""
    import duckdb
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(f"COPY (SELECT * FROM read_parquet('{table}/*.parquet')) TO '{out}' "
                       "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
    print(json.dumps({"bytes_written": Path(out).stat().st_size}))


def peers(folder, only):
    found = {}
    python = sys.executable
    if "delta-rs" in only:
        table = copied(folder / "base", folder / "delta-rs")
        found["delta-rs"] = {f"changes{n}": measure([python, HERE, "--peer", "delta-rs", table,
                                                     folder / f"changes{n}"]) for n in (1, 2)}
        shutil.rmtree(table)
    for vectors in (False, True):
        if "spark" in only:
            copied(folder / "base", folder / "spark")
            name = "spark, vectors" if vectors else "spark"
            found[name] = measure([python, HERE, "--peer", "spark", folder, int(vectors)])
    if "duckdb" in only:
        found["duckdb"] = measure([python, HERE, "--peer", "duckdb", folder / "base",
                                   folder / "duckdb.parquet"])
    return found


# -- what comes out -------------------------------------------------------------------------------

def ratios(result):
    """Of processor time: how many times what we take, in the second merge of each."""
    if "ours" not in result:
        return {}
    mine = {kind: runs.get("changes2", runs) for kind, runs in result["ours"].items()}
    theirs = {name: runs.get("changes2", runs) for name, runs in result["peers"].items()}
    found = {}
    for name, figures in theirs.items():
        for kind in ("rewriting", "vectors"):
            if figures["cpu_s"] and mine[kind]["cpu_s"]:
                found[f"cpu of {name} / ours {kind}"] = round(
                    figures["cpu_s"] / mine[kind]["cpu_s"], 2)
    for kind, base in (("history", "vectors"), ("history rewriting", "rewriting")):
        found[f"seconds of {kind} / {base}"] = round(
            mine[kind]["seconds"] / mine[base]["seconds"], 2)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only", default="ours,delta-rs,spark,duckdb")
    parser.add_argument("--folder", type=Path, help="keeps the data there, and uses what is there")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peer", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--generate", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.generate:
        return generate(Path(arguments.generate[0]), int(arguments.generate[1]))
    if arguments.peer:
        name, *rest = arguments.peer
        return {"delta-rs": peer_delta_rs, "duckdb": peer_duckdb,
                "spark": lambda folder, vectors: peer_spark(folder, vectors == "1")}[name](*rest)

    only = arguments.only.split(",")
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="sluice-merge-"))
    try:
        if not (folder / "snapshot2").exists():
            print(f"making {arguments.rows} rows", file=sys.stderr)
            subprocess.run([sys.executable, HERE, "--generate", folder, str(arguments.rows)],
                           check=True)
        result = {"rows": arguments.rows, "changed": CHANGED,
                  "base_bytes": parquet_bytes(folder / "base"),
                  "load": os.getloadavg()[0], "peers": peers(folder, only)}
        if "ours" in only:
            result["ours"] = ours(folder)
        result["ratios"] = ratios(result)
    finally:
        if not arguments.folder:
            shutil.rmtree(folder, ignore_errors=True)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
