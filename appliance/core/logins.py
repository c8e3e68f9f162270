"""What a name and a password must be. Pure.

A password is long, and none of the first anybody would try (NIST SP 800-63B, 5.1.1.2); how easily it is guessed is rated
where accounts are kept (adapters/accounts.py).
"""

from __future__ import annotations

import re

LONGEST_NAME = 64
NOT_A_PERSON = re.compile(r"token\s|the terminal$", re.IGNORECASE)
"""Who else does something by the audit: a program by its token, and whoever stands at the box."""
SHORTEST, LONGEST = 10, 1000
TOO_EASY = "That password is one of the first anybody would try. Take several words that do not belong together."


def is_a_name(name: str) -> bool:
    """One line that fits into the audit: of a person or of a program."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def name_objection(name: str) -> str:
    """What is wrong with a person's, in words; empty when nothing."""
    if not is_a_name(name):
        return "Choose a name of at most 64 letters."
    return "In the audit that name stands for something else. Choose another." if NOT_A_PERSON.match(name) else ""


def password_objection(password: str, again: str) -> str:
    """What is wrong with its length or its repetition, in words; empty when nothing."""
    if len(password) < SHORTEST:
        return f"The password needs at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"The password may have at most {LONGEST} characters."
    return "" if password == again else "The two passwords differ."
