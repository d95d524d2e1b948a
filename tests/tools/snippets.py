#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# A fenced block below a line <!-- from FILE --> is text of that file, so that it was compiled and run: its lines stand in
# FILE one after the other, but for how far they are indented. "..." alone on a line leaves lines out.

import os
import pathlib
import sys

root = pathlib.Path(os.environ.get("WEIR_SOURCE_DIR", pathlib.Path(__file__).parents[2]))


def squeezed(text):
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def parts(block):
    part = []
    for line in squeezed(block):
        if line == "...":
            yield part
            part = []
        else:
            part.append(line)
    yield part


def find(part, lines, start):
    for at in range(start, len(lines) - len(part) + 1):
        if lines[at : at + len(part)] == part:
            return at + len(part)
    return None


faults = count = 0
for document in sorted(root.glob("docs/**/*.md")) + [root / "README.md"]:
    source = block = None
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("<!-- from ") and line.endswith(" -->"):
            source = root / line[len("<!-- from ") : -len(" -->")]
        elif block is not None and line == "```":
            count += 1
            lines, at = squeezed(source.read_text()), 0
            for part in parts("\n".join(block)):
                at = find(part, lines, at)
                if at is None:
                    print(f"{document.relative_to(root)}:{number}: not in {source.relative_to(root)}: {part[0]}")
                    faults += 1
                    break
            source = block = None
        elif block is not None:
            block.append(line)
        elif source is not None and line.startswith("```"):
            block = []

print(f"snippets: {count} blocks, {faults} faults")
sys.exit(faults > 0 or count == 0)
