#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# config/ratelimits.schema.json is what `weir schema` prints, and says of every configuration of the corpus what the
# loader says. The loader's verdict is the corpus's own: tests/unit/ext/yaml/corpus_test.cpp holds it to that.
#
# Files are read as an editor does: by the core schema of YAML 1.2, in which `yes` is a text, and with duplicate keys and
# syntax errors as faults.

import json
import os
import pathlib
import re
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"skipped: {missing} (apt-get install python3-jsonschema python3-yaml)")
    sys.exit(77)

root = pathlib.Path(os.environ["WEIR_SOURCE_DIR"])
most_beyond = 25  # rules between leaves, the size of numbers in texts, and forms that YAML has and a file may not
passed = failed = 0


def check(good, what):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}")


class Refused(Exception):
    pass


SCALARS = [
    (re.compile(r"(~|null|Null|NULL|)"), lambda text: None),
    (re.compile(r"(true|True|TRUE)"), lambda text: True),
    (re.compile(r"(false|False|FALSE)"), lambda text: False),
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: float("inf")),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda text: float("nan")),
]


def value_of(node):
    if isinstance(node, yaml.ScalarNode):
        if node.style is None:
            for pattern, make in SCALARS:
                if pattern.fullmatch(node.value):
                    return make(node.value)
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    out = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise Refused("a key that is no text")
        if key.value in out:
            raise Refused("a key twice")
        out[key.value] = value_of(value)
    return out


def read(text):
    """The first document of a file's bytes, as JSON has it."""
    try:
        return value_of(next(iter(yaml.compose_all(text.decode("utf-8"))), yaml.ScalarNode("", "", style=None)))
    except (yaml.YAMLError, UnicodeDecodeError, Refused) as fault:
        raise Refused(str(fault)) from fault


def entries(folder):
    """(name, header, text) of every entry that is one file and nothing else; what tests/corpus/README.md says."""
    for path in sorted(folder.glob("*.txt")):
        for part in re.split(r"^=== ", path.read_text("utf-8"), flags=re.M)[1:]:
            name, _, body = part.partition("\n")
            parts = re.split(r"^--- (?=[a-z])", body, flags=re.M)[1:]
            kinds = [p.partition("\n")[0] for p in parts]
            if sum(k.startswith("yaml") for k in kinds) != 1 or "flags" in kinds or "variables" in kinds:
                continue
            at = next(i for i, k in enumerate(kinds) if k.startswith("yaml"))
            text = parts[at].partition("\n")[2].encode("utf-8")
            if kinds[at] == "yaml escaped":
                text = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text[:-1])
            yield f"{path.name}: {name}", "beyond the schema" in " ".join(kinds), text


shipped = (root / "config/ratelimits.schema.json").read_text("utf-8")
printed = subprocess.run([os.environ["WEIR_BIN_DIR"] + "/weir", "schema"], check=True, capture_output=True, text=True).stdout
check(shipped == printed, "config/ratelimits.schema.json is stale: weir schema > config/ratelimits.schema.json")

schema = json.loads(shipped)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)


def verdict(text):
    """None for good, else why not."""
    try:
        found = read(text)
    except Refused as fault:
        return str(fault)
    return next((error.message for error in validator.iter_errors(found)), None)


for path in [root / "config/ratelimits.yaml", *sorted((root / "config/presets").glob("*.yaml"))]:
    check(verdict(path.read_bytes()) is None, f"{path.name}: {verdict(path.read_bytes())}")
check(
    (root / "config/ratelimits.yaml").read_text().startswith("# yaml-language-server: $schema=ratelimits.schema.json\n"),
    "config/ratelimits.yaml names its schema in the first line",
)


def undescribed(of, path):
    for key, value in of.get("properties", {}).items():
        if isinstance(value, dict) and "then" not in path:
            if "description" not in value:
                yield f"{path}.{key}"
            yield from undescribed(value, f"{path}.{key}")


for where in (schema, *schema["$defs"].values()):
    check(list(undescribed(where, "")) == [], f"every key has a description: {list(undescribed(where, ''))}")

for name, _, text in entries(root / "tests/corpus/good-configurations"):
    check(verdict(text) is None, f"{name}: the loader takes it, the schema does not: {verdict(text)}")

count = beyond = 0
for name, is_beyond, text in entries(root / "tests/corpus/bad-configurations"):
    count += 1
    beyond += is_beyond
    if is_beyond:
        check(verdict(text) is None, f"{name}: the schema does find it ({verdict(text)}); drop 'beyond the schema'")
    else:
        check(verdict(text) is not None, f"{name}: the loader refuses it, the schema takes it")
check(0 < beyond <= most_beyond, f"{beyond} entries are beyond the schema")

print(f"{count} bad files, {beyond} of them beyond the schema")
print(f"weir-tests: {passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
