"""Cost against latency, drawn: by whose word each figure is, and how sure it is."""

import subprocess
import sys
import warnings
from decimal import Decimal
from typing import Any

import nbformat
import pytest
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.text import Annotation
from nbclient import NotebookClient

from aisa_integrations import compare
from aisa_integrations.display.labels import named
from aisa_integrations.display.plots import plot_calls
from aisa_integrations.display.points import Timed, points
from aisa_integrations.evaluation import evaluate
from aisa_integrations.local import LocalGateway

BILLED = Timed("gpt-4o", True, 1.0, Decimal("0.0012"), "billed")
ESTIMATED = Timed("kimi-k2.6", True, 2.0, Decimal("0.004"), "estimated")
UNKNOWN = Timed("gemini-2.5-flash", True, 0.5, None, None)
FAILED = Timed("gpt-4.1", False, 0.1, None, None)


def names(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts if isinstance(text, Annotation)]


def legend(axes: Axes) -> list[str]:
    held: Any = axes.get_legend() or axes.figure.legends[0]
    return [text.get_text() for text in held.get_texts()]


def marks(axes: Axes) -> list[Any]:
    return [held.lines[0] for held in axes.containers if isinstance(held, ErrorbarContainer)]


def bars(axes: Axes) -> list[int]:
    return [len(held.lines[2]) for held in axes.containers if isinstance(held, ErrorbarContainer)]


def drawn(axes: Axes) -> None:
    axes.figure.canvas.draw()  # what can't be drawn fails here


def test_each_kind_of_figure_has_its_mark() -> None:
    axes = plot_calls([BILLED, ESTIMATED, UNKNOWN, FAILED])
    drawn(axes)
    assert legend(axes) == ["billed", "estimated", "cost unknown", "no answer: gpt-4.1"]
    assert names(axes) == ["unknown", "gpt-4o", "kimi-k2.6", "gemini-2.5-flash"]
    assert [(mark.get_marker(), mark.get_fillstyle()) for mark in marks(axes)] == [
        *(("o", "full"), ("o", "none"), ("x", "full"))
    ]
    assert [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in marks(axes)][:2] == [(1.0, 0.0012), (2.0, 0.004)]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latency (s)", "cost (USD)")


@pytest.mark.parametrize("dearer", [1, 1_000], ids=["linear", "logarithmic"])
def test_an_unknown_cost_is_below_every_known_one_and_below_nothing(dearer: int) -> None:
    dear = BILLED._replace(model="o", cost=Decimal("0.002") * dearer)
    axes = plot_calls([BILLED, dear, UNKNOWN])
    assert axes.get_yscale() == ("linear" if dearer == 1 else "log")
    least = Decimal("0.0012") if dearer > 1 else 0
    where = axes.transData.transform((1, float(least)))[1]
    unknown = marks(axes)[2]
    assert unknown.get_transform().transform((0.5, unknown.get_ydata()[0]))[1] < where
    drawn(axes)


def test_repeated_runs_give_bars_and_one_run_gives_none() -> None:
    runs = [Timed("gpt-4o", True, 1 + i / 10, Decimal(f"0.00{i + 1}"), "billed") for i in range(6)]
    single, repeated = plot_calls(runs[:1]), plot_calls(runs)
    assert bars(single) == [0]
    assert bars(repeated) == [2]
    assert legend(repeated) == ["billed", "95% bootstrap interval"]
    assert (repeated.get_xlabel(), repeated.get_ylabel()) == ("median latency (s)", "mean cost of an answer (USD)")
    [point] = points(runs)
    assert point.latency is not None
    assert point.cost is not None
    assert [point.latency.estimate, point.cost.estimate] == pytest.approx([1.25, 0.0035])
    assert point.cost.low is not None
    assert point.cost.high is not None
    assert 0.001 <= point.cost.low < 0.0035 < point.cost.high <= 0.006


