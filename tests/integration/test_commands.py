"""As the functional test: every command and every option of the clients."""

import pytest

from tests.commands import cases
from tests.functional.test_commands import is_quick, ours, unexpected, using  # noqa: F401 - fixtures


@pytest.mark.parametrize("case", [case for case in cases.load() if not is_quick(case)], ids=lambda case: case.name)
def test_clients_tell_what_they_told_of_glance(using, ours, case):  # noqa: F811
    assert unexpected(case, ours, using) == []
