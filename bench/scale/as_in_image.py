"""Runs a kopf operator as in an image of its own: without the client library that only tests and the command line use.

kopf imports that wherever it finds it, used or not.
"""

from __future__ import annotations

import importlib
import sys

sys.modules["kubernetes"] = None  # type: ignore[assignment]  # Python's own way to say that there is none

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    importlib.import_module(sys.argv[0]).main()
