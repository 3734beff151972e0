"""Fetch a pinned source archive from the Python package index and unpack it.

    fetch_sources.py FOLDER NAME-VERSION

pip does the fetching, so that mirrors, proxies, certificates and caches work as the user has set
them up, and checks the archive's SHA-256 against the one below. pip also insists on asking every
source archive for its metadata, which would run (and for nanoarrow: compile) foreign code; a
stand-in build backend answers from the archive's PKG-INFO instead, so none of it is executed.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ARCHIVES = {
    "yyjson-4.0.6": "fcd4dc15c1e39a30bf9fa85d56903029111506860fc3080ab0d81c6c6dacaa8c",
    "nanoarrow-0.9.0": "1ce15bbed8532839347faa78824c5dbd3769bff60661003e34c6fba5dd881bd3",
}

BACKEND = '''
import os, re, shutil

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    text = open("PKG-INFO", encoding="utf-8").read()
    name, version = (re.search(rf"^{key}: (.+)$", text, re.M)[1] for key in ("Name", "Version"))
    info = f"{name}-{version}.dist-info"
    os.makedirs(os.path.join(folder, info))
    shutil.copy("PKG-INFO", os.path.join(folder, info, "METADATA"))
    return info
'''


def download(package: str, folder: Path) -> Path:
    name, version = package.rsplit("-", 1)
    for module in ("mesonpy.py", "setuptools/build_meta.py"):
        path = folder / "backend" / module
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BACKEND)
    (folder / "backend/setuptools/__init__.py").write_text("")
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{name}=={version} --hash=sha256:{ARCHIVES[package]}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
         "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes",
         "--dest", str(folder), "-r", str(wanted)],
        check=True, env=os.environ | {"PYTHONPATH": str(folder / "backend")})
    return folder / f"{package}.tar.gz"


def main() -> int:
    target, package = Path(sys.argv[1]), sys.argv[2]
    if (target / package / "PKG-INFO").exists():
        return 0
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        folder = Path(scratch)
        try:
            archive = download(package, folder)
        except subprocess.CalledProcessError:
            print(f"pip could not download {package}: is the network (or pip's index) reachable?",
                  file=sys.stderr)
            return 1
        with tarfile.open(archive) as tar:
            members = [m for m in tar.getmembers()
                       if m.isfile() and ".." not in Path(m.name).parts
                       and not os.path.isabs(m.name)]
            tar.extractall(folder / "unpacked", members=members)
        shutil.rmtree(target / package, ignore_errors=True)
        os.rename(folder / "unpacked" / package, target / package)
    return 0


if __name__ == "__main__":
    sys.exit(main())
