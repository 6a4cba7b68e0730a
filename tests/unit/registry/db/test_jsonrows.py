import datetime as dt

import pytest
from sqlalchemy import bindparam, literal_column, select, union_all

from imagesvc.registry.db import jsonrows, models
from tests.fixtures.registry import in_transaction, make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _fetch(registry, statement, **arguments):
    return in_transaction(registry, lambda tx: jsonrows.fetch(tx.connection, statement, arguments))


def test_rows_of_several_selects_of_any_width(registry):
    registry.image(MEMBER, name='a "b" \\ \n \u20ac', min_ram=7)
    images = models.images.c
    one = select(jsonrows.row(literal_column("1"), images.name, images.min_ram)).where(images.owner == bindparam("who"))
    two = select(jsonrows.row(literal_column("2"), images.checksum)).where(images.owner == bindparam("who"))
    assert sorted(_fetch(registry, union_all(one, two), who="p1")) == [[1, 'a "b" \\ \n \u20ac', 7], [2, None]]
    assert _fetch(registry, union_all(one, two), who="p2") == []


def test_booleans_and_times_of_every_database(registry):
    registry.image(MEMBER, protected=True)
    registry.put("UPDATE images SET created_at = :when", when=dt.datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001
    images = models.images.c
    [[protected, hidden, created]] = _fetch(
        registry, select(jsonrows.row(images.protected, images.os_hidden, images.created_at))
    )
    assert jsonrows.to_bool(protected) is True
    assert jsonrows.to_bool(hidden) is False
    assert jsonrows.to_time(created) == "2026-01-02T03:04:05"


@pytest.mark.parametrize("text", ["2026-01-02 03:04:05.120000", "2026-01-02T03:04:05.12"])
def test_fractions_of_seconds(text):
    assert jsonrows.to_time(text) == "2026-01-02T03:04:05.120000"


def test_nothing_stays_nothing():
    assert jsonrows.to_time(None) is None
    assert jsonrows.to_bool(None) is None
