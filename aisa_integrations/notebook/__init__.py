"""What a notebook has besides: its first cell.

from aisa_integrations.notebook import connect

connect()
"""

from __future__ import annotations

from .connection import Connection, connect

__all__ = ["Connection", "connect"]
