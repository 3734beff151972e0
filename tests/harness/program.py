"""Running the built program, and the simulators in it, from a test."""

import ctypes
import json
import os
import re
import signal
import subprocess
import threading
import urllib.parse
import urllib.request
from pathlib import Path

from .truth import load_json

ROOT = Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build/sluice"
DEV = ROOT / "build/dev/sluice"

# Test machines are slow and shared; no test waits this long unless something hangs.
PATIENCE_S = 180

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def binary(*, points=False) -> Path:
    """The program under test. points: it must know the kill points (a dev build)."""
    wanted = os.environ.get("SLUICE_BINARY_DEV" if points else "SLUICE_BINARY")
    path = Path(wanted) if wanted else (DEV if points or not RELEASE.exists() else RELEASE)
    assert path.exists(), f"{path} is not there: run `make build` (or `cmake --workflow --preset dev`)"
    return path


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(**more) -> dict:
    """A clean environment: nothing of the user's own sluice, and no proxy."""
    keep = {k: v for k, v in os.environ.items()
            if not k.startswith("SLUICE_") and not k.lower().endswith("_proxy")}
    keep.update(LC_ALL="C.UTF-8", NO_COLOR="1",
                ASAN_OPTIONS="detect_leaks=1:abort_on_error=0",
                UBSAN_OPTIONS="print_stacktrace=1")
    keep.update({k: str(v) for k, v in more.items()})
    return keep


class Peak(threading.Thread):
    """The most memory that a process held, looked at while it runs. What wait4() tells is of no
    use in a test: it begins with the size of the process that started it."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.kib, self.ended = pid, 0, threading.Event()
        self.start()

    def run(self):
        while not self.ended.is_set():
            try:
                status = Path(f"/proc/{self.pid}/status").read_text()
            except OSError:
                return
            found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.M)
            if found is None:
                return  # it has ended, and nobody waited for it yet
            self.kib = int(found[1])
            self.ended.wait(0.005)

    def end(self) -> int:
        self.ended.set()
        self.join()
        return self.kib


class Result:
    def __init__(self, args, code, out, err, peak_kib=None):
        self.args, self.code, self.out, self.err = args, code, out, err
        self.peak_kib = peak_kib

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __repr__(self):
        return (f"sluice {' '.join(map(str, self.args))} -> {self.code}\n"
                f"--- stdout\n{self.out}\n--- stderr\n{self.err}")


class Sluice:
    """The program with a home of its own."""

    def __init__(self, home, *, points=False, **env):
        self.home = Path(home)
        self.binary = binary(points=points)
        self.env = {"SLUICE_HOME": self.home, "XDG_RUNTIME_DIR": self.home, **env}

    def start(self, *args, stdin=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
              **env) -> subprocess.Popen:
        return subprocess.Popen(
            [str(self.binary), *map(str, args)], env=environment(**{**self.env, **env}),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=stdout, stderr=stderr, text=True, encoding="utf-8",
            errors="surrogateescape", preexec_fn=_die_with_parent)

    def run(self, *args, code=0, stdin=None, timeout=PATIENCE_S, **env) -> Result:
        """Runs a command and checks its exit code; code=None accepts any."""
        process = self.start(*args, stdin=stdin, **env)
        try:
            out, err = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"no end after {timeout} s: {Result(args, None, out, err)!r}")
        result = Result(args, process.returncode, out, err)
        if code is not None:
            assert process.returncode == code, f"expected exit code {code}: {result!r}"
        return result

    def json(self, *args, **more):
        """What a command prints with --output json."""
        return self.run(*args, "--output", "json", **more).json


class Simulator:
    """`sluice sim APP` on a port that the system picked. A context manager."""

    def __init__(self, app="airtable", *options, points=False, home="/nonexistent"):
        self.app = app
        self.command = [str(binary(points=points)), "sim", app, "--port", "0", *map(str, options)]
        self.home = home
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, env=environment(SLUICE_HOME=self.home), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
            preexec_fn=_die_with_parent)
        said = []
        for line in self.process.stdout:
            said.append(line)
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                self.url = found[0]
                break
        else:
            raise AssertionError(f"{' '.join(self.command)} did not start:\n{''.join(said)}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.read().decode("utf-8")

    def stats(self):
        return json.loads(self.request("/_sim/stats"))

    def control(self, **what):
        """Changes data, schema, limits or faults: docs/simulators.md."""
        return json.loads(self.request("/_sim/control", what))

    def truth(self, table=None, namespace=None):
        named = {"table": table, "namespace": namespace}
        query = urllib.parse.urlencode({k: v for k, v in named.items() if v is not None},
                                       quote_via=urllib.parse.quote)
        return load_json(self.request("/_sim/truth" + ("?" + query if query else "")))

    def connection(self) -> dict:
        """The connection options that fit this simulator."""
        return json.loads(self.request("/_sim/connection"))
