import logging
import os

import pytest

from imagesvc import exception, objects
from imagesvc.store.manager import StoreManager
from tests.fixtures.stores import IMAGE, MULTI, Source, make_conf


def _manager(tmp_path, ini=""):
    return StoreManager(make_conf(tmp_path, ini))


def _backends(enabled, default="a", more=""):
    return f"[DEFAULT]\nenabled_backends = {enabled}\n[glance_store]\ndefault_backend = {default}\n{more}"


def test_the_default_is_one_file_store_and_http(tmp_path):
    manager = _manager(tmp_path)
    assert manager.multi is False
    assert manager.default_store == "file"
    assert manager.ids() == ["file", "http"]
    assert (tmp_path / "state" / "images").is_dir()


def test_single_store_form_has_no_choice_of_stores(tmp_path):
    assert _manager(tmp_path).resolve("anything") == "file"


@pytest.mark.parametrize("scheme", ["file", "filesystem"])
def test_the_default_store_is_a_scheme(tmp_path, scheme):
    assert _manager(tmp_path, f"[glance_store]\ndefault_store = {scheme}\n").default_store == "file"


@pytest.mark.parametrize("lines", ["default_store = rbd", "stores = http", "stores = tape", "default_store = tape"])
def test_a_default_store_that_is_not_there_stops_the_start(tmp_path, lines):
    with pytest.raises(exception.ConfigurationError):
        _manager(tmp_path, f"[glance_store]\n{lines}\n")


