# SPDX-License-Identifier: MIT
"""plot.py <README.md >refusals.svg: the first table of refusals that it reads, as bars on a logarithmic scale."""

import math
import re
import sys

LABELS, PANEL, GAP, LINE, TOP = 180, 104, 26, 20, 52
WEIR, PEER, TEXT, FAINT = "#7fc4dd", "#d9d9d2", "#222222", "#666666"


def read_table(lines):
    """The names of the servers, and for each client its 429s per 10,000 and its goodput at each of them."""
    servers, rows = [], []
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not servers:
            if line.startswith("| 429s per 10,000"):
                servers = cells[1:]
        elif not line.startswith("|"):
            break
        elif found := [re.fullmatch(r"([\d,]+) · (\d+) %", cell) for cell in cells[1:]]:
            if all(found):
                rows.append((cells[0].replace("`", ""), [(int(m[1].replace(",", "")), m[2]) for m in found]))
    if not rows:
        sys.exit("plot.py: there is no table of 429s per 10,000")
    return servers, rows


def text(x, y, words, **more):
    style = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:g}" y="{y:g}"{style}>{words}</text>'


def main():
    servers, rows = read_table(sys.stdin)
    width, height = LABELS + len(servers) * (PANEL + GAP), TOP + len(rows) * LINE + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="sans-serif" font-size="11" fill="{TEXT}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(8, 18, "429s per 10,000 requests (the bars, logarithmic) · goodput, of 10 a second", font_size=13),
    ]
    out += [text(8, TOP + i * LINE + 14, name) for i, (name, _) in enumerate(rows)]
    for column, server in enumerate(servers):
        left = LABELS + column * (PANEL + GAP)
        out.append(text(left, TOP - 10, server, font_weight="bold"))
        for power in range(5):
            x = left + PANEL * power / 4
            out.append(f'<path d="M{x:g} {TOP}V{TOP + len(rows) * LINE}" stroke="#e6e6e2"/>')
            if power in (0, 2, 4):
                words = f"{10**power:,}"
                out.append(text(x, TOP + len(rows) * LINE + 14, words, fill=FAINT, font_size=9, text_anchor="middle"))
        for i, (name, cells) in enumerate(rows):
            refusals, goodput = cells[column]
            y = TOP + i * LINE
            if refusals > 0:
                long = PANEL * min(1, math.log10(max(refusals, 1.2)) / 4)
                color = WEIR if name.startswith("weir") else PEER
                out.append(f'<rect x="{left}" y="{y + 3}" width="{long:.1f}" height="{LINE - 6}" fill="{color}"/>')
            out.append(text(left + 3, y + 14, f"{refusals:,} · {goodput} %"))
    print("\n".join([*out, "</svg>"]))


main()
