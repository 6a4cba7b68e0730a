import os
import threading

import pytest

from imagesvc import exception
from imagesvc.context import RequestContext
from tests.fixtures import disks
from tests.fixtures.stores import IMAGE, FakeRegistry, Service, Source, sums

DATA = disks.raw(6 << 20)
CONTEXT = RequestContext(overwrite=False)


@pytest.fixture
def service(tmp_path):
    return Service(tmp_path)


def _upload(service, data=DATA, size=None, **kwargs):
    return service.uploads.upload(CONTEXT, IMAGE, Source(data, **kwargs), size)


def _nothing_is_left(service):
    assert service.files() == []
    assert service.registry.intents == {}
    assert service.registry.image.status == "queued"


@pytest.mark.parametrize("data", [b"", b"x", DATA[:100_000], DATA], ids=len)
@pytest.mark.parametrize("announced", [True, False])
def test_an_upload_becomes_active_in_two_calls(service, data, announced):
    image = _upload(service, data, len(data) if announced else None)
    assert (image.status, image.size, image.virtual_size) == ("active", len(data), len(data))
    assert (image.checksum, image.os_hash_value) == sums(data)
    assert image.os_hash_algo == "sha512"
    assert image.locations[0].url == f"file://{service.root}/{IMAGE}"
    assert image.locations[0].metadata == {}
    assert (service.root / IMAGE).read_bytes() == data
    assert service.files() == [IMAGE]
    assert service.registry.calls == ["upload_begin", "upload_complete"]


def test_the_hash_is_the_configured_one(tmp_path):
    service = Service(tmp_path, hashing_algorithm="sha256")
    image = _upload(service)
    assert (image.os_hash_algo, image.os_hash_value) == ("sha256", sums(DATA, "sha256")[1])


@pytest.mark.parametrize("size", [100, len(DATA)])
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"error": exception.IncompleteBody(received=1)}, exception.IncompleteBody),
        ({"error": ConnectionResetError()}, ConnectionResetError),
        # As a worker's threads end when it is stopped.
        ({"error": SystemExit()}, SystemExit),
    ],
)
def test_a_client_that_goes_away_leaves_nothing(service, size, change, error):
    with pytest.raises(error):
        _upload(service, DATA[: size - 1], size, **change)
    _nothing_is_left(service)
    assert service.registry.calls == ["upload_begin", "upload_abort", "cleanup_done"]


@pytest.mark.parametrize("size", [100, len(DATA)])
@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_wrong_size_leaves_nothing(service, size, off_by):
    with pytest.raises(exception.SizeMismatch):
        _upload(service, DATA[:size], size + off_by)
    _nothing_is_left(service)


def test_after_a_failure_the_upload_can_be_repeated(service):
    with pytest.raises(exception.SizeMismatch):
        _upload(service, DATA, len(DATA) + 1)
    assert _upload(service).status == "active"


def test_the_size_cap_is_enforced_on_announced_and_on_streamed_bytes(tmp_path):
    service = Service(tmp_path, image_size_cap=len(DATA) - 1)
    with pytest.raises(exception.ImageSizeExceeded):
        _upload(service, DATA, len(DATA))
    assert service.registry.calls == []
    for granted in (None, len(DATA)):
        service.registry.max_bytes = granted
        with pytest.raises(exception.ImageSizeExceeded):
            _upload(service, DATA)
        _nothing_is_left(service)
    assert _upload(service, DATA[1:], len(DATA) - 1).status == "active"


def test_the_grants_limit_is_enforced(service):
    service.registry.max_bytes = 1000
    with pytest.raises(exception.ImageSizeExceeded):
        _upload(service, DATA[:1001])
    _nothing_is_left(service)
    _upload(service, DATA[:1000])


def test_wrong_content_leaves_nothing(tmp_path):
    service = Service(tmp_path, registry=FakeRegistry(disk_format="qcow2"))
    with pytest.raises(exception.ImageFormatMismatch):
        _upload(service)
    _nothing_is_left(service)
    with pytest.raises(exception.ImageUnsafe):
        _upload(service, disks.qcow2(backing=True))
    _nothing_is_left(service)
    assert _upload(service, disks.qcow2(virtual_size=12345)).virtual_size == 12345


@pytest.mark.parametrize("container_format", ["ovf", "docker"])
def test_other_containers_are_not_looked_into(tmp_path, container_format):
    service = Service(tmp_path, registry=FakeRegistry(disk_format="qcow2", container_format=container_format))
    assert _upload(service).virtual_size is None


