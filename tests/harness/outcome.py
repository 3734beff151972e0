"""How commands end: exit code (include/sluice/error.h), what they said, what the tables hold."""

from . import demo
from .compare import differences
from .readers import polars

PARTIAL, USAGE, BAD_SPEC, AUTH, SOURCE, DESTINATION, BUSY, QUOTA = 1, 2, 3, 4, 5, 6, 7, 8
CANCELLED = 130

VENDORS = {"Vendors": "bronze_vendors"}


def said(result) -> str:
    return result.err + result.out


def equals_truth(sluice, simulator, tables=VENDORS):
    for source, destination in tables.items():
        table = polars(demo.location(sluice, destination))
        assert differences(table, demo.expected(simulator, source)) == [], destination
