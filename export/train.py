"""`python -m export.train detector|grader ...`: one door to both trainings."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

_MODULES = {"detector": "export.detector.train", "grader": "export.grader.train"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and hand over; only the module asked for is imported."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="export.train", description=__doc__)
    subparsers = parser.add_subparsers(dest="what", required=True)
    for name, module in _MODULES.items():
        sub = subparsers.add_parser(name)
        if given[:1] == [name]:
            importlib.import_module(module).add_arguments(sub)
    args = parser.parse_args(given)
    return int(importlib.import_module(_MODULES[args.what]).run(args) or 0)


if __name__ == "__main__":
    raise SystemExit(main())
