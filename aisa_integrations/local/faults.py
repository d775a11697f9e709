"""The registry of everything that can go wrong, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .fault import Fault
from .faults_http import HTTP_FAULTS
from .faults_stream import STREAM_FAULTS

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in (*HTTP_FAULTS, *STREAM_FAULTS)})
"""Every fault that the local gateway can play."""
