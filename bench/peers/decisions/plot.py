# SPDX-License-Identifier: MIT
"""plot.py <README.md >decisions.svg: the first table of ns a decision that it reads, as bars on a logarithmic scale."""

import math
import sys

LABELS, PANEL, GAP, LINE, TOP = 130, 130, 22, 20, 52
LEAST, MOST = 10, 10_000  # ns, the ends of the scale
WEIR, PEER, TEXT, FAINT = "#7fc4dd", "#d9d9d2", "#222222", "#666666"


def read_table(lines):
    cases, rows = [], []
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not cases:
            if line.startswith("| ns a decision, median"):
                cases = cells[1:]
        elif not line.startswith("|"):
            break
        elif not cells[0].startswith("-"):
            rows.append((cells[0], cells[1:]))
    if not rows:
        sys.exit("plot.py: there is no table of ns a decision")
    return cases, rows


def text(x, y, words, **more):
    style = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<text x="{x:g}" y="{y:g}"{style}>{words}</text>'


def main():
    cases, rows = read_table(sys.stdin)
    width, height = LABELS + len(cases) * (PANEL + GAP), TOP + len(rows) * LINE + 30
    scale = math.log10(MOST / LEAST)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' font-family="sans-serif" font-size="11" fill="{TEXT}">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(8, 18, "ns a decision, median (logarithmic; less is better)", font_size=13),
    ]
    out += [text(8, TOP + i * LINE + 14, name) for i, (name, _) in enumerate(rows)]
    for column, case in enumerate(cases):
        left = LABELS + column * (PANEL + GAP)
        out.append(text(left, TOP - 10, case, font_weight="bold", font_size=10))
        for power in range(round(scale) + 1):
            x = left + PANEL * power / scale
            out.append(f'<path d="M{x:g} {TOP}V{TOP + len(rows) * LINE}" stroke="#e6e6e2"/>')
            words = f"{LEAST * 10**power:,}"
            out.append(text(x, TOP + len(rows) * LINE + 14, words, fill=FAINT, font_size=9, text_anchor="middle"))
        for i, (name, cells) in enumerate(rows):
            y = TOP + i * LINE
            if cells[column] != "–":
                ns = float(cells[column].replace(",", ""))
                long = PANEL * min(1, max(0.02, math.log10(ns / LEAST) / scale))
                color = WEIR if name.startswith("weir") else PEER
                out.append(f'<rect x="{left}" y="{y + 3}" width="{long:.1f}" height="{LINE - 6}" fill="{color}"/>')
            out.append(text(left + 3, y + 14, cells[column]))
    print("\n".join([*out, "</svg>"]))


main()
