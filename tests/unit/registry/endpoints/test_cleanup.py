import pytest

from imagesvc import exception, objects
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import lose_answer, make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")
JANITOR = make_context(roles=[], project_id=None, user_id=None)


@pytest.fixture
def registry(tmp_path):
    return make_registry(tmp_path / "state")


def _claim(registry, host="host-1", stores=("fast",), limit=100):
    return registry.api.cleanup_claim(JANITOR, host, stores, limit)


def _aborted(registry, **fields):
    image_id = registry.image(MEMBER)
    grant = registry.begin(MEMBER, image_id, **fields)
    registry.api.upload_abort(MEMBER, grant.upload_id)
    return image_id, grant.upload_id


def test_nothing_to_do_writes_nothing(registry):
    registry.active(MEMBER)
    before = registry.rows("SELECT count(*) FROM imagesvc_rpc_ops")
    assert _claim(registry) == []
    assert registry.rows("SELECT count(*) FROM imagesvc_rpc_ops") == before


def test_data_of_a_deleted_image(registry):
    image_id = registry.active(MEMBER)
    url = registry.api.image_get(MEMBER, image_id).locations[0].url
    registry.api.image_delete(MEMBER, image_id)
    (item,) = _claim(registry)
    assert item == objects.CleanupItem("location", item.ref, image_id, store="fast", url=url)
    registry.api.cleanup_done(JANITOR, [item])
    assert registry.rows("SELECT status, deleted FROM image_locations") == [("deleted", 1)]
    assert registry.rows("SELECT count(*) FROM imagesvc_location_claims") == [(0,)]
    registry.clock.sleep(100)
    assert _claim(registry) == []


def test_leftovers_of_an_aborted_upload(registry):
    image_id, upload_id = _aborted(registry)
    (item,) = _claim(registry)
    assert item == objects.CleanupItem("upload", upload_id, image_id, store="fast", upload_id=upload_id)
    registry.api.cleanup_done(JANITOR, [item])
    registry.clock.sleep(100)
    assert _claim(registry) == []


def test_claims_keep_others_away_for_a_minute(registry):
    _aborted(registry)
    registry.api.image_delete(MEMBER, registry.active(MEMBER))
    assert len(_claim(registry)) == 2
    registry.clock.sleep(59)
    assert _claim(registry) == []
    registry.clock.sleep(2)
    assert len(_claim(registry, host="host-1")) == 2


def test_only_reachable_stores(registry):
    _aborted(registry)
    registry.api.image_delete(MEMBER, registry.active(MEMBER))
    assert _claim(registry, stores=["cheap"]) == []
    assert _claim(registry, stores=[]) == []
    assert len(_claim(registry, stores=["cheap", "fast"])) == 2


def test_locations_that_predate_store_ids_are_anybodys(registry):
    registry.api.image_delete(MEMBER, registry.active(MEMBER))
    registry.put("UPDATE image_locations SET meta_data = NULL")
    (item,) = _claim(registry, stores=["cheap"])
    assert item.store is None


def test_locations_name_the_store_as_older_releases_did(registry):
    registry.api.image_delete(MEMBER, registry.active(MEMBER))
    registry.put("""UPDATE image_locations SET meta_data = '{"backend": "cheap"}'""")
    assert _claim(registry) == []
    assert [item.store for item in _claim(registry, stores=["cheap"])] == ["cheap"]


def test_leftovers_are_their_hosts_for_ten_minutes_and_then_anybodys(registry):
    _aborted(registry)
    assert _claim(registry, host="host-2") == []
    registry.clock.sleep(601)
    assert len(_claim(registry, host="host-2")) == 1


def test_limit(registry):
    for _ in range(3):
        _aborted(registry)
        registry.api.image_delete(MEMBER, registry.active(MEMBER))
    assert [len(_claim(registry, limit=4)) for _ in range(3)] == [4, 2, 0]


def test_many_rows_of_other_stores_hide_nothing(registry):
    registry.put(
        "INSERT INTO image_locations (image_id, value, meta_data, status, created_at, deleted) "
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 250) "
        "SELECT :image_id, 'x', '{\"store\": \"away\"}', 'pending_delete', '2026-01-01 00:00:00', false FROM numbers",
        image_id=registry.image(MEMBER),
    )
    registry.api.image_delete(MEMBER, registry.active(MEMBER))
    assert [item.store for item in _claim(registry)] == ["fast"]


def test_an_answer_that_was_lost_is_given_again(registry):
    _aborted(registry)
    registry.image(MEMBER)
    registry.caller.pool.mishaps = [lose_answer]
    assert len(_claim(registry)) == 1


def test_done_never_touches_what_lives(registry):
    image_id = registry.active(MEMBER)
    location = registry.api.image_get(MEMBER, image_id).locations[0]
    grant = registry.begin(MEMBER, registry.image(MEMBER))
    registry.api.cleanup_done(
        JANITOR,
        [
            objects.CleanupItem("location", str(location.id), image_id),
            objects.CleanupItem("upload", grant.upload_id, "whatever"),
            objects.CleanupItem("upload", "nobody knows", "whatever"),
        ],
    )
    assert len(registry.api.image_get(MEMBER, image_id).locations) == 1
    registry.complete(MEMBER, grant.upload_id)


@pytest.mark.parametrize(
    "item", [{}, {"kind": "image", "ref": "1"}, {"kind": "location", "ref": "x"}, {"kind": "upload"}, 5]
)
def test_bad_items(registry, item):
    with pytest.raises(exception.InvalidParameter):
        registry.caller.mutate(JANITOR, "cleanup_done", "1.0", items=[item])


def test_unknown_blobs(registry):
    owned = registry.active(MEMBER)
    url = registry.api.image_get(MEMBER, owned).locations[0].url
    pending = registry.active(MEMBER)
    pending_url = registry.api.image_get(MEMBER, pending).locations[0].url
    registry.api.image_delete(MEMBER, pending)
    live = registry.begin(MEMBER, registry.image(MEMBER))
    aborted_image, aborted = _aborted(registry)
    known = [
        {"image_id": owned, "url": url},
        {"image_id": pending, "url": pending_url},
        {"image_id": live.image.id, "url": "file:///anything"},
        {"image_id": aborted_image, "url": "file:///anything"},
        {"upload_id": live.upload_id},
        {"upload_id": aborted},
    ]
    unknown = [
        {"image_id": owned, "url": "file:///elsewhere"},
        {"image_id": "no such image", "url": url},
        {"upload_id": "no such upload"},
    ]
    assert registry.api.blobs_unknown(JANITOR, [*known, *unknown]) == unknown
    for item in _claim(registry):
        registry.api.cleanup_done(JANITOR, [item])
    # Who did not notice that his upload was aborted may stage its data after that.
    assert registry.api.blobs_unknown(JANITOR, [known[1], known[3], known[5]]) == [known[1], known[3]]


@pytest.mark.parametrize("blob", [{}, {"url": "x"}, {"image_id": 5, "url": "x"}, {"upload_id": "u", "url": "x"}, None])
def test_bad_blobs(registry, blob):
    with pytest.raises(exception.InvalidParameter):
        registry.caller.read(JANITOR, "blobs_unknown", "1.0", blobs=[blob])
