"""Every table of every source, through readers that are not ours: after the first load, and after a
week of changes, as latest rows and as history. The rows are compared with what the simulator holds."""

import pytest

from harness.landing import VECTORS, Kind
from harness.source import SOURCES, SourceLanding, simulator

KINDS = [
    pytest.param({"scd_type": "SCD_TYPE_1"}, False, id="latest"),
    pytest.param({"scd_type": "SCD_TYPE_2", "table_properties": VECTORS}, True, id="history"),
]
DAY_MS = 24 * 3600 * 1000
BAD_DAYS = {2: "503:p=0.02;reset:p=0.02", 4: "cut:p=0.02;bad_json:p=0.02"}
# Of an answer by lines a line that is no JSON is rejected; the others, which are, count.
BY_LINES = {"mixpanel"}


def bad_day(source, day) -> dict:
    faults = BAD_DAYS.get(day, "").split(";")
    if source in BY_LINES:
        faults = [f for f in faults if not f.startswith("bad_json")]
    return {"fault": ";".join(faults)} if faults != [""] else {}


@pytest.mark.parametrize("configuration, history", KINDS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_week_of(source, configuration, history, tmp_path):
    kind = Kind(source, configuration, ("duckdb",), history=history, source=source)
    with simulator(source) as sim:
        landing = SourceLanding(sim, tmp_path, kind)
        landing.run()
        assert landing.all_wrong("duckdb") == []
        for day in range(7):
            sim.control(clear_faults=True, ops=[{"op": "day"}])
            sim.control(advance_ms=DAY_MS, **bad_day(source, day))
            landing.run(incremental=True)
            sim.control(clear_faults=True)
            assert landing.all_wrong("duckdb") == [], f"day {day}"
        landing.reconcile()
        for reader in ("duckdb", "delta-rs"):
            assert landing.all_wrong(reader) == []
