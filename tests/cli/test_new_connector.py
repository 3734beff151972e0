"""`sluice new-connector`, and docs/write-a-connector.md followed from top to bottom: every shell
block is run, in order, in a copy of the tree; every block of C stands in the code it speaks of."""

import json
import re

import pytest

from harness.program import ROOT, Sluice
from harness.tree import Tree

GUIDE = ROOT / "docs/write-a-connector.md"
MADE = {"src/sources/{0}/{0}.c", "sim/{0}/{0}.c", "sim/{0}/{0}.h", "sim/{0}/data.c",
        "tests/sources/test_{0}.c", "docs/connectors/{0}.md", "examples/{0}/connection.json",
        "examples/{0}/pipeline.json"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Tree(tmp_path_factory.mktemp("connector"))


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)


def squeezed(text):
    return " ".join(text.split())


def test_the_guide_is_followed_from_top_to_bottom(tree):
    before = tree.files()
    first, *rest = blocks("sh")
    assert first.strip() == "sluice new-connector acme"
    said = tree.run(first)
    assert tree.files() - before == {path.format("acme") for path in MADE}
    for path in MADE:
        assert path.format("acme") in said
    tree.use_what_is_built()
    assert len(rest) >= 2
    tree.run("git add -A", quiet=True)  # check_format.sh looks at what git knows
    for block in rest:
        tree.run(block)
    assert "## Acme" in (tree.root / "docs/connectors.md").read_text()


def test_the_code_in_the_guide_is_the_code_it_speaks_of():
    code = squeezed((ROOT / "src/sources/example/example.c").read_text()
                    + (ROOT / "include/sluice/connector.h").read_text())
    found = blocks("c")
    assert len(found) >= 4
    for block in found:
        for part in block.split("...\n"):
            assert squeezed(part) in code, part


def test_nothing_of_the_model_is_left(tree):
    """The name in every spelling is another one; a name of several words has a title of several."""
    json_said = tree.run("sluice new-connector north_wind2 --output json")
    files = json.loads(json_said)["files"]
    assert set(files) == {path.format("north_wind2") for path in MADE}
    text = {name: (tree.root / name).read_text() for name in files}
    for name, content in text.items():
        left = re.search(r"example(?!\.(com|org|net)|[a-z])", content, re.I)
        assert left is None, f"{name}: {content[left.start() - 60:left.end() + 20]}"
    assert '.title = "North Wind2"' in text["src/sources/north_wind2/north_wind2.c"]
    assert "#ifndef SIM_NORTH_WIND2_H" in text["sim/north_wind2/north_wind2.h"]
    assert '{"env": "NORTH_WIND2_PASSWORD"}' in text["examples/north_wind2/connection.json"]


@pytest.mark.parametrize("name, why", [
    ("Acme", "cannot be the name"), ("9lives", "cannot be the name"), ("a-b", "cannot be the name"),
    ("a" * 33, "cannot be the name"), ("", "cannot be the name"), ("../x", "cannot be the name"),
    ("struct", "means something else"), ("linux", "means something else"),
    ("page", "means something else"), ("example", "means something else"),
    ("airtable", "is taken: src/sources/airtable"), ("json", "is taken: tests/unit/test_json.c"),
    ("conformance", "is taken: tests/sources/test_conformance.c"), ("data", "would be two files"),
])
def test_names_that_cannot_be_had(name, why, tree, sluice):
    before = tree.files()
    result = sluice.run("new-connector", name, "--dir", tree.root, code=2)
    assert why in result.err and result.out == ""
    assert tree.files() == before


def test_nothing_is_written_over(tree, sluice):
    page = tree.root / "docs/connectors/kept.md"
    page.write_text("mine")
    before = tree.files()
    result = sluice.run("new-connector", "kept", "--dir", tree.root, code=2)
    assert "docs/connectors/kept.md is there already" in result.err
    assert tree.files() == before and page.read_text() == "mine"


def test_only_a_source_tree_is_written_into(sluice, tmp_path):
    result = sluice.run("new-connector", "acme", "--dir", tmp_path, code=2)
    assert "is not a source tree of sluice" in result.err
    assert list(tmp_path.glob("*")) == [] or {p.name for p in tmp_path.iterdir()} <= {"home"}


def test_a_folder_that_cannot_be_written_leaves_nothing(tree, sluice):
    (tree.root / "sim/blocked").parent.mkdir(exist_ok=True)
    (tree.root / "examples/blocked").write_text("a file where a folder should be")
    before = tree.files()
    sluice.run("new-connector", "blocked", "--dir", tree.root, code=6)
    assert tree.files() == before
