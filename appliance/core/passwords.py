"""What a password must be: long. Nothing else has been shown to help people (NIST SP 800-63B, 5.1.1.2). Pure."""

from __future__ import annotations

SHORTEST, LONGEST = 10, 1000


def objection(password: str, again: str) -> str:
    """What is wrong with it, in words; empty when nothing."""
    if not SHORTEST <= len(password) <= LONGEST:
        return f"The password needs at least {SHORTEST} characters."
    return "" if password == again else "The two passwords differ."
