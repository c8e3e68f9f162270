"""`lumbarbox accounts list|add|password`: for whoever stands at the box, also when nobody remembers a password."""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import datetime
from pathlib import Path

from appliance.adapters.accounts import Accounts
from appliance.core.logins import name_objection
from appliance.core.roles import Role
from appliance.errors import Code, InputError
from appliance.wiring import read_config

WELL = 0
TERMINAL = "the terminal"
"""Who did it, in the audit."""
NOTHING_CHANGED = "Nothing was changed."


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`accounts`."""
    accounts = subparsers.add_parser("accounts", help="list or add who may use the page, or set a password")
    accounts.add_argument("--data", metavar="DIR", help="the box's folder, over box.data")
    verbs = accounts.add_subparsers(metavar="VERB", required=True)
    verbs.add_parser("list", help="names and roles").set_defaults(run=_list)
    add = verbs.add_parser("add", help="a new account; the password is asked for")
    add.add_argument("name")
    add.add_argument("--role", choices=[r.value for r in Role], default=Role.TECHNICIAN.value)
    add.set_defaults(run=_add)
    password = verbs.add_parser("password", help="a new password, asked for; ends every session of that name")
    password.add_argument("name")
    password.set_defaults(run=_password)


def _list(args: argparse.Namespace) -> int:
    for user in _open(args).all():
        print(f"{user.role:<14} {user.name}")
    return WELL


def _add(args: argparse.Namespace) -> int:
    why = name_objection(args.name)
    if why:
        raise InputError(Code.FAULT, why, NOTHING_CHANGED)
    accounts = Accounts(_file(args))
    if accounts.find(args.name) is not None:
        raise InputError(Code.FAULT, f"{args.name} is there already.", "Choose another name.")
    accounts.add(args.name, _asked(accounts, args.name), Role(args.role))
    return _done(accounts, f"added {args.name} as {args.role}")


def _password(args: argparse.Namespace) -> int:
    accounts = _open(args)
    if accounts.find(args.name) is None:
        raise InputError(Code.FAULT, f"There is no {args.name}.", "See lumbarbox accounts list.")
    accounts.set_password(args.name, _asked(accounts, args.name))
    return _done(accounts, f"gave {args.name} a new password")


def _open(args: argparse.Namespace) -> Accounts:
    """Those of a box that has some; only `add` begins them."""
    file = _file(args)
    if not file.exists():
        advice = "Name the box's folder with --data, or add the first account."
        raise InputError(Code.FAULT, f"There are no accounts in {file.parent}.", advice)
    return Accounts(file)


def _file(args: argparse.Namespace) -> Path:
    return read_config(args.config, args.data).data / "accounts.db"


def _asked(accounts: Accounts, name: str) -> str:
    """From the terminal, unseen and twice; or one line of a pipe."""
    if not sys.stdin.isatty():
        first = again = sys.stdin.readline().rstrip("\n")
    else:
        first, again = getpass.getpass("Password: "), getpass.getpass("Again: ")
    why = accounts.objection(name, first, again)
    if why:
        raise InputError(Code.FAULT, why, NOTHING_CHANGED)
    return first


def _done(accounts: Accounts, what: str) -> int:
    accounts.note(TERMINAL, what, datetime.now().astimezone())
    print(f"{what[0].upper()}{what[1:]}.")
    return WELL
