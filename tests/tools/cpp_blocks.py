#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Every ```cpp block of README.md and docs/ compiles, for a snippet that does not is worse than none. Each document is one
# translation unit, checked without code: a block with main or a definition stands at namespace scope, any other is the body of
# a function, after the names of _cpp_blocks.hpp. Its includes must be all that it needs beside those of the same document.
#
# A block after the line <!-- from FILE --> is text of a file that is compiled anyway; one after <!-- not compiled: REASON --> is left
# out. Documents whose libraries are not installed are skipped.

import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

root = pathlib.Path(os.environ.get("WEIR_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
compiler = shlex.split(os.environ.get("CXX", "c++"))
probes = {"yaml": "yaml-cpp/yaml.h", "curl": "curl/curl.h", "cli11": "CLI/CLI.hpp", "idn2": "idn2.h", "sqlite": "sqlite3.h",
          "redis": "hiredis/hiredis.h", "postgres": "libpq-fe.h"}
block_pattern = re.compile(r"(?:^<!-- (?:not compiled: (?P<reason>.+)|from (?P<source>.+)) -->\n+)?^```cpp\n(?P<text>.*?)^```$", re.S | re.M)


def postgres_flags():
    try:
        found = subprocess.run(["pkg-config", "--cflags", "libpq"], capture_output=True, text=True)
    except FileNotFoundError:
        return []
    return shlex.split(found.stdout) if found.returncode == 0 else []


flags = ["-std=c++20", "-fsyntax-only", "-w", "-x", "c++", f"-I{root}/include", f"-I{root}/tests/tools", *postgres_flags()]


def compiles(text):
    run = subprocess.run([*compiler, *flags, "-"], input=text, capture_output=True, text=True)
    return run.returncode == 0, run.stderr


def unit_of(document):
    """The translation unit of a document, and how many blocks are in it and were left out."""
    includes, bodies, left_out = [], [], 0
    text = document.read_text(encoding="utf-8")
    for number, m in enumerate(block_pattern.finditer(text), 1):
        if m["source"]:
            continue
        if m["reason"]:
            left_out += 1
            continue
        line = text.count("\n", 0, m.start("text")) + 1
        code = []
        for row in m["text"].splitlines():
            if row.startswith("#include"):
                includes.append(row)
                row = ""
            code.append(row)
        code = "\n".join(code)
        is_definition = re.search(r"^(struct|class|template|namespace|enum|inline|static)\b|\bmain\(", code, re.M)
        at = f'#line {line} "{document.relative_to(root)}"\n'
        if is_definition:
            bodies.append(f"namespace block_{number} {{\n{at}{code}\n}}\n")
        elif "co_await" in code or "co_return" in code:
            bodies.append(f"block_task block_{number}() {{\n{at}{code}\nco_return;\n}}\n")
        else:
            bodies.append(f"int block_{number}() {{\n{at}{code}\nreturn 0;\n}}\n")
    wanted = list(dict.fromkeys(includes))
    return "\n".join([*wanted, '#include "_cpp_blocks.hpp"', *bodies]), len(bodies), left_out


def missing_library(unit):
    for name in sorted(set(re.findall(r"weir/ext/(\w+)/", unit))):
        if name in probes and not compiles(f"#include <{probes[name]}>\n")[0]:
            return name
    return None


passed = failed = skipped = 0
for document in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
    unit, count, left_out = unit_of(document)
    name = document.relative_to(root)
    if count == 0:
        skipped += left_out
        continue
    library = missing_library(unit + (root / "tests/tools/_cpp_blocks.hpp").read_text(encoding="utf-8"))
    if library:
        print(f"{name}: SKIPPED: {library} is not installed")
        skipped += count
        continue
    good, messages = compiles(unit)
    if good:
        passed += count
    else:
        failed += 1
        print(f"{name}: a block does not compile:\n{messages[:4000]}")
    if left_out:
        print(f"{name}: {left_out} blocks are not compiled, by their own word")
        skipped += left_out
print(f"weir-tests: {passed} passed, {failed} failed, {skipped} skipped")
sys.exit(1 if failed else 77 if passed == 0 else 0)