def test_what_a_mean_leaves_out_is_said() -> None:
    calls = [BILLED, BILLED._replace(cost=None, cost_kind=None), BILLED._replace(ok=False), ESTIMATED, FAILED]
    mixed = [ESTIMATED._replace(model="m"), BILLED._replace(model="m")]
    axes = plot_calls([*calls, *mixed])
    assert names(axes) == ["gpt-4o (cost of 1 unknown, 1 failed)", "kimi-k2.6", "m"]
    assert legend(axes)[:3] == ["billed", "estimated", "billed and estimated"]


@pytest.mark.parametrize("calls", [[], [FAILED], [UNKNOWN], [BILLED._replace(cost=Decimal(0))]], ids=str)
def test_there_may_be_little_to_draw(calls: list[Timed]) -> None:
    drawn(plot_calls(calls))


def test_names_are_no_formulas_and_letters_that_a_font_lacks_are_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = plot_calls([BILLED._replace(model="$x$ \\frac 你好 \x1b"), FAILED._replace(model="$y$ {"), UNKNOWN])
        drawn(axes)
    assert "$x$ \\frac \\u4f60\\u597d ␛"[:10] in names(axes)[1]
    assert named("Größe") == "Größe"


def test_names_of_points_close_together_do_not_cover_each_other() -> None:
    close = [BILLED._replace(model=f"model-{i}", latency=1 + i / 500) for i in range(4)]
    axes = plot_calls([*close, ESTIMATED])
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_it_is_drawn_where_one_says_and_pyplot_is_left_alone() -> None:
    before = pyplot.get_fignums()
    for _ in range(25):  # pyplot warns of the 21st
        plot_calls([BILLED, UNKNOWN])
    assert pyplot.get_fignums() == before
    figure, (left, right) = pyplot.subplots(1, 2)
    try:
        assert plot_calls([BILLED], ax=right) is right
        assert (len(left.containers), len(right.containers)) == (0, 1)
    finally:
        pyplot.close(figure)


def test_a_comparison_draws_itself_with_its_further_runs(gateway: LocalGateway) -> None:
    gateway.script.set_style("gpt-4.1", usage="none")
    where: Any = {"api_key": gateway.api_key, "base_url": gateway.url}
    runs = [compare(["gpt-4o", "gpt-4.1"], "Hello", **where) for _ in range(3)]
    assert legend(runs[0].plot()) == ["billed", "cost unknown"]
    axes = runs[0].plot(*runs[1:])
    assert legend(axes) == ["billed", "cost unknown", "95% bootstrap interval"]
    assert marks(axes)[0].get_ydata()[0] == pytest.approx(float(runs[0]["gpt-4o"].cost or 0))


def test_an_evaluation_draws_all_its_answers(gateway: LocalGateway) -> None:
    gateway.script.set_style("gpt-4.1", usage="none")
    where: Any = {"api_key": gateway.api_key, "base_url": gateway.url}
    found = evaluate([{"q": "one"}, {"q": "two, and more"}], ["gpt-4o", "gpt-4.1"], prompt="{q}", **where)
    axes = found.plot()
    assert legend(axes) == ["billed", "cost unknown", "95% bootstrap interval"]
    assert marks(axes)[0].get_ydata()[0] == pytest.approx(float(found.cost.billed) / 2)


def test_matplotlib_comes_with_an_extra() -> None:
    program = """
import sys
sys.modules["matplotlib"] = None
from aisa_integrations import Comparison
try:
    Comparison([], []).plot()
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said == 'plot() needs matplotlib: pip install "aisa-integrations[notebook]"\n'


def test_a_notebook_shows_the_plot_and_pyplot_keeps_nothing() -> None:
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("from aisa_integrations import Comparison\naxes = Comparison([], []).plot()"),
            nbformat.v4.new_code_cell("from matplotlib import pyplot\npyplot.get_fignums()"),
        ]
    )
    NotebookClient(book, timeout=120).execute()
    drawing, after = book.cells
    assert [sorted(output["data"]) for output in drawing.outputs] == [["image/png", "text/plain"]]
    assert after.outputs[0]["data"]["text/plain"] == "[]"
