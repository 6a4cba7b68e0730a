"""R35: many clients, a fault after the other, and a checker that must find nothing wrong.

``IMAGESVC_SEED`` repeats the dice of a former run; what processes make of them differs, because time is no die.
"""

import shutil

import pytest

from tests.fixtures import invariants
from tests.fixtures.daemons import wait_for
from tests.history import checker, trial
from tests.history.log import FINAL, History
from tests.history.workload import Load

FAULTS = 20


@pytest.fixture
def transport_url():
    """None is the embedded default, as for the database; suites with servers of their own override both."""
    return


@pytest.fixture
def database_url():
    return


@pytest.fixture
def site(tmp_path, transport_url, database_url):
    with trial.site(tmp_path, transport_url=transport_url, database_url=database_url) as deployed:
        yield deployed


@pytest.mark.timeout(1200)
def test_r35_nothing_is_lost_whatever_dies(site, capsys):
    verdict = trial.conduct(site, FAULTS, trial.seed())
    with capsys.disabled():
        print(f"\n{verdict}")  # noqa: T201 -- what was tried is worth knowing when nothing was found, too
    assert not verdict.anomalies, verdict.report()
    assert len(verdict.faults) == FAULTS


class Sabotage:
    """What a service must never do, done to it by hand.

    :param history: acknowledged, and none of it touched twice.
    """

    def __init__(self, deployment, history):
        self._deployment = deployment
        by_image = history.by_image()
        deleted = {operation.image for operation in history if operation.kind == "delete" and operation.changes}
        self._uploaded = [
            item.image
            for item in history
            if item.kind == "upload" and item.acknowledged and item.image not in deleted
            if item.client != FINAL and item.sent["size"] > 1
        ]
        self._deleted = [item.image for item in history if item.kind == "delete" and item.acknowledged]
        self._patched = next(
            [item for item in items if item.kind == "patch"][-1]
            for image, items in by_image.items()
            if image not in {*deleted, *self._uploaded} and any(item.kind == "patch" for item in items)
        )

    def commit(self):
        images = self._deployment.images
        with (images / self._uploaded[0]).open("r+b") as file:
            first = file.read(1)
            file.seek(0)
            file.write(bytes([first[0] ^ 1]))
        (images / self._uploaded[1]).unlink()
        shutil.copy(images / self._uploaded[2], images / "nobodys")
        (self._deployment.staging / "left-behind").touch()
        revive = "UPDATE images SET deleted = 0, status = 'queued' WHERE id = ?"
        invariants.execute(self._deployment, revive, self._deleted[-1])
        [name, _] = self._patched.sent["properties"]
        forget = "UPDATE image_properties SET value = 'older' WHERE image_id = ? AND name = ?"
        invariants.execute(self._deployment, forget, self._patched.image, name)


def test_what_a_service_must_never_do_is_found_out(tmp_path):
    history = History()
    with trial.site(tmp_path) as site:
        [deployment] = site.deployments
        with Load([deployment.url], "sabotage", history):
            wait_for("something to spoil", lambda: history.acknowledged() > 600, 60)
        remains = trial.read_everything(deployment, history)
        assert checker.check(history, remains, trial.BOUNDS) == []
        for daemon in ("glance-api", "glance-registry"):
            deployment.terminate(daemon)
        Sabotage(deployment, history).commit()
        deployment.start()
        remains = trial.read_everything(deployment, history, settle_seconds=0)
    kinds = {anomaly.kind for anomaly in checker.check(history, remains, trial.BOUNDS)}
    assert kinds == {
        "wrong bytes",
        "lost image",
        "row without blob",
        "orphan blob",
        "orphan staging file",
        "resurrected delete",
        "lost patch",
    }
