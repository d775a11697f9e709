"""What `%load_ext aisa_integrations` puts into IPython, and `%unload_ext aisa_integrations` takes out again."""

from __future__ import annotations

import contextlib
from typing import Any
from weakref import WeakKeyDictionary

from .clients import Clients
from .completion import match
from .magics import Magics
from .spending import Spending

_loaded: WeakKeyDictionary[Any, contextlib.ExitStack] = WeakKeyDictionary()


def load(shell: Any) -> None:
    """Give a shell the magics, their completion, and a count of what its calls cost."""
    unload(shell)
    with contextlib.ExitStack() as stack:
        clients, spending = Clients(), Spending(shell)
        stack.callback(clients.close)
        stack.callback(spending.close)
        magics = Magics(shell, clients, spending)
        for kind, function in (("cell", magics.aisa), ("cell", magics.compare), ("line", magics.aisa_spend)):
            _register(shell, stack, kind, function)
        shell.Completer.custom_matchers.append(match)
        stack.callback(shell.Completer.custom_matchers.remove, match)
        _loaded[shell] = stack.pop_all()


def unload(shell: Any) -> None:
    """Take out what was put in, and close what is open; variables stay."""
    stack = _loaded.pop(shell, None)
    if stack is not None:
        stack.close()


def _register(shell: Any, stack: contextlib.ExitStack, kind: str, function: Any) -> None:
    """Register a magic; afterwards another one that had its name is there again."""
    known, name = shell.magics_manager.magics[kind], function.__name__
    before = known.get(name)
    shell.register_magic_function(function, magic_kind=kind, magic_name=name)
    stack.callback(known.pop, name, None) if before is None else stack.callback(known.__setitem__, name, before)
