import logging

import pytest
import requests
from glance_store import exceptions
from oslo_config import cfg

from imagesvc import exception
from imagesvc.store import drivers, filesystem, http
from tests.fixtures.stores import make_conf


@pytest.mark.parametrize(
    ("kind", "expected"), [("file", filesystem.Store), ("filesystem", filesystem.Store), ("http", http.Store)]
)
def test_drivers_of_this_services_own(kind, expected):
    assert drivers.load_class(kind) is expected


def test_an_unknown_type_names_itself():
    with pytest.raises(exception.ConfigurationError, match="tape"):
        drivers.load_class("tape")


def test_a_driver_that_keeps_state_is_made_anew_for_each_use(tmp_path):
    conf = make_conf(tmp_path)
    reusable = drivers.StoreDriver(conf, "web", "http", None)
    assert reusable.driver is reusable.driver
    rbd = drivers.StoreDriver(conf, "rbd", "rbd", None)
    assert rbd.driver is not rbd.driver


def test_what_a_store_may_own(tmp_path):
    conf = make_conf(tmp_path)
    web, files = (drivers.StoreDriver(conf, kind, kind, None) for kind in ("http", "file"))
    assert (web.owns_data, web.read_only, web.files) == (False, True, None)
    assert (files.owns_data, files.read_only) == (True, False)
    assert isinstance(files.files, filesystem.Store)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (exceptions.NotFound("s3://key:secret@host/x"), exception.BlobNotFound),
        (exceptions.StorageFull(), exception.StoreFull),
        (exceptions.StorageWriteDenied(), exception.StoreWriteDenied),
        (exceptions.Forbidden(), exception.StoreWriteDenied),
        (exceptions.StoreAddDisabled(), exception.StoreAddDisabled),
        (exceptions.Duplicate(), exception.Conflict),
        (exceptions.InUseByStore(), exception.Conflict),
        (exceptions.HasSnapshot(), exception.Conflict),
        (exceptions.StoreDeleteNotSupported(), exception.Conflict),
        (exceptions.Invalid("secret"), exception.Invalid),
        (exceptions.RemoteServiceUnavailable("secret"), exception.StoreUnavailable),
        (exceptions.BadStoreUri("secret"), exception.StoreUnavailable),
        (exceptions.GlanceStoreException("secret"), exception.StoreUnavailable),
        (exceptions.BackendException("secret"), exception.StoreUnavailable),
        (requests.ConnectionError("secret"), exception.StoreUnavailable),
        (OSError(5, "secret"), exception.StoreUnavailable),
        (exception.SizeMismatch(expected=1, actual=2), exception.SizeMismatch),
    ],
)
def test_errors_become_this_services_own_without_the_drivers_words(raised, expected, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(expected) as caught, drivers.errors("fast"):
        raise raised
    assert type(caught.value) is expected
    assert "secret" not in caught.value.msg + caplog.text


def test_programming_errors_stay_what_they_are():
    with pytest.raises(KeyError), drivers.errors("fast"):
        raise KeyError


def test_the_sample_lists_the_options_of_all_drivers():
    ((group, found),) = drivers.list_opts()
    names = [opt.name for opt in found]
    assert group == "glance_store"
    assert len(names) == len(set(names))
    for name in ("stores", "default_store", "default_backend", "filesystem_store_datadir", "https_insecure"):
        assert name in names
    for name in ("rbd_store_pool", "swift_store_container", "s3_store_host", "vmware_server_host"):
        assert name in names
    assert all(isinstance(opt, cfg.Opt) and opt.help for opt in found)
