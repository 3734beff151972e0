#!/usr/bin/env python3
"""Measures sluice: see README.md. Prints JSON; --out FILE writes it too.

Nothing but the standard library is imported: the memory of a child is at least that of the process
which started it.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness import demo  # noqa: E402
from harness.program import Simulator, binary, environment  # noqa: E402

BENCH_TABLE = "Bench 1"


class Home:
    """A home with one connection and one pipeline specification, thrown away afterwards."""

    def __init__(self, connection: dict, tables: dict):
        self.folder = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        self.env = environment(SLUICE_HOME=self.folder / "home", XDG_RUNTIME_DIR=self.folder)
        self.pipeline = self.folder / "pipeline.json"
        if "ingestion_definition" in tables:
            self.pipeline.write_text(json.dumps(tables))
        else:
            demo.write_specification(self.pipeline, tables)
        subprocess.run([binary(), "connections", "create", "--json", "-"], env=self.env, check=True,
                       input=json.dumps(connection), text=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self):
        """One run; wall time, processor time and peak memory of the process."""
        with open(self.folder / "out", "w+") as out:
            started = time.monotonic()
            process = subprocess.Popen([binary(), "run", self.pipeline], env=self.env, stdout=out,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.monotonic() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                out.seek(0)
                raise SystemExit(f"the run ended with {process.returncode}:\n{out.read()}")
        return {"wall_s": round(wall_s, 3), "cpu_s": round(usage.ru_utime + usage.ru_stime, 3),
                "user_s": round(usage.ru_utime, 3), "peak_kib": usage.ru_maxrss}


def bench_start(_):
    """Milliseconds from the start of the process to the first byte of its first request."""
    times = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        connection = {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                      "options": {"sourceName": "airtable", "bearer_token": "pat.bench",
                                  "base_id": "appBENCH000000001", "base_url": url}}
        with Home(connection, {BENCH_TABLE: "bench"}) as home:
            for _ in range(22):
                started = time.monotonic()
                process = subprocess.Popen([binary(), "run", home.pipeline], env=home.env,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                client, _address = server.accept()
                client.recv(1)
                times.append((time.monotonic() - started) * 1000)
                process.kill()
                process.wait()
                client.close()
    times = sorted(times[1:])  # the first one also reads the program from disk
    return {"first_request_ms": round(statistics.median(times), 2), "best_ms": round(times[0], 2),
            "worst_ms": round(times[-1], 2), "command": "sluice run pipeline.json"}


def land(records, **more):
    options = ["--kind", "bench", "--records", records, "--rate", "-1"]
    with Simulator("airtable", *options) as simulator:
        connection = demo.connection(simulator, requests_per_second="100000")
        with Home(connection, {BENCH_TABLE: "bench"}) as home:
            result = home.run()
            stats = simulator.stats()
    result |= {"records": records, "requests": stats["requests"],
               "body_bytes": stats.get("body_bytes"),
               "simulator": "sluice sim airtable " + " ".join(map(str, options)), **more}
    return result


def bench_throughput(args):
    runs = [land(100_000) for _ in range(3)]
    rates = sorted(round(r["records"] / r["cpu_s"]) for r in runs)
    return {"records_per_cpu_second": rates[-1], "spread": rates, "runs": runs,
            "command": "sluice run pipeline.json"}


def bench_memory(args):
    runs = [land(n) for n in (1_000, 100_000, 1_000_000)]
    peaks = {r["records"]: round(r["peak_kib"] / 1024, 1) for r in runs}
    return {"peak_mib": peaks, "ratio_1m_to_100k": round(peaks[1_000_000] / peaks[100_000], 3),
            "runs": runs, "command": "sluice run pipeline.json"}


def limit_once(tables, records, latency_ms):
    names = demo.TABLES if tables == 6 else {BENCH_TABLE: "bench"}
    options = ["--kind", "demo" if tables == 6 else "bench", "--records", records,
               "--latency", latency_ms]
    with Simulator("airtable", *options) as simulator:
        with Home(demo.connection(simulator), names) as home:
            result = home.run()
            stats = simulator.stats()
    useful = tables * -(-records // 100) + 1
    return {"tables": tables, "records": records, "latency_ms": latency_ms,
            "share_of_limit": round(useful / (5 * result["wall_s"]), 4),
            "limited": stats["limited"], "peak_per_second": stats["peak_per_second"],
            "requests": stats["requests"], "useful_requests": useful, **result,
            "simulator": "sluice sim airtable " + " ".join(map(str, options)),
            "command": "sluice run pipeline.json"}


def bench_limit(args):
    if args.tables:
        return [limit_once(args.tables, args.records, args.latency)]
    return [limit_once(tables, records, latency_ms)
            for tables, records in ((6, 5_000), (1, 50_000)) for latency_ms in (0, 200, 500)]


def bench_changes(_):
    """A second run with nothing new, and one after 1 % of the records were edited."""
    records, edited = 50_000, 500
    options = ["--kind", "bench", "--records", records, "--rate", "-1"]
    found = {"records": records, "edited": edited, "command": "sluice run pipeline.json",
             "simulator": "sluice sim airtable " + " ".join(map(str, options))}
    with Simulator("airtable", *options) as simulator:
        connection = demo.connection(simulator, requests_per_second="100000")
        with Home(connection, {BENCH_TABLE: "bench"}) as home:
            for name in ("first", "nothing", "changed"):
                if name == "changed":
                    step = records // edited
                    simulator.control(ops=[{"op": "edit", "table": BENCH_TABLE, "record": n * step}
                                           for n in range(edited)])
                simulator.control(advance_ms=1_200_000)  # behind every margin of the reader
                before = simulator.stats()["requests"]
                found[name] = home.run()
                found[name]["calls"] = simulator.stats()["requests"] - before
    found["calls_per_1000_changed"] = round(found["changed"]["calls"] * 1000 / edited, 1)
    found["calls_to_a_full_read"] = round(found["nothing"]["calls"] / found["first"]["calls"], 4)
    return found


GITHUB_TABLES = ["issues", "pull_requests", "comments", "commits", "reviews", "assignees",
                 "collaborators", "branches", "repositories", "teams", "organizations", "users"]
GITHUB_PER_MINUTE, GITHUB_PER_HOUR = 900, 5000


def bench_github(_):
    """200 repositories into 12 tables within GitHub's limits: the first load, then a quiet run."""
    options = ["--kind", "bench"]
    found = {"repositories": 200, "tables": len(GITHUB_TABLES), "command": "sluice run pipeline.json",
             "simulator": "sluice sim github " + " ".join(options)}
    specification = json.loads((ROOT / "examples/github/pipeline.json").read_text())
    definition = specification["ingestion_definition"]
    definition["objects"] = [o for o in definition["objects"]
                             if o["table"]["source_table"] in GITHUB_TABLES]
    with Simulator("github", *options) as simulator:
        connection = {"name": "github", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
                      "options": {"sourceName": "github", **simulator.connection()}}
        with Home(connection, specification) as home:
            for name in ("first", "quiet"):
                simulator.control(reset_stats=True)
                run = home.run()
                stats, limit = simulator.stats(), simulator.truth()["limit"]
                by_status = stats["by_status"]
                unchanged = by_status.get("304", 0)
                counted = stats["requests"] - unchanged
                found[name] = run | {
                    "requests": stats["requests"], "unchanged": unchanged, "counted": counted,
                    "limited": stats["limited"], "refused": by_status.get("403", 0),
                    "share_of_minute": round(
                        stats["requests"] / (GITHUB_PER_MINUTE / 60 * run["wall_s"]), 4),
                    "share_of_hour": round(counted / GITHUB_PER_HOUR, 4),
                    "hour_used_most": int(limit["used_max"])}
                simulator.control(advance_ms=3_600_000)
    return found


