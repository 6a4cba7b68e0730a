import threading

import pytest

from imagesvc import exception
from imagesvc.api import healthcheck
from imagesvc.rpc.rpcapi import RegistryAPI
from tests.fixtures import api


class Registry:
    """Stands for the registry's client: answers, fails or hangs."""

    def __init__(self, outcome=None):
        self.outcome = outcome
        self.asked = 0

    def ping(self, _context):
        self.asked += 1
        if isinstance(self.outcome, threading.Event):
            self.outcome.wait(30)
        elif self.outcome is not None:
            raise self.outcome
        return {}


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(healthcheck.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (exception.RegistryUnavailable(), "REGISTRY UNAVAILABLE"),
        (exception.SchemaMissing(), "DATABASE SCHEMA MISSING"),
        (exception.DatabaseUnavailable(), "DATABASE UNAVAILABLE"),
    ],
)
def test_what_is_wrong_is_said(outcome, reason):
    result = healthcheck.RegistryCheck(Registry(outcome)).healthcheck(9292)
    assert (result.available, result.reason) == (False, reason)


def test_a_result_is_good_for_a_moment(clock):
    registry = Registry()
    check = healthcheck.RegistryCheck(registry)
    assert check.healthcheck(9292).available
    registry.outcome = exception.RegistryUnavailable()
    assert check.healthcheck(9292).available
    clock[0] += 60
    assert not check.healthcheck(9292).available
    registry.outcome = None
    clock[0] += 60
    assert check.healthcheck(9292).available
    assert registry.asked == 3


def test_a_registry_that_hangs_holds_up_neither_the_probe_nor_the_next(monkeypatch):
    monkeypatch.setattr(healthcheck, "_PATIENCE", 0.01)
    hung = threading.Event()
    registry = Registry(hung)
    check = healthcheck.RegistryCheck(registry)
    for _ in range(3):
        result = check.healthcheck(9292)
        assert (result.available, result.reason) == (False, "REGISTRY DOES NOT ANSWER")
    assert registry.asked == 1
    hung.set()
    check._asking.join(30)
    assert check.healthcheck(9292).available


def test_an_unexpected_error_is_not_health(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _args: None)
    assert not healthcheck.RegistryCheck(Registry(RuntimeError("bug"))).healthcheck(9292).available


# -- the application ---------------------------------------------------------------------------------


def break_registry(monkeypatch):
    def away(*_args):
        raise exception.RegistryUnavailable

    monkeypatch.setattr(RegistryAPI, "ping", away)


def test_by_default_the_registry_is_asked(tmp_path, monkeypatch):
    service = api.make_service(tmp_path / "state")
    response = service.request("GET", "/healthcheck", headers={"Accept": "application/json"})
    assert (response.status_int, response.json) == (200, {"detailed": False, "reasons": ["OK"]})
    assert service.calls == ["ping"]
    assert service.request("HEAD", "/healthcheck").status_int == 204


def test_the_registry_is_away(tmp_path, monkeypatch):
    break_registry(monkeypatch)
    service = api.make_service(tmp_path / "state")
    response = service.request("GET", "/healthcheck", headers={"Accept": "text/plain"})
    assert (response.status_int, response.text) == (503, "REGISTRY UNAVAILABLE")
    assert service.request("GET", "/versions").status_int == 200


def test_operators_choose_the_checks(tmp_path, monkeypatch):
    break_registry(monkeypatch)
    service = api.make_service(tmp_path / "state", "[healthcheck]\nbackends =\n")
    assert service.request("GET", "/healthcheck").status_int == 200


def test_a_file_takes_the_host_out_of_service(tmp_path):
    text = f"[healthcheck]\ndisable_by_file_path = {tmp_path}/out\n"
    service = api.make_service(tmp_path / "state", text)
    assert service.request("GET", "/healthcheck").status_int == 200
    (tmp_path / "out").touch()
    response = service.request("GET", "/healthcheck", headers={"Accept": "text/html"})
    assert response.status_int == 503
    assert "DISABLED BY FILE" in response.text


def test_in_detail_every_check_is_told(tmp_path):
    service = api.make_service(tmp_path / "state", "[healthcheck]\ndetailed = true\n")
    response = service.request("GET", "/healthcheck", headers={"Accept": "application/json"})
    assert len(response.json["reasons"]) == 2
