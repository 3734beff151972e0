"""Tables on an object store: a server that speaks S3, on loopback."""

import os
import re
import subprocess
import sys
import threading

import pytest

from harness import demo
from harness.compare import differences
from harness.program import Simulator, Sluice, environment

BUCKET = "lake"
KEYS = {"AWS_ACCESS_KEY_ID": "invented", "AWS_SECRET_ACCESS_KEY": "invented",
        "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}


@pytest.fixture(scope="module")
def s3():
    """The endpoint of a moto server on a port that the system picked."""
    import boto3
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment(PYTHONUNBUFFERED="1"))
    try:
        said = []
        for line in server.stdout:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                break
        else:
            raise AssertionError("moto did not start:\n" + "".join(said))
        threading.Thread(target=server.stdout.read, daemon=True).start()
        client = boto3.client("s3", endpoint_url=found[0], aws_access_key_id="invented",
                              aws_secret_access_key="invented", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield found[0], client
    finally:
        server.terminate()
        server.wait(20)
        server.stdout.close()


@pytest.fixture(scope="module")
def simulator():
    with Simulator("airtable", "--rate", "-1") as running:
        yield running


@pytest.fixture
def landing(tmp_path, s3, simulator):
    """Makes homes whose catalog is in the bucket, under a prefix of this test."""
    endpoint, _ = s3
    prefix = tmp_path.name

    def make(name="home", **more):
        sluice = Sluice(tmp_path / name, AWS_ENDPOINT_URL=endpoint, **KEYS, **more)
        (tmp_path / name).mkdir(exist_ok=True)
        root = '{"name":"main","storage_root":"s3://%s/%s"}' % (BUCKET, prefix)
        sluice.run("catalogs", "create", "--json", root)
        demo.connect(sluice, simulator)
        return sluice
    make.prefix = f"{prefix}/airtable/bronze_vendors"
    make.spec = demo.write_specification(tmp_path / "p.json", {"Vendors": "bronze_vendors"})
    return make


def versions(s3, landing):
    _, client = s3
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=landing.prefix + "/_delta_log/")
    names = [os.path.basename(o["Key"]) for o in found.get("Contents", [])]
    return sorted(int(n[:20]) for n in names if re.fullmatch(r"\d{20}\.json", n))


def read(s3, landing):
    import polars as pl
    options = {"aws_endpoint_url": s3[0], "aws_allow_http": "true",
               "aws_access_key_id": "invented", "aws_secret_access_key": "invented",
               "aws_region": "us-east-1"}
    return pl.scan_delta(f"s3://{BUCKET}/{landing.prefix}",
                         storage_options=options).collect().to_arrow()


def test_a_table_lands_and_is_written_again(s3, landing, simulator):
    sluice = landing()
    expected = demo.expected(simulator, "Vendors")
    sluice.run("run", landing.spec)
    assert differences(read(s3, landing), expected) == []
    sluice.run("run", landing.spec, "--full-refresh")
    assert differences(read(s3, landing), expected) == []
    assert versions(s3, landing)[:2] == [0, 1]
    assert len(sluice.json("tables", "preview", "main.airtable.bronze_vendors",
                           "--limit", "-1")) == len(expected.rows)
    assert sluice.json("tables", "vacuum", "main.airtable.bronze_vendors")["num_files"] == 0


def test_of_two_racing_commits_one_wins(s3, landing, simulator):
    """Two homes, two processes, one table: each reads the source, then both commit the same version,
    as near to each other as a pause before the commit brings them."""
    first, second = landing("one", points=True), landing("two", points=True)
    first.run("run", landing.spec)
    before = versions(s3, landing)
    pause = '[{"op":"put_if_absent","path":"_delta_log/0","fault":"slow","ms":1500}]'
    runs = [s.start("run", landing.spec, "--full-refresh", SLUICE_FAULTS=pause)
            for s in (first, second)]
    said = [run.communicate(timeout=120) for run in runs]
    codes = sorted(run.returncode for run in runs)
    assert codes[0] == 0 and codes[1] != 0, said
    loser = next(out + err for run, (out, err) in zip(runs, said) if run.returncode != 0)
    assert "another run" in loser or "somebody else" in loser, loser
    assert len(versions(s3, landing)) == len(before) + 1
    assert differences(read(s3, landing), demo.expected(simulator, "Vendors")) == []
    second.run("run", landing.spec)
    assert differences(read(s3, landing), demo.expected(simulator, "Vendors")) == []


@pytest.mark.parametrize("change,says", [
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "endpoint"),
])
def test_a_store_that_cannot_be_reached_is_told(change, says, landing):
    sluice = landing()
    result = sluice.run("run", landing.spec, code=None, timeout=180, **change)
    assert result.code != 0 and says in (result.out + result.err).lower()
