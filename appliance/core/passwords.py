"""What a password must be: long, and none of the first anybody would try (NIST SP 800-63B, 5.1.1.2). Pure.

How easily it is guessed is rated where accounts are kept (adapters/accounts.py).
"""

from __future__ import annotations

SHORTEST, LONGEST = 10, 1000
TOO_EASY = "That password is one of the first anybody would try. Take several words that do not belong together."


def objection(password: str, again: str) -> str:
    """What is wrong with its length or its repetition, in words; empty when nothing."""
    if len(password) < SHORTEST:
        return f"The password needs at least {SHORTEST} characters."
    if len(password) > LONGEST:
        return f"The password may have at most {LONGEST} characters."
    return "" if password == again else "The two passwords differ."
