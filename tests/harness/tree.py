"""A copy of the source tree to change and build, which takes what is built already from here."""

import os
import shutil
import subprocess
from pathlib import Path

from .program import ROOT, binary, environment

BUILT = ROOT / "build/dev"

# Put before the compiler: an object whose source is that of this repository, and older than the
# object here, is copied instead of compiled. A changed or new source is compiled.
LAUNCHER = """#!/usr/bin/env python3
import filecmp, os, shutil, subprocess, sys
root, tree, built = {root!r}, {tree!r}, {built!r}
words = sys.argv[1:]
if "-c" in words and "-o" in words:
    source, target = words[words.index("-c") + 1], words[words.index("-o") + 1]
    object = os.path.join(built, target)
    original = source.replace(tree + "/build/dev", built).replace(tree, root)
    if (os.path.exists(object) and os.path.exists(original)
            and os.path.getmtime(object) >= os.path.getmtime(original)
            and filecmp.cmp(source, original, shallow=False)):
        shutil.copyfile(object, target)
        with open(words[words.index("-MF") + 1], "w") as depends:
            depends.write(target + ":\\n")
        sys.exit(0)
sys.exit(subprocess.call(words))
"""


class Tree:
    """The repository's files in a folder of its own, as a clone would have them."""

    def __init__(self, folder):
        self.root = Path(folder) / "tree"
        self.env = environment(PATH=f"{binary(points=True).parent}:{os.environ['PATH']}")
        listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT,
                                check=True, stdout=subprocess.PIPE, text=True).stdout
        for name in filter(None, listed.split("\0")):
            if not (ROOT / name).exists():
                continue  # taken away, and not committed yet
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, self.root / name)
        self.run("git init -q . && git add -A", quiet=True)

    def use_what_is_built(self):
        """Fetched sources, the Rust archive and the objects of build/dev are not made again."""
        for name in ("deps", "venv", "jars"):
            if (ROOT / "build" / name).exists():
                (self.root / "build").mkdir(exist_ok=True)
                (self.root / "build" / name).symlink_to(ROOT / "build" / name)
        archive = "build/cargo/release/libsluice_delta.a"
        (self.root / archive).parent.mkdir(parents=True)
        shutil.copy(ROOT / archive, self.root / archive)
        tools = self.root.parent / "home/.cargo/bin"
        tools.mkdir(parents=True)
        self.tool(tools / "cargo", "#!/bin/sh\nexit 0\n")
        launcher = LAUNCHER.format(root=str(ROOT), tree=str(self.root), built=str(BUILT))
        self.tool(tools / "launcher", launcher)
        self.env["HOME"] = str(self.root.parent / "home")
        self.env["CMAKE_C_COMPILER_LAUNCHER"] = str(tools / "launcher")

    @staticmethod
    def tool(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def run(self, script, *, timeout=900, quiet=False) -> str:
        """Runs lines of a shell in the tree; the first that fails is the end."""
        ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.root,
                             env=self.env, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=timeout)
        assert ran.returncode == 0, f"$ {script}\n{ran.stdout[-6000:]}"
        return "" if quiet else ran.stdout

    def files(self) -> set:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*")
                if path.is_file() and ".git/" not in str(path)}
