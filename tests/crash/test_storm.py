"""A slice of the kill storm: storm.py. `make crash` runs the long one."""

import storm


def test_killed_anywhere():
    """Every kind of table, every named point of the source, one minute at least."""
    assert len(storm.points()) >= 5
    report = storm.storm(list(storm.KINDS), seed=11, kills=10_000, seconds=60, cover=True)
    assert report.differences == []
    assert report.total() >= 20
