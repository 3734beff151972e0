"""Many namespaces: what a plan and two runs over hundreds of Airtable bases take, against the
simulator without a limit of calls. Prints one JSON object.

    build/venv/bin/python bench/namespaces.py --bases 300
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from harness.program import Peak, Simulator, Sluice  # noqa: E402

PIPELINE = {"name": "all_bases", "catalog": "main", "ingestion_definition": {
    "connection_name": "airtable",
    "objects": [{"schema": {"destination_schema": "bases"}}]}}


def measured(sluice, *args):
    started = time.monotonic()
    process = sluice.start(*args)
    peak = Peak(process.pid)
    out, err = process.communicate(timeout=3600)
    assert process.returncode == 0, f"{args}: {out[-2000:]}{err[-2000:]}"
    return {"seconds": round(time.monotonic() - started, 2),
            "peak_mib": round(peak.end() / 1024, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", type=int, default=300)
    parser.add_argument("--records", type=int, default=5, help="in each table")
    parser.add_argument("--schema", default="bases", help="destination_schema")
    wanted = parser.parse_args()
    PIPELINE["ingestion_definition"]["objects"][0]["schema"]["destination_schema"] = wanted.schema
    with tempfile.TemporaryDirectory() as folder, \
            Simulator("airtable", "--rate", "-1", "--records", wanted.records) as simulator:
        if wanted.bases > 1:
            simulator.control(ops=[{"op": "add_base", "name": "Launch Control 2", "kind": "demo",
                                    "records": wanted.records, "count": wanted.bases - 1}])
        sluice = Sluice(Path(folder) / "home")
        options = simulator.connection()
        del options["base_id"]  # all that the token reaches
        sluice.run("connections", "create", "--json", "-", stdin=json.dumps(
            {"name": "airtable", "connection_type": "GENERIC_LAKEFLOW_CONNECT",
             "options": {"sourceName": "airtable", **options}}))
        pipeline = Path(folder) / "pipeline.json"
        pipeline.write_text(json.dumps(PIPELINE))
        result = {"bases": wanted.bases, "plan": measured(sluice, "plan", pipeline)}
        for name in ("first_run", "second_run"):
            calls = simulator.stats()["requests"]
            result[name] = measured(sluice, "run", pipeline, "--quiet")
            result[name]["calls"] = simulator.stats()["requests"] - calls
        result["plan_of_landed"] = measured(sluice, "plan", pipeline)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
