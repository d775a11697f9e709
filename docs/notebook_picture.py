"""The picture of `%%compare` in a notebook: what a cell of notebooks/02_compare_models.ipynb shows, as it is committed.

    make picture

An SVG that holds the cell's own HTML, drawn by whoever looks at it.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "compare_notebook.svg"
WIDTH, HEIGHT = 780, 536
PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<title>%%compare in a notebook</title>
<rect x="0.5" y="0.5" width="{right}" height="{bottom}" rx="8" fill="#ffffff" stroke="#d0d7de"/>
<foreignObject x="12" y="12" width="{inner}" height="{bottom}">
<div xmlns="http://www.w3.org/1999/xhtml" style="font-family:system-ui,Helvetica,Arial,sans-serif;color:#1f2328">
<pre style="margin:0 0 8px;padding:8px 10px;background:#f5f5f5;border:1px solid #e0e0e0;font-size:12px">{source}</pre>
{shown}
</div>
</foreignObject>
</svg>
"""


def drawn() -> str:
    """Return the picture of what the cell shows."""
    notebook: Any = nbformat.read(ROOT / "notebooks" / "02_compare_models.ipynb", as_version=4)
    cell = next(cell for cell in notebook.cells if cell.source.startswith("%%compare"))
    (output,) = cell.outputs
    page = PAGE.format(
        width=WIDTH, height=HEIGHT, right=WIDTH - 1, bottom=HEIGHT - 1, inner=WIDTH - 24,
        source=escape(cell.source), shown=output.data["text/html"],
    )  # fmt: skip
    ElementTree.fromstring(page)  # an SVG that is no XML is not drawn at all
    return page


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
