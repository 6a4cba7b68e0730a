import uuid

import pytest

from imagesvc.registry.db import images, locations
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path)


def _new(url, **metadata):
    return {"id": None, "url": url, "metadata": metadata, "status": "active"}


def _save(registry, image_id, change):
    def work(tx):
        before = images.get(tx, image_id, None).image["locations"]
        return locations.save(tx, image_id, before, change(before))

    return registry.transactions.maintain(work)


def _there(registry, image_id):
    return registry.transactions.read(lambda tx: images.get(tx, image_id, None).image["locations"])


def test_locations_come_change_and_go(registry):
    image_id = registry.image(MEMBER)
    saved = _save(registry, image_id, lambda _: [_new("http://web/a"), _new("http://web/b", store="web")])
    assert saved == _there(registry, image_id)
    changed = _save(registry, image_id, lambda rows: [{**rows[1], "metadata": {"x": "y"}}])
    assert changed == _there(registry, image_id) == [{**saved[1], "metadata": {"x": "y"}}]
    rows = registry.rows("SELECT value, status, deleted FROM image_locations ORDER BY id")
    assert [(row[0], row[1], bool(row[2])) for row in rows] == [
        ("http://web/a", "pending_delete", False),
        ("http://web/b", "active", False),
    ]


def test_other_images_are_left_alone(registry):
    image_id, other = registry.image(MEMBER), registry.active(MEMBER)
    before = _there(registry, other)
    _save(registry, image_id, lambda _: [_new(f"http://web/{uuid.uuid4()}")])
    assert _there(registry, other) == before
