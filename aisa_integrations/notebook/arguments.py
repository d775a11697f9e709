"""What the first line of a cell says: models, and options as the command `aisa` has them, in a shell's quotes."""

from __future__ import annotations

import argparse
import difflib
import keyword
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from ..cli.values import ids, model_or_default, parse_budget
from ..errors import ConfigurationError
from ..gateway_client import GatewayClient
from .filling import filled, with_variables


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Hold what a cell asks.

    Args:
        models: ids or routes; `%%aisa` has one.
        prompt: what the user says.
        system: what each model is told first.
        options: fields of the chat call.
        fallbacks: ids to ask in turn when a model fails.
        budget: USD, or USD/day, as it was written; checked.
        stream: whether the answer is asked for as a stream.
        client: who asks; None for the notebook's own client.
        into: the name of the variable that takes the result.
    """

    models: tuple[str, ...]
    prompt: str
    system: str | None
    options: Mapping[str, Any]
    fallbacks: tuple[str, ...]
    budget: str | None
    stream: bool
    client: GatewayClient | None
    into: str


class Parser(MagicArgumentParser):
    """The parser of one magic; what is wrong with a line is said in one."""

    def __init__(self, magic: str, result: str, description: str) -> None:
        super().__init__(f"%{magic}", description=description)  # type: ignore[no-untyped-call]
        self.default_into: Final = f"_{magic}"
        add = self.add_argument
        add("--system", "-s", metavar="TEXT", help="What the model is told first.")
        add("--temperature", "-t", type=_temperature, metavar="0..2", help="How freely words are chosen.")
        add("--max-tokens", type=_positive, metavar="N", help="Tokens an answer may have.")
        add("--fallback", metavar="A,B", help="Models to ask in turn when one fails.")
        add("--budget", metavar="USD[/day]", help="Refuse what could cost more: this cell, or all of a UTC day's.")
        add("--stream", action=argparse.BooleanOptionalAction, default=True, help="Show the answer as it comes.")
        add("--fill", metavar="A,B", help="Put these variables where the prompt and --system say {A} and {B}.")
        add("--client", metavar="NAME", help="Ask with the GatewayClient in this variable.")
        add("--into", metavar="NAME", help=f"The variable that takes the {result}. Default: {self.default_into}.")

    def error(self, message: str) -> NoReturn:
        said = message.removeprefix("argument ")
        raise UsageError(f"{said}{'' if said.endswith(('?', '.')) else '.'} For help: %{self.prog}?")


_AISA: Final = """Ask a model what the cell says, and show the answer as it comes.

The model is an id or a route; without one, $AISA_MODEL, else aisa/auto, which chooses. An argument that is {name} or
$name as a whole is that variable. The prompt is sent as it stands, or with --fill. The Result is left in _aisa."""
_COMPARE: Final = """Ask several models what the cell says, all at once, and show the answers side by side as they come.

A model that fails has its error in its place. An argument that is {name} or $name as a whole is that variable, a list
of ids among them. The prompt is sent as it stands, or with --fill. The Comparison is left in _compare."""


def _temperature(text: str) -> float:
    if not 0 <= (value := float(text)) <= 2:
        raise argparse.ArgumentTypeError(f"it goes from 0 to 2, not {text}")
    return value


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"it is 1 or more, not {text}")
    return value


_temperature.__name__, _positive.__name__ = "number", "whole number"  # argparse: "invalid number value: 'hot'"

AISA: Final = Parser("aisa", "Result", _AISA)
AISA.add_argument("models", nargs="?", metavar="MODEL", help="The model to ask.")
COMPARE: Final = Parser("compare", "Comparison", _COMPARE)
COMPARE.add_argument("models", nargs="+", metavar="MODEL", help="The models to ask.")


def read(parser: Parser, line: str, cell: str, namespace: Mapping[str, Any]) -> Asked:
    """Return what a cell asks.

    Args:
        parser: `AISA` or `COMPARE`.
        line: what stands after the magic's name.
        cell: the lines below it.
        namespace: the notebook's variables.

    Raises:
        UsageError: it can't be asked.
    """
    try:
        given = _parsed(parser, with_variables(_words(parser, line), namespace))
        names = ids(given.fill) if given.fill is not None else ()
        if given.budget is not None:
            parse_budget(given.budget)
        fallbacks = tuple(ids(given.fallback)) if given.fallback is not None else ()
        prompt, system = filled((cell.strip("\n"), given.system), names, namespace)
    except ConfigurationError as error:
        parser.error(str(error))
    if not prompt.strip():
        parser.error("The cell says nothing: the prompt goes below its first line")
    options = {"temperature": given.temperature, "max_tokens": given.max_tokens}
    return Asked(
        models=tuple(_models(given.models)),
        prompt=prompt,
        system=system,
        options={name: value for name, value in options.items() if value is not None},
        fallbacks=fallbacks,
        budget=given.budget,
        stream=given.stream,
        client=_client(parser, given, namespace),
        into=_variable(parser, given.into or parser.default_into),
    )


def _words(parser: Parser, line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        # "No closing quotation", mostly an apostrophe.
        parser.error(f"{error}: a text with spaces or an apostrophe stands in double quotes")


def _parsed(parser: Parser, words: list[str]) -> Any:
    given, beyond = parser.parse_known_args(words)
    for word in beyond:
        if not word.startswith("-"):
            parser.error(f"One model, not {word!r} too: the prompt goes below the first line, a text in quotes")
        options = [option for action in parser._actions for option in action.option_strings]
        close = difflib.get_close_matches(word.partition("=")[0], options, n=1)
        parser.error(f"There is no option {word}.{f' Did you mean {close[0]}?' if close else ''}")
    return given


def _models(given: str | Iterable[str] | None) -> Iterable[str]:
    if given is None or isinstance(given, str):
        return [model_or_default(given)]
    return [one for word in given for one in ids(word)]


def _variable(parser: Parser, name: str) -> str:
    if not re.fullmatch(r"[^\W\d]\w*", name) or keyword.iskeyword(name):
        parser.error(f"{name!r} is no name of a variable")
    return name


def _client(parser: Parser, given: Any, namespace: Mapping[str, Any]) -> GatewayClient | None:
    name = given.client
    if name is None:
        return None
    if given.budget is not None:
        parser.error("--budget and --client: the client has a policy of its own, give one of the two")
    client = namespace.get(name)
    if not isinstance(client, GatewayClient):
        what = f"is {type(client).__name__}" if name in namespace else "is no variable"
        parser.error(f"--client {name}: a GatewayClient is wanted, and {name} {what}")
    return client
