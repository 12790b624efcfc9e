"""``python -m consent_middleware`` is the ``consent`` command."""

from __future__ import annotations

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
