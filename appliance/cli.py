"""The command line. Each family of commands brings its own parsers; here they meet, and errors become exit codes.

0 well    1 fault, or a study that was refused    2 usage    3 configuration    4 degraded, or only partly read
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from appliance import (
    commands_accounts,
    commands_backup,
    commands_check,
    commands_config,
    commands_doctor,
    commands_read,
    serve,
)
from appliance.errors import ConfigError, LumbarboxError, UsageError

WELL, FAULT, USAGE, CONFIGURATION, DEGRADED = range(5)
INTERRUPTED = 130
EXIT_CODES = {UsageError: USAGE, ConfigError: CONFIGURATION}

FAMILIES = (
    commands_read, serve, commands_config, commands_doctor, commands_check, commands_accounts, commands_backup,
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; what it raises on purpose is told in words, never as a traceback."""
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except LumbarboxError as error:
        _tell(error)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAULT)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has left; Python would complain while closing
        return FAULT
    except KeyboardInterrupt:
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """`lumbarbox COMMAND …`"""
    about = "Reads lumbar-spine MRI. A pre-screening aid, never a diagnosis."
    parser = argparse.ArgumentParser(prog="lumbarbox", description=about)
    parser.add_argument("--config", metavar="FILE", help="the configuration; else ./lumbarbox.toml or /etc/lumbarbox/")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for family in FAMILIES:
        family.add_commands(subparsers)
    return parser


def _tell(error: LumbarboxError) -> None:
    print(f"lumbarbox: {error.message}", file=sys.stderr)
    if error.action:
        print(f"           {error.action}", file=sys.stderr)
    print(f"           ({error.code}; docs/errors.md)", file=sys.stderr)
