#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes weir as one header a component: OUT/weir.hpp, OUT/weir-yaml.hpp, OUT/weir-curl.hpp and so on.

A component's file contains all it needs. Each part has a guard of its own, so a program may include any of the files,
in any order.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"](weir/[^">]+)[">]')


def guard(path):
    return "WEIR_PART_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper()


def parts(root, path, seen, out):
    """Appends the header `path` to `out`, after the headers that it includes."""
    if path in seen:
        return
    seen.add(path)
    lines = (root / path).read_text(encoding="utf-8").splitlines()
    kept = []
    for line in lines:
        match = INCLUDE.match(line)
        if match:
            parts(root, match.group(1), seen, out)
        elif not line.startswith("#pragma once") and not line.startswith("// SPDX"):
            kept.append(line)
    out.append((path, "\n".join(kept).strip("\n")))


def write(root, target, headers, version, licence):
    seen, out = set(), []
    for header in headers:
        parts(root, header, seen, out)
    text = [f"// weir {version} in one file, written by cmake/single_header.py.", "//"]
    text += [f"// {line}".rstrip() for line in licence.splitlines()]
    text += ["#pragma once", ""]
    for path, body in out:
        text += [f"// {path}", f"#ifndef {guard(path)}", f"#define {guard(path)}", body, f"#endif  // {guard(path)}", ""]
    target.write_text("\n".join(text), encoding="utf-8")
    return len(out)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: single_header.py OUT: writes weir.hpp and weir-<component>.hpp into the folder OUT")
    source = pathlib.Path(__file__).resolve().parent.parent
    root, out = source / "include", pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    version = re.search(r'version\[\] = "([^"]+)"', (root / "weir/core/version.hpp").read_text()).group(1)
    licence = (source / "LICENSE").read_text().strip()
    wanted = {"weir": ["weir/weir.hpp", "weir/registry/open_store.hpp", "weir/observe/json_lines.hpp"]}
    for folder in sorted((root / "weir/ext").iterdir()):
        public = sorted(p.relative_to(root).as_posix() for p in folder.glob("*.hpp"))
        wanted[f"weir-{folder.name}"] = ["weir/weir.hpp", *public]
    for name, headers in wanted.items():
        count = write(root, out / f"{name}.hpp", headers, version, licence)
        print(f"{out / name}.hpp: {count} headers")


if __name__ == "__main__":
    main()
