"""Somebody who wants to change something does what CONTRIBUTING.rst says, in a clone with a history of its own."""

import pytest

from tests.fixtures import guide
from tests.fixtures.clone import cloned


@pytest.mark.timeout(900)
def test_commands_of_contributors(tmp_path):
    with cloned(tmp_path / "imagesvc") as clone:
        # reno reads release notes from the history.
        clone.run("git init -q . && git add . && git -c user.name=a -c user.email=a@example.com commit -q -m A")
        guide.follow("CONTRIBUTING.rst", clone)