def test_format_options_reach_the_check(tmp_path):
    ini = "[image_format]\nrequire_image_format_match = false\n"
    service = Service(tmp_path, ini, registry=FakeRegistry(disk_format="vmdk"))
    assert _upload(service).status == "active"


@pytest.mark.parametrize("kind", ["streamOptimized", "monolithicSparse"])
def test_kinds_of_vmdk_are_the_operators_choice(tmp_path, kind):
    ini = "[image_format]\nvmdk_allowed_types = monolithicSparse\n"
    service = Service(tmp_path, ini, registry=FakeRegistry(disk_format="vmdk"))
    if kind == "monolithicSparse":
        assert _upload(service, disks.vmdk(kind=kind)).status == "active"
    else:
        with pytest.raises(exception.ImageUnsafe):
            _upload(service, disks.vmdk(kind=kind))


def test_an_unknown_store_begins_nothing(tmp_path):
    service = Service(tmp_path, "[DEFAULT]\nenabled_backends = a:file\n[glance_store]\ndefault_backend = a\n")
    with pytest.raises(exception.UnknownStore):
        service.uploads.upload(CONTEXT, IMAGE, Source(DATA), None, "nowhere")
    assert service.registry.calls == []


def test_a_refused_begin_touches_no_store(service):
    service.registry.failing["upload_begin"] = exception.InvalidStatusTransition(current="active", wanted="saving")
    with pytest.raises(exception.InvalidStatusTransition):
        _upload(service)
    assert service.files() == []
    assert service.registry.calls == ["upload_begin"]


@pytest.mark.parametrize(
    "error", [exception.ImageGone(image_id=IMAGE), exception.UploadFenced(upload_id="x"), exception.LimitExceeded("no")]
)
def test_a_refused_completion_removes_the_data(service, error):
    service.registry.failing["upload_complete"] = error
    with pytest.raises(type(error)):
        _upload(service)
    assert service.files() == []


def test_a_refused_completion_tells_the_store_where_the_data_is(service, monkeypatch):
    """A store that knows no uploads finds it by that alone."""
    discarded = []
    monkeypatch.setattr(service.stores, "discard", lambda *args: discarded.append(args))
    service.registry.failing["upload_complete"] = exception.ImageGone(image_id=IMAGE)
    with pytest.raises(exception.ImageGone):
        _upload(service)
    ((_, image_id, _, blob),) = discarded
    assert (image_id, blob.url) == (IMAGE, f"file://{service.root}/{IMAGE}")


@pytest.mark.parametrize("done", [False, True])
def test_an_unanswered_completion_deletes_nothing(service, done):
    if done:
        service.registry.losing.add("upload_complete")
    else:
        service.registry.failing["upload_complete"] = exception.RegistryUnavailable()
    with pytest.raises(exception.RegistryUnavailable):
        _upload(service)
    assert (service.root / IMAGE).read_bytes() == DATA
    assert "upload_abort" not in service.registry.calls


def test_an_unanswered_abort_deletes_nothing(service):
    service.registry.failing["upload_abort"] = exception.RegistryUnavailable()
    with pytest.raises(exception.SizeMismatch):
        _upload(service, DATA, len(DATA) + 1)
    assert len(service.files()) == 1
    assert "cleanup_done" not in service.registry.calls


def test_a_completed_upload_is_a_success_whatever_follows(service, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "refused")

    monkeypatch.setattr(os, "unlink", refuse)
    assert _upload(service).status == "active"
    assert len(service.files()) == 2


def test_what_cannot_be_removed_is_left_to_the_janitor(service, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "refused")

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(exception.SizeMismatch):
        _upload(service, DATA, len(DATA) + 1)
    assert [state for state, _ in service.registry.intents.values()] == ["aborted"]
    assert "cleanup_done" not in service.registry.calls


class _Waiting(Source):
    """Holds the last byte back until ``ready``."""

    def __init__(self, data, ready):
        super().__init__(data[:-1])
        self._last = data[-1:]
        self._ready = ready

    def read(self, size=-1):
        data = super().read(size)
        if data or not self._last:
            return data
        assert self._ready.wait(30)
        data, self._last = self._last, b""
        return data


def test_a_slow_upload_keeps_its_lease(service):
    renewed = threading.Event()
    service.registry.lease_seconds = 0.05
    service.registry.hooks["upload_renew"] = renewed.set
    image = service.uploads.upload(CONTEXT, IMAGE, _Waiting(DATA, renewed), len(DATA))
    assert image.status == "active"


