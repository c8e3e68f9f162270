"""What a name and a password must be."""

from __future__ import annotations

import pytest

from appliance.core.logins import LONGEST, LONGEST_NAME, SHORTEST, is_a_name, name_objection, password_objection


@pytest.mark.parametrize("name", ["Ada", "Dr. Wanjikũ", "د. ليلى", "tokens", "a" * LONGEST_NAME])
def test_a_person_may_be_called_so(name: str) -> None:
    assert is_a_name(name)
    assert name_objection(name) == ""


@pytest.mark.parametrize("name", ["", "a" * (LONGEST_NAME + 1), "Ada\n", "A\u202eda"])
def test_a_name_is_one_printable_line(name: str) -> None:
    assert not is_a_name(name)
    assert "at most 64 letters" in name_objection(name)


@pytest.mark.parametrize("name", ["the terminal", "The Terminal", "token ward 3"])
def test_nobody_is_called_as_the_audit_calls_what_is_no_person(name: str) -> None:
    assert is_a_name(name)
    assert "In the audit" in name_objection(name)


def test_a_password_is_long_enough_not_endless_and_said_twice() -> None:
    good = "x" * SHORTEST
    assert password_objection(good, good) == ""
    assert f"at least {SHORTEST}" in password_objection(good[1:], good[1:])
    assert f"at most {LONGEST}" in password_objection("x" * (LONGEST + 1), "x" * (LONGEST + 1))
    assert "differ" in password_objection(good, good + "y")
