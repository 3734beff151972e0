#!/usr/bin/env python3
"""Fail when a room includes a room it may not know.

The rooms of src/ see each other in one direction only (docs/architecture: "Rooms"). The compiler
does not hold this rule, because all rooms share one include path; this check does.
"""

import re
import sys
from pathlib import Path

# What each folder may include besides its own files and <sluice/*.h>.
MAY = {
    "src/base": set(),
    "src/json": {"base"},
    "src/options": {"base", "json"},
    "src/table": {"base", "json", "options"},
    "src/http": {"base", "json"},  # recordings are JSON
    "src/delta": {"base", "table"},
    "src/sources": {"json"},  # a connector includes <sluice/connector.h> and reads JSON
    "src/catalog": {"base", "json", "options"},
    "src/pipeline": {"base", "json", "options", "table", "http", "delta", "catalog"},
    "src/sql": {"base", "json", "options", "table", "delta", "catalog"},
    "src/server": {"base", "json", "options", "table", "http", "delta", "catalog", "pipeline"},
    "src/cli": {"base", "json", "options", "table", "http", "delta", "catalog", "pipeline",
                "sql", "server", "sim"},
    "sim": {"base", "json", "http"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/[^"]+"', re.M)

ROOMS = {folder.rsplit("/", 1)[-1] for folder in MAY}


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    wrong = 0
    for folder, allowed in MAY.items():
        own = folder.rsplit("/", 1)[-1]
        for path in sorted((root / folder).rglob("*.[ch]")):
            for match in INCLUDE.finditer(path.read_text(encoding="utf-8")):
                room = match[1]
                if room == own or room in allowed or room not in ROOMS:
                    continue
                line = path.read_text(encoding="utf-8").count("\n", 0, match.start()) + 1
                print(f"{path.relative_to(root)}:{line}: {own} may not include {room}/")
                wrong += 1
    return 1 if wrong else 0

if __name__ == "__main__":
    sys.exit(main())
