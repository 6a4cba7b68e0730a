import datetime as dt
from types import SimpleNamespace

import pytest

from imagesvc.registry.db import models
from imagesvc.registry.db.transaction import Transaction, from_text, to_text
from tests.fixtures.registry import in_transaction, make_registry


def _at(dialect, now_ms=1_800_000_000_123):
    return Transaction(SimpleNamespace(dialect=SimpleNamespace(name=dialect)), now_ms)


def test_time_is_naive_utc():
    assert _at("sqlite").now == dt.datetime.fromisoformat("2027-01-15T08:00:00.123")


@pytest.mark.parametrize("dialect", ["mysql", "mariadb"])
def test_mysql_would_round_so_it_gets_whole_seconds(dialect):
    assert _at(dialect, 1_800_000_000_999).now == dt.datetime.fromisoformat("2027-01-15T08:00:00")


def test_text_of_times():
    assert to_text(None) is None
    assert to_text(_at("sqlite").now) == "2027-01-15T08:00:00.123000"


@pytest.mark.parametrize(
    "text", ["2027-01-15T08:00:00", "2027-01-15T08:00:00Z", "2027-01-15 10:00:00+02:00", "20270115T080000"]
)
def test_times_of_text(text):
    assert from_text(text) == dt.datetime.fromisoformat("2027-01-15T08:00:00")


@pytest.mark.parametrize("text", ["", "soon", "2027-13-01", "2027-01-15T25:00:00"])
def test_no_times(text):
    with pytest.raises(ValueError, match=r"."):
        from_text(text)


def test_what_is_there_stays_and_the_transaction_goes_on(tmp_path):
    registry = make_registry(tmp_path / "state")

    def work(tx):
        rows = [{"name": "n", "holder": "first", "until_ms": 1}, {"name": "n", "holder": "second", "until_ms": 2}]
        return [tx.insert_absent(models.leases, row) for row in [*rows, {**rows[1], "name": "other"}]]

    assert in_transaction(registry, work) == [True, False, True]
    found = registry.rows("SELECT name, holder FROM imagesvc_leases ORDER BY name")
    assert found == [("n", "first"), ("other", "second")]
