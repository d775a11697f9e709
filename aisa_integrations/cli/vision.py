"""`aisa vision`: ask a model about pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from ..errors import ConfigurationError
from . import options, values
from .answer import answer
from .request import chat_body
from .screen import Screen
from .session import session


def vision(
    image: Annotated[
        list[str],
        typer.Option("--image", "-i", metavar="SOURCE", help="A file, an http(s) URL or a data URL; may be repeated."),
    ],
    prompt: Annotated[
        str, typer.Option("--prompt", "-p", metavar="TEXT", help="What is asked about it.")
    ] = "Describe this image",
    model: options.Model = None,
    system: options.System = None,
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    stream: options.Stream = None,
    fallback: options.Fallback = None,
    budget: options.BudgetUsd = None,
    timeout: options.Timeout = None,
    cache: options.UseCache = False,
    local: options.Local = False,
    as_json: options.AsJson = False,
) -> None:
    """Ask a model about pictures. PNG, JPEG, GIF or WebP; a file is read and checked before anything is sent."""
    from ..images import image_part

    screen = Screen(as_json)
    terms = options.Terms(local=local, timeout=timeout, fallback=fallback, budget=budget, cache=cache)
    asked = values.model_or_default(model)
    if not prompt.strip():
        raise ConfigurationError("The prompt is empty: --prompt says what is asked about the picture.")
    check_sight([asked, *(values.ids(fallback) if fallback is not None else ())])
    content = [{"type": "text", "text": prompt}, *map(image_part, image)]
    body = chat_body(
        asked, [{"role": "user", "content": content}], system=system, temperature=temperature, max_tokens=max_tokens
    )
    if local:
        screen.note("answers are simulated: the toy model on this machine sees no pictures")
    with session("vision", screen, terms, asks_a_model=False) as opened:
        answer(opened, screen, body, stream=stream)


def check_sight(models: Iterable[str]) -> None:
    """Say of a model that is known to see no pictures that it sees none; one that is not known may.

    Raises:
        ConfigurationError: one of the models is such a one.
    """
    from ..catalogue import catalogue

    for model in models:
        found = catalogue().find(model)
        if found is not None and found.vision is False:
            raise ConfigurationError(f"{model} sees no pictures; aisa/auto, the default, chooses a model that does.")