def bench_size(_):
    return {"bytes": binary().stat().st_size,
            "mib": round(binary().stat().st_size / (1 << 20), 1), "file": "build/sluice"}


def bench_commits(args):
    """A table that is written every five minutes for five weeks."""
    program = ROOT / "build/release/bench/commits_bench"
    for step in (["cmake", "--preset", "release", "-DSLUICE_BENCH=ON"],
                 ["cmake", "--build", "--preset", "release", "--target", program.name]):
        subprocess.run(step, cwd=ROOT, check=True, stdout=sys.stderr.fileno())
    folder = Path(tempfile.mkdtemp(prefix="sluice-commits-"))
    try:
        done = subprocess.run([program, folder, str(args.commits)], check=True, text=True,
                              stdout=subprocess.PIPE)
        return json.loads(done.stdout) | {"command": f"commits_bench DIRECTORY {args.commits}"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bench_first_build(_):
    """Clones this repository into a temporary folder and builds it from nothing."""
    folder = Path(tempfile.mkdtemp(prefix="sluice-first-build-"))
    try:
        subprocess.run(["git", "clone", "--quiet", ROOT, folder / "sluice"], check=True)
        started = time.monotonic()
        subprocess.run(["make", "build"], cwd=folder / "sluice", check=True,
                       stdout=sys.stderr.fileno())
        return {"first_build_s": round(time.monotonic() - started), "cores": os.cpu_count(),
                "command": "git clone; make build"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def noted_first_build(_):
    note = ROOT / "build/first_build.json"
    return json.loads(note.read_text()) if note.exists() else None


def main():
    parts = {"start": bench_start, "throughput": bench_throughput, "memory": bench_memory,
             "limit": bench_limit, "changes": bench_changes, "github": bench_github,
             "size": bench_size, "commits": bench_commits}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], *parts, "first-build"],
                        help="what to measure; nothing named: all but first-build")
    parser.add_argument("--out", type=Path, help="write the JSON here too")
    parser.add_argument("--tables", type=int, choices=[1, 6],
                        help="limit: one table of the benchmark's base, or the demo's six")
    parser.add_argument("--records", type=int, default=5_000, help="limit: records per table")
    parser.add_argument("--commits", type=int, default=10_000, help="commits: how many")
    parser.add_argument("--latency", type=int, default=0, help="limit: milliseconds")
    args = parser.parse_args()

    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown")
    result = {"machine": {"processor": model, "cores": os.cpu_count()}}
    version = subprocess.run([binary(), "--version"], capture_output=True, text=True)
    result["version"] = version.stdout.strip()
    for part in args.parts or parts:
        print(f"measuring {part}", file=sys.stderr, flush=True)
        measure = bench_first_build if part == "first-build" else parts[part]
        result[part.replace("-", "_")] = measure(args)
    if not args.parts:
        result["first_build"] = noted_first_build(args)
    text = json.dumps(result, indent=2)
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
