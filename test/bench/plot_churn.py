#!/usr/bin/env python3
"""Draws what bench_churn sampled: plot_churn.py churn.csv churn.svg"""
import csv
import math
import sys

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 860, 150, 70, 20, 40, 44
COLOURS = ["#1f6feb", "#d29922", "#8250df"]
PANELS = [
    ("resident memory, MB", ["rss_mb"]),
    ("descriptors", ["descriptors"]),
    ("rooms held", ["rooms"]),
    ("p99 of each sample, ms (by powers of ten)", ["create_p99_ms", "join_p99_ms", "end_p99_ms"]),
]
POWERS = (-1, 4)  # 0.1 ms to 10 s


def rounded_up(value):
    """The next of 1, 2, 5, 10, ... so that axes end in round numbers."""
    size = 1.0
    while True:
        for step in (1, 2, 5):
            if value <= step * size:
                return step * size
        size *= 10


def panel(rows, title, names, top):
    times = [row["seconds"] for row in rows]
    across, bottom = WIDTH - LEFT - RIGHT, top + PANEL
    by_powers = len(names) > 1
    most = rounded_up(max(row[name] for row in rows for name in names) or 1)
    ticks = [10.0**p for p in range(POWERS[0], POWERS[1] + 1)] if by_powers else [0, most / 2, most]

    def x(t):
        return LEFT + across * t / times[-1]

    def y(v):
        if by_powers:
            power = math.log10(max(v, 10.0 ** POWERS[0]))
            return bottom - PANEL * (power - POWERS[0]) / (POWERS[1] - POWERS[0])
        return bottom - PANEL * v / most

    out = [f'<text x="{LEFT}" y="{top - 8}">{title}</text>']
    for v in ticks:
        out.append(f'<path d="M{LEFT} {y(v):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v:g}</text>')
    for colour, name in zip(COLOURS, names):
        line = " ".join(f"{x(t):.1f},{y(row[name]):.1f}" for t, row in zip(times, rows))
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}"/>')
        if by_powers:
            at = WIDTH - RIGHT - 90 * (len(names) - names.index(name))
            label = name.removesuffix("_p99_ms")
            out.append(f'<text x="{at}" y="{top - 8}" fill="{colour}">{label}</text>')
    for minute in range(0, int(times[-1] / 60) + 1, 5):
        at = x(minute * 60)
        out.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{minute} min</text>')
    return out


def main():
    with open(sys.argv[1], newline="") as f:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]
    height = TOP + len(PANELS) * (PANEL + GAP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for i, (title, names) in enumerate(PANELS):
        out += panel(rows, title, names, TOP + i * (PANEL + GAP))
    out.append("</svg>")
    with open(sys.argv[2], "w") as f:
        f.write("\n".join(out) + "\n")


main()
