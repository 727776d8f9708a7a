#!/ usr / bin / env python3
"""page.py MODEL write|check: the page of figures, and its picture, from what the model says."""

import csv
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/operations/scale.md"
PICTURE = ROOT / "docs/operations/scale.svg"
BEGIN, END = "<!-- scale: begin -->\n", "<!-- scale: end -->"

WIDTH, HEIGHT, LEFT, RIGHT, TOP, GAP = 860, 150, 76, 16, 34, 44
DEPLOY_S, LOSS_S = (60, 360), 420  # as main.cc has it

LOGARITHMIC = None
# title, unit, and of each line its column, colour and name
PANELS = [
    ("connected, millions", 1e6, [("connected", "#2563eb", "connected")]),
    ("handshakes a second (each line a hundred times)", LOGARITHMIC, [("refused", "#dc2626", "refused"), ("welcomed", "#2563eb", "welcomed")]),
    ("commands a second of a master, thousands", 1e3,
     [("commands_max", "#f59e0b", "of the busiest"), ("commands_mean", "#2563eb", "mean")]),
    ("work of a master's core", 1, [("work_max", "#f59e0b", "of the busiest"), ("work_mean", "#2563eb", "mean")]),
    ("records, millions", 1e6,
     [("left_over", "#dc2626", "of the dead, not removed"), ("unwritten", "#f59e0b", "of the living, not written anew")]),
]
STYLE = ("text{font:12px sans-serif;fill:#334155}.title{font-weight:bold}.scale,.name{text-anchor:end}"
         ".grid{stroke:#e2e8f0}.loss{stroke:#dc2626;stroke-dasharray:4 3}.deploy{fill:#f1f5f9}"
         "polyline{fill:none;stroke-width:1.5}")


def run(model, path):
    """What it prints, and its rows."""
    said = subprocess.run([model, "--csv", path], check=True, capture_output=True, text=True).stdout
    with open(path, newline="") as file:
        return said, [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def nice(most):
    """The next above of 1, 2, 5 times a power of ten."""
    power = 1e-6
    while power * 10 < most:
        power *= 10
    return next(power * times for times in (1, 2, 5, 10) if power * times >= most)


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def draw_panel(title, unit, lines, rows, top):
    last = rows[-1]["second"]
    most = nice(max(row[column] for row in rows for column, _, _ in lines) / (unit or 1))

    def height_of(value):
        return math.log10(max(1, value / 1e3)) / 4 if unit is LOGARITHMIC else value / unit / most

    def across(second):
        return LEFT + second / last * (WIDTH - LEFT - RIGHT)

    begin, end = (across(second) for second in DEPLOY_S)
    yield f'<rect x="{begin:.1f}" y="{top}" width="{end - begin:.1f}" height="{HEIGHT}" class="deploy"/>'
    yield f'<text x="{LEFT}" y="{top - 8}" class="title">{title}</text>'
    words = {part: number(most * part) for part in (0, 0.5, 1)}
    if unit is LOGARITHMIC:
        words = {0: "1 000", 0.5: "100 000", 1: "10 million"}
    for part in (0, 0.5, 1):
        y = top + HEIGHT * (1 - part)
        yield f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" class="grid"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4}" class="scale">{words[part]}</text>'
    yield f'<line x1="{across(LOSS_S):.1f}" y1="{top}" x2="{across(LOSS_S):.1f}" y2="{top + HEIGHT}" class="loss"/>'
    x = WIDTH - RIGHT
    for column, colour, name in lines:
        points = " ".join(f"{across(row['second']):.1f},{top + HEIGHT * (1 - height_of(row[column])):.1f}" for row in rows)
        yield f'<polyline points="{points}" stroke="{colour}"/>'
        yield f'<text x="{x}" y="{top - 8}" class="name" style="fill:{colour}">{name}</text>'
        x -= 8 * len(name)


def draw(rows):
    height, last = TOP + len(PANELS) * (HEIGHT + GAP), rows[-1]["second"]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
           "<title>Ten million connections on a hundred instances: a deploy, and the loss of a zone</title>",
           f"<style>{STYLE}</style>", f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>']
    for i, panel in enumerate(PANELS):
        out += draw_panel(*panel, rows, TOP + i * (HEIGHT + GAP))
    for second in range(0, int(last) + 1, 60):
        x = LEFT + second / last * (WIDTH - LEFT - RIGHT)
        out.append(f'<text x="{x:.1f}" y="{height - GAP + 16}" class="scale">{second} s</text>')
    return "\n".join([*out, "</svg>", ""])


def main():
    model, mode = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        said, rows = run(model, pathlib.Path(folder) / "scale.csv")
    before = PAGE.read_text()
    head, rest = before.split(BEGIN)
    page, picture = head + BEGIN + said + END + rest.split(END)[1], draw(rows)
    if mode == "write":
        PAGE.write_text(page)
        PICTURE.write_text(picture)
    elif page != before or picture != PICTURE.read_text():
        print("docs/operations/scale.md or scale.svg is not what the model says: run scripts/scale --write", file=sys.stderr)
        return 1
    print("docs/operations/scale.md and scale.svg are what the model says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