def test_another_store_that_cannot_be_loaded_is_reported(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        assert _manager(tmp_path, "[glance_store]\nstores = tape,file\n").ids() == ["file"]
    assert "tape" in caplog.text


@pytest.mark.parametrize("ini", ["", MULTI])
def test_a_default_store_that_cannot_be_written_to_stops_the_start(tmp_path, ini, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(exception.ConfigurationError, match="no permission to write"):
        _manager(tmp_path, ini)


def test_weights_are_of_stores_that_are_there(tmp_path):
    manager = _manager(tmp_path, f"{MULTI}weight = 7\n")
    stores = ("cheap", "fast", "nope")
    assert [manager.weight(objects.Location("file:///x", {"store": store})) for store in stores] == [7, 0, 0]
    assert manager.weight(objects.Location("file:///x")) == 0
    assert [(store.id, store.is_default) for store in manager.describe()] == [
        ("fast", True),
        ("cheap", False),
        ("web", False),
    ]
    assert _manager(tmp_path).weight(objects.Location("file:///x", {"store": "cheap"})) == 0


def test_stores_by_id(tmp_path):
    manager = _manager(tmp_path, MULTI)
    assert manager.multi is True
    assert manager.ids() == ["fast", "cheap", "web"]
    assert manager.resolve(None) == "fast"
    assert manager.resolve("cheap") == "cheap"
    for name in ("nowhere", "os_glance_staging_store", ""):
        with pytest.raises(exception.UnknownStore):
            manager.resolve(name)
    with pytest.raises(exception.StoreAddDisabled):
        manager.resolve("web")


@pytest.mark.parametrize(
    "ini",
    [
        _backends("a:file", ""),
        _backends("a:file", "b"),
        _backends("a:tape"),
        _backends("a:file,os_glance_mine:file"),
        "[DEFAULT]\nenabled_backends = a:file\n",
    ],
)
def test_multi_store_configurations_that_stop_the_start(tmp_path, ini):
    with pytest.raises(exception.ConfigurationError):
        _manager(tmp_path, ini)


def test_a_broken_store_beside_the_default_is_reported(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        manager = _manager(tmp_path, _backends("a:file,b:tape"))
    assert manager.ids() == ["a"]
    assert "'b'" in caplog.text


def test_options_of_stores_stand_in_their_sections_or_in_the_shared_one(tmp_path):
    shared = f"[backend_defaults]\nfilesystem_store_datadir = {tmp_path}/shared\n"
    own = f"[b]\nfilesystem_store_datadir = {tmp_path}/own\nstore_description = fine\nweight = 5\n"
    manager = _manager(tmp_path, _backends("a:file,b:file", more=shared + own))
    roots = {store: directory.root for store, directory in manager.directories()}
    assert roots == {"a": f"{tmp_path}/shared", "b": f"{tmp_path}/own"}


def test_stores_that_share_a_directory_are_reported(tmp_path, caplog):
    """It was glance_store's default for all, so older rows may rely on it."""
    with caplog.at_level(logging.WARNING):
        roots = [directory.root for _, directory in _manager(tmp_path, _backends("a:file,b:file")).directories()]
    assert roots == [f"{tmp_path}/state/images"] * 2
    assert "share directory" in caplog.text


def test_a_locations_metadata_names_its_store(tmp_path):
    manager = _manager(tmp_path, MULTI)
    assert manager.store_of(objects.Location("file:///anywhere", {"store": "cheap"})) == "cheap"
    with pytest.raises(exception.StoreUnavailable):
        manager.store_of(objects.Location("file:///anywhere", {"store": "gone"}))


def test_a_location_without_a_store_is_matched_by_its_url(tmp_path):
    manager = _manager(tmp_path, MULTI)
    cheap = f"file://{tmp_path}/state/cheap/{IMAGE}"
    assert manager.store_of(objects.Location(cheap)) == "cheap"
    assert manager.store_of(objects.Location("https://host/image")) == "web"
    with pytest.raises(exception.StoreUnavailable):
        manager.store_of(objects.Location("rbd://a/b/c/d"))


def test_single_store_form_finds_the_data_of_former_stores_by_scheme(tmp_path):
    assert _manager(tmp_path).store_of(objects.Location("file:///x", {"store": "former"})) == "file"


def test_an_unknown_store_is_unavailable(tmp_path):
    manager = _manager(tmp_path)
    with pytest.raises(exception.StoreUnavailable):
        manager.discard("former", IMAGE, "upload")


class _Driver:
    """A driver of glance_store's kind that reads exactly what it was told."""

    def __init__(self, conf, backend=None):
        self.calls = []

    _CAPABILITIES = 0b1111111
    url_prefix = None
    wrap = False

    def configure(self, re_raise_bsc=False):
        pass

    configure_add = configure

    def is_capable(self, *bits):
        return True

    def get_schemes(self):
        return ("fake",)

    def add(self, image_id, image_file, image_size, hashing_algo, context, verifier):
        data = b""
        try:
            while len(data) < image_size or not image_size:
                piece = image_file.read(1000)
                if not piece:
                    break
                data += piece
        except Exception as exc:
            raise OSError("hidden by the driver") from exc
        self.calls.append((image_id, len(data), hashing_algo))
        return f"fake://{image_id}", len(data), "md5", "hash", None


@pytest.fixture
def other(tmp_path, monkeypatch):
    """A store with a driver of another kind, in multi-store form."""
    from imagesvc.store import drivers

    real = drivers.load_class
    monkeypatch.setattr(drivers, "load_class", lambda kind: _Driver if kind == "fake" else real(kind))
    return _manager(tmp_path, _backends("a:fake,b:file"))


def _chain(data, expected):
    from imagesvc.data.readers import Chain, HashCheck, SizeCheck

    return Chain(Source(data), expected, [SizeCheck(expected, None)], (HashCheck("md5"), HashCheck("sha256")))


def test_other_drivers_pull_from_the_chain(other):
    blob = other.add("a", IMAGE, "upload", _chain(b"x" * 5000, 5000), 5000, "sha256")
    assert blob == objects.StoredBlob(f"fake://{IMAGE}", 5000, "md5", "hash", {"store": "a"})
    other.settle("a", "upload")


def test_the_chains_error_is_told_and_not_the_drivers(other):
    with pytest.raises(exception.SizeMismatch):
        other.add("a", IMAGE, "upload", _chain(b"x" * 4000, 5000), 5000, "sha256")
    with pytest.raises(exception.SizeMismatch):
        other.add("a", IMAGE, "upload", _chain(b"x" * 6000, 5000), 5000, "sha256")


def test_leftovers_in_other_stores_are_reported_and_not_guessed(other, caplog):
    with caplog.at_level(logging.WARNING):
        other.discard("a", IMAGE, "upload-1")
    assert "upload-1" in caplog.text
