"""Many callers at once against one registry: nobody's change is lost, every contest has one winner."""

import threading
import uuid

import pytest

from imagesvc import exception, objects
from imagesvc.registry.ceilings import MIB, Ceiling
from imagesvc.registry.clock import Clock
from tests.fixtures.registry import make_registry
from tests.fixtures.rpc import make_context

MEMBER = make_context(roles=["member", "reader"], project_id="p1")


class _Limits:
    """As if Keystone said so."""

    is_remote = True

    def of(self, project_id, *, under_way=False):
        most = {"image_size_total": 10 * MIB, "image_count_total": 6, "image_count_uploading": 3}
        return (Ceiling(project_id, (project_id,), most),)


@pytest.fixture
def limited(tmp_path):
    """A registry with limits of projects."""
    registry = make_registry(tmp_path / "limited", Clock(), _Limits())
    registry.api.ping(MEMBER)
    return registry


@pytest.fixture
def registry(tmp_path):
    registry = make_registry(tmp_path / "state", Clock(), user_storage_quota="10MB")
    registry.api.ping(MEMBER)  # the caller learns the registry's time
    return registry


def _at_once(calls):
    """Run all calls at the same moment in threads of their own; their results or errors, in order."""
    start = threading.Barrier(len(calls))
    outcomes = [None] * len(calls)

    def run(index, call):
        start.wait()
        try:
            outcomes[index] = call()
        except exception.ImageServiceError as error:
            outcomes[index] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return outcomes


def _errors(outcomes):
    return [outcome for outcome in outcomes if isinstance(outcome, Exception)]


def test_disjoint_patches_merge(registry):
    image_id = registry.image(MEMBER)

    def patch(number):
        change = {"op": "add", "path": [f"p{number}"], "value": str(number), "strict": True}
        return lambda: registry.api.image_patch(MEMBER, image_id, [change])

    assert _errors(_at_once([patch(number) for number in range(32)])) == []
    image = registry.api.image_get(MEMBER, image_id)
    assert image.properties == {f"p{number}": str(number) for number in range(32)}
    assert image.version == 32


def test_adding_the_same_property_strictly_has_one_winner(registry):
    image_id = registry.image(MEMBER)

    def patch(number):
        change = {"op": "add", "path": ["p"], "value": str(number), "strict": True}
        return lambda: registry.api.image_patch(MEMBER, image_id, [change])

    outcomes = _at_once([patch(number) for number in range(8)])
    errors = _errors(outcomes)
    assert len(errors) == 7
    assert all(isinstance(error, exception.PropertyExists) for error in errors)


def test_one_upload_begins(registry):
    image_id = registry.image(MEMBER)
    outcomes = _at_once([lambda: registry.begin(MEMBER, image_id)] * 16)
    grants = [outcome for outcome in outcomes if isinstance(outcome, objects.UploadGrant)]
    assert len(grants) == 1
    assert all(isinstance(error, exception.InvalidStatusTransition) for error in _errors(outcomes))
    assert registry.complete(MEMBER, grants[0].upload_id).status == "active"


def test_one_create_with_an_id_succeeds(registry):
    image_id = str(uuid.uuid4())
    outcomes = _at_once([lambda: registry.api.image_create(MEMBER, {"id": image_id})] * 16)
    errors = _errors(outcomes)
    assert len(errors) == 15
    assert all(isinstance(error, exception.ImageExists) for error in errors)


def test_uploads_that_fit_only_singly(registry):
    image_ids = [registry.image(MEMBER) for _ in range(16)]
    calls = [lambda image_id=image_id: registry.begin(MEMBER, image_id, size=6 * 2**20) for image_id in image_ids]
    outcomes = _at_once(calls)
    errors = _errors(outcomes)
    assert len(errors) == 15
    assert all(isinstance(error, exception.StorageQuotaExceeded) for error in errors)


@pytest.mark.parametrize("end", ["complete", "abort", "delete"])
def test_an_upload_ends_one_way(registry, end):
    """Completing races with another end; whoever is first decides, and the outcome is one of a piece."""
    for _ in range(5):
        image_id = registry.image(MEMBER)
        grant = registry.begin(MEMBER, image_id)
        other = {
            "complete": lambda upload_id=grant.upload_id: registry.complete(MEMBER, upload_id),
            "abort": lambda upload_id=grant.upload_id: registry.api.upload_abort(MEMBER, upload_id),
            "delete": lambda image_id=image_id: registry.api.image_delete(MEMBER, image_id),
        }[end]
        outcomes = _at_once([lambda upload_id=grant.upload_id: registry.complete(MEMBER, upload_id), other])
        completed = [outcome for outcome in outcomes if isinstance(outcome, objects.Image)]
        ((status, locations),) = registry.rows(
            "SELECT status, (SELECT count(*) FROM image_locations WHERE image_id = images.id) "
            "FROM images WHERE id = :image_id",
            image_id=image_id,
        )
        assert len(completed) == locations <= 1
        expected = {"complete": {"active"}, "abort": {"active" if completed else "queued"}, "delete": {"deleted"}}
        assert status in expected[end]


def test_work_is_claimed_once(registry):
    for _ in range(10):
        registry.api.image_delete(MEMBER, registry.active(MEMBER, size=1))
    outcomes = _at_once([lambda: registry.api.cleanup_claim(MEMBER, "host-1", ["fast"], 3)] * 8)
    outcomes.append(registry.api.cleanup_claim(MEMBER, "host-1", ["fast"]))  # what losers of a race had to leave
    refs = [item.ref for items in outcomes for item in items]
    assert len(refs) == len(set(refs)) == 10


def test_one_operation_runs_once_however_often_it_arrives(registry):
    """What two registries on one bus do to a call that was delivered twice."""
    image_id = registry.image(MEMBER)
    context = make_context(roles=["member", "reader"], project_id="p1")
    context.op_id, context.request_hash, context.deadline = "op", "h" * 64, registry.clock() + 60_000
    (endpoint,) = (e for e in registry.caller.pool._server.dispatcher.endpoints if hasattr(e, "image_patch"))
    changes = [{"op": "add", "path": ["p"], "value": "1", "strict": True}]
    outcomes = _at_once([lambda: endpoint.image_patch(context, image_id, changes)] * 8)
    assert outcomes == [outcomes[0]] * 8
    assert outcomes[0]["version"] == registry.api.image_get(MEMBER, image_id).version == 1


def test_images_and_uploads_do_not_outnumber_their_limits(limited):
    outcomes = _at_once([lambda: limited.image(MEMBER) for _ in range(16)])
    assert [type(error) for error in _errors(outcomes)] == [exception.ProjectLimitExceeded] * 10
    image_ids = [outcome for outcome in outcomes if not isinstance(outcome, Exception)]
    begun = _at_once([lambda image_id=image_id: limited.begin(MEMBER, image_id) for image_id in image_ids])
    assert [type(error) for error in _errors(begun)] == [exception.ProjectLimitExceeded] * 3
    usage = limited.api.usage_get(MEMBER)
    assert (usage["image_count_total"]["usage"], usage["image_count_uploading"]["usage"]) == (6, 3)


def test_uploads_that_a_projects_limit_lets_in_only_singly(limited):
    image_ids = [limited.image(MEMBER) for _ in range(4)]
    begun = _at_once(
        [lambda image_id=image_id: limited.begin(MEMBER, image_id, size=6 * MIB) for image_id in image_ids]
    )
    assert [type(error) for error in _errors(begun)] == [exception.StorageQuotaExceeded] * 3