def test_a_sign_of_life_tells_what_has_arrived(service, monkeypatch):
    told = threading.Event()
    monkeypatch.setattr(
        service.registry, "upload_renew", lambda _context, _upload_id, received: received and told.set()
    )
    service.registry.lease_seconds = 0.05
    assert service.uploads.upload(CONTEXT, IMAGE, _Waiting(DATA, told), len(DATA)).status == "active"


def test_an_absent_registry_does_not_stop_an_upload(service):
    asked = threading.Event()
    service.registry.lease_seconds = 0.05
    service.registry.hooks["upload_renew"] = asked.set
    service.registry.failing["upload_renew"] = exception.RegistryUnavailable()
    assert service.uploads.upload(CONTEXT, IMAGE, _Waiting(DATA, asked), len(DATA)).status == "active"


def test_a_fenced_upload_stops_and_leaves_nothing(service):
    class Endless:
        def read(self, size):
            return bytes(min(size, 1000))

    service.registry.lease_seconds = 0.05
    service.registry.failing["upload_renew"] = exception.ImageGone(image_id=IMAGE)
    with pytest.raises(exception.ImageGone):
        service.uploads.upload(CONTEXT, IMAGE, Endless())
    _nothing_is_left(service)


@pytest.mark.parametrize(
    ("step", "code", "error"),
    [
        ("pwrite", 28, exception.StoreFull),
        ("pwrite", 122, exception.StoreFull),
        ("pwrite", 5, exception.StoreUnavailable),
        ("fsync", 5, exception.StoreUnavailable),
        ("link", 5, exception.StoreUnavailable),
        ("link", 13, exception.StoreWriteDenied),
        ("open", 30, exception.StoreWriteDenied),
        ("open", 28, exception.StoreFull),
    ],
)
@pytest.mark.parametrize("size", [100, len(DATA)])
def test_a_failing_disk_leaves_nothing(service, monkeypatch, step, code, error, size):
    real = getattr(os, step)
    calls = []

    def fail(*args, **kwargs):
        calls.append(args)
        if len(calls) > 1:
            return real(*args, **kwargs)
        raise OSError(code, "injected")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(error):
        _upload(service, DATA[:size], size)
    if step == "fsync":
        assert len(calls) == 1
    _nothing_is_left(service)


def test_an_fsync_of_the_directory_that_fails_leaves_nothing(service, monkeypatch):
    real = os.fsync
    calls = []

    def fail(fd):
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(5, "injected")
        real(fd)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(exception.StoreUnavailable):
        _upload(service)
    _nothing_is_left(service)


def test_two_racing_uploads_have_one_winner(service):
    """Both were granted, as if the first had lost its lease: the second one's bytes stand."""
    started = []

    def begin_another():
        if started:
            return
        started.append(True)
        for upload_id, (_, store) in list(service.registry.intents.items()):
            service.registry.upload_abort(CONTEXT, upload_id)
            service.stores.discard(store, IMAGE, upload_id)
            service.registry.intents.pop(upload_id)
        service.uploads.upload(CONTEXT, IMAGE, Source(DATA[::-1]))

    class Interrupted(Source):
        def read(self, size=-1):
            data = super().read(size)
            if not data:
                begin_another()
            return data

    with pytest.raises(exception.UploadFenced):
        service.uploads.upload(CONTEXT, IMAGE, Interrupted(DATA))
    assert (service.root / IMAGE).read_bytes() == DATA[::-1]
    assert service.files() == [IMAGE]


def test_one_that_was_stopped_before_completing_removes_only_its_own(service):
    """Paused between publishing and completing, past its lease; meanwhile another upload succeeded."""
    started = []

    def meanwhile():
        if started:
            return
        started.append(True)
        for upload_id, (_, store) in list(service.registry.intents.items()):
            service.registry.upload_abort(CONTEXT, upload_id)
            service.stores.discard(store, IMAGE, upload_id)
            service.registry.intents.pop(upload_id)
        service.uploads.upload(CONTEXT, IMAGE, Source(DATA[::-1]))

    service.registry.hooks["upload_complete"] = meanwhile
    with pytest.raises(exception.UploadFenced):
        _upload(service)
    assert (service.root / IMAGE).read_bytes() == DATA[::-1]
    assert service.files() == [IMAGE]
