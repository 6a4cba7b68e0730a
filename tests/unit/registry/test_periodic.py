import threading

import pytest

from imagesvc import exception
from imagesvc.registry.periodic import Periodic


class _Work:
    """Does what it is told, turn by turn, and says when all turns are done."""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.done = threading.Event()

    def __call__(self):
        if not self.turns:
            self.done.set()
            return
        outcome = self.turns.pop(0)
        if outcome is not None:
            raise outcome


@pytest.fixture
def run():
    started = []

    def run(work):
        periodic = Periodic("sweeper", 0.001, work)
        started.append(periodic)
        periodic.start()
        assert work.done.wait(10)
        periodic.stop()

    yield run
    for periodic in started:
        periodic._thread.join(10)  # stop() itself waits no longer than a turn
    assert not any(periodic._thread.is_alive() for periodic in started)


def test_goes_on_whatever_happens(run, caplog):
    away = exception.DatabaseUnavailable
    run(_Work(None, away(), away(), ValueError("bug"), away(), None, away()))
    said = [record.message for record in caplog.records if record.name == "imagesvc.registry.periodic"]
    waits = f"The sweeper waits: {away().msg}"
    assert said == [
        waits,
        "The sweeper's turn failed",
        "The sweeper goes on",
        waits,
        "The sweeper goes on",
    ]


def test_a_different_trouble_is_said(run, caplog):
    run(_Work(exception.DatabaseUnavailable(), exception.SchemaMissing()))
    assert sum("waits" in record.message for record in caplog.records) == 2
