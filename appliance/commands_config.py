"""`lumbarbox config check|show|schema`: is the configuration right, and what does it come to?"""

from __future__ import annotations

import argparse
import json

from appliance import config
from appliance.wiring import read_config


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`config`, with its three verbs."""
    parser = subparsers.add_parser("config", help="check, show or describe the configuration")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("check", help="say whether it is right").set_defaults(run=_check)
    verbs.add_parser("show", help="every key with the value it comes to").set_defaults(run=_show)
    verbs.add_parser("schema", help="JSON Schema of the file").set_defaults(run=_schema)


def _check(args: argparse.Namespace) -> int:
    read_config(args.config)
    print("The configuration is right.")
    return 0


def _show(args: argparse.Namespace) -> int:
    print(config.to_toml(read_config(args.config)), end="")
    return 0


def _schema(args: argparse.Namespace) -> int:
    print(json.dumps(config.schema(), indent=2, ensure_ascii=False))
    return 0
