"""`python -m aisa_integrations.cli`: the command where its script is not on the PATH."""

from __future__ import annotations

from . import main

raise SystemExit(main())
