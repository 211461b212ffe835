"""Draw the state machine from the compiled graph, as SVG: ``docs/state-machine.svg``.

The places of the boxes are ours; boxes and arrows are the graph's. A node or an arrow that is not in
the graph, or not in the drawing, is an error.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_type_hints

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from opentelemetry.trace import NoOpTracer

from graphs.coding import coding
from graphs.nodes import Nodes

TARGET = ROOT / "docs" / "state-machine.svg"
WIDTH, HEIGHT = 104, 44


@dataclass(frozen=True)
class Box:
    """One node: its middle, and what it says under its name."""

    x: int
    y: int
    says: str


BOXES = {
    "receive": Box(64, 130, "pin the commit"),
    "plan": Box(206, 130, "red first"),
    "execute": Box(348, 130, "in the sandbox"),
    "observe": Box(490, 130, "evidence"),
    "review": Box(632, 130, "clean checkout"),
    "replan": Box(490, 240, "three rounds"),
    "team": Box(490, 340, "side by side"),
    "deliver": Box(916, 130, "exactly once"),
    "approve": Box(774, 130, "risk, signature"),
}

# Arrow → its path and, where it is not plain, the words on it: (svg path, text, x, y).
ARROWS: dict[tuple[str, str], tuple[str, str, int, int]] = {
    ("receive", "plan"): ("M116 130 H150", "", 0, 0),
    ("plan", "execute"): ("M258 130 H292", "", 0, 0),
    ("execute", "observe"): ("M400 124 H434", "", 0, 0),
    ("observe", "execute"): ("M438 138 H404", "next step", 419, 170),
    ("observe", "review"): ("M542 130 H576", "", 0, 0),
    ("observe", "replan"): ("M480 152 V214", "worn out, loops", 436, 200),
    ("observe", "approve"): ("M500 108 C520 62 690 62 756 104", "an action needs a signature", 628, 92),
    ("review", "approve"): ("M684 130 H718", "", 0, 0),
    ("review", "replan"): ("M622 152 C618 210 590 236 546 236", "findings", 650, 196),
    ("replan", "execute"): ("M438 240 C390 236 362 206 352 156", "", 0, 0),
    ("approve", "deliver"): ("M826 130 H860", "", 0, 0),
    ("approve", "replan"): ("M774 152 C770 250 640 256 546 248", "rejected, with words", 826, 212),
    ("plan", "team"): ("M206 152 C206 300 320 340 434 340", "several workers", 250, 300),
    ("team", "team"): ("M450 362 C440 396 520 396 512 366", "next turn or merge", 481, 400),
    ("team", "replan"): ("M480 318 V266", "stuck", 462, 296),
    ("replan", "team"): ("M502 262 V314", "", 0, 0),
    ("team", "review"): ("M542 330 C600 310 630 240 632 156", "all landed", 634, 270),
    ("team", "approve"): ("M542 340 C680 330 760 260 770 156", "an action needs a signature", 740, 320),
    ("approve", "team"): ("M782 152 C790 300 680 356 546 350", "", 0, 0),
    ("observe", "team"): ("M446 152 C400 200 400 300 440 322", "answered", 394, 236),
    ("approve", "execute"): ("M764 108 C700 8 420 8 356 104", "approved: run it", 560, 26),
}

STYLE = """
  .box { fill: #f8fafc; stroke: #475569; stroke-width: 1.4 }
  .human { fill: #fef3c7; stroke: #b45309 }
  .end { fill: #dcfce7; stroke: #15803d }
  .name { font: 600 14px system-ui, sans-serif; fill: #0f172a }
  .says { font: 11px system-ui, sans-serif; fill: #475569 }
  .word { font: italic 11px system-ui, sans-serif; fill: #64748b }
  .arrow { fill: none; stroke: #64748b; stroke-width: 1.4; marker-end: url(#tip) }
  .tip { fill: #64748b }
  @media (prefers-color-scheme: dark) {
    .box { fill: #1e293b; stroke: #94a3b8 }
    .human { fill: #451a03; stroke: #f59e0b }
    .end { fill: #052e16; stroke: #22c55e }
    .name { fill: #f1f5f9 }
    .says, .word { fill: #94a3b8 }
  }
"""

TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker>'
)


def graph_edges() -> tuple[set[str], set[tuple[str, str]]]:
    """The nodes and arrows of the real graph; start, end and what every node may do (end the run) left out."""
    hints = get_type_hints(Nodes)
    people = {f.name: NoOpTracer() if f.name == "tracer" else object.__new__(hints[f.name]) for f in fields(Nodes)}
    drawn = coding(Nodes(**people)).get_graph()  # pyright: ignore[reportArgumentType]
    ends = {"__start__", "__end__"}
    return set(drawn.nodes) - ends, {(e.source, e.target) for e in drawn.edges if not {e.source, e.target} & ends}


def svg() -> str:
    """The drawing.

    Raises:
        SystemExit: the graph and the drawing do not agree.
    """
    nodes, edges = graph_edges()
    if nodes != set(BOXES) or edges != set(ARROWS):
        raise SystemExit(f"scripts/draw.py does not know {(nodes ^ set(BOXES)) or (edges ^ set(ARROWS))}")
    arrows = [f'<path class="arrow" d="{path}"/>' for path, *_ in ARROWS.values()]
    words = [f'<text class="word" x="{x}" y="{y}">{text}</text>' for _, text, x, y in ARROWS.values() if text]
    boxes = [_box(name, box) for name, box in BOXES.items()]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 984 412" role="img" text-anchor="middle">',
            "<title>receive, plan, execute, observe, review, approve, deliver; replan when the evidence asks</title>",
            f"<style>{STYLE}</style>",
            TIP,
            *arrows,
            *words,
            *boxes,
            "</svg>\n",
        ]
    )


def _box(name: str, box: Box) -> str:
    kind = {"approve": "box human", "deliver": "box end"}.get(name, "box")
    left, top = box.x - WIDTH // 2, box.y - HEIGHT // 2
    return (
        f'<rect class="{kind}" x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="9"/>'
        f'<text class="name" x="{box.x}" y="{box.y - 2}">{name}</text>'
        f'<text class="says" x="{box.x}" y="{box.y + 14}">{box.says}</text>'
    )


if __name__ == "__main__":
    TARGET.write_text(svg(), encoding="utf-8")
    print(TARGET.relative_to(ROOT))
