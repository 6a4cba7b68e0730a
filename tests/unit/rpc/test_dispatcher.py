import logging
import threading
from types import SimpleNamespace

import oslo_messaging as messaging
import pytest
from oslo_context import context as oslo_context

from imagesvc import exception
from imagesvc.rpc import dispatcher, envelope
from tests.fixtures.rpc import make_context

NOW = 1_000_000


class _Endpoint:
    def __init__(self):
        self.contexts = []

    @dispatcher.expose
    def image_get(self, context, image_id, verbose=False):
        self.contexts.append((context, oslo_context.get_current()))
        return {"id": image_id, "verbose": verbose}

    @dispatcher.expose
    def refuse(self, context):
        raise exception.ImageNotFound(image_id="i")

    @dispatcher.expose
    def stumble(self, context):
        raise KeyError("secret")

    @dispatcher.expose
    def location_take_over(self, context):
        return None

    def hidden(self, context):
        self.contexts.append("hidden")


@pytest.fixture
def endpoint():
    return _Endpoint()


@pytest.fixture
def served(endpoint):
    return dispatcher.Dispatcher([endpoint], clock=lambda: NOW)


def _incoming(method="image_get", args=None, deadline=NOW + 5000, op_id=None, client_timeout=None, **message):
    arguments = {"image_id": "i"} if args is None else args
    return SimpleNamespace(
        ctxt=envelope.seal_context(make_context(request_id="req-1"), op_id, deadline),
        message={"method": method, "args": arguments, "version": "1.0", **message},
        client_timeout=client_timeout,
        heartbeat=lambda: None,
    )


def _failure(served, incoming):
    with pytest.raises(messaging.ExpectedException) as caught:
        served.dispatch(incoming)
    _, error, traceback = caught.value.exc_info
    assert traceback is None
    assert error.__traceback__ is error.__cause__ is error.__context__ is None
    return error


def test_a_result_comes_with_registry_time(served):
    assert served.dispatch(_incoming()) == {"result": {"id": "i", "verbose": False}, "now": NOW}


def test_a_patient_caller_gets_the_same_result(served):
    answer = served.dispatch(_incoming(client_timeout=5, args={"image_id": "i", "verbose": True}))
    assert answer == {"result": {"id": "i", "verbose": True}, "now": NOW}


def test_the_context_is_current_during_the_call_only(served, endpoint):
    before = make_context()
    before.update_store()
    try:
        served.dispatch(_incoming())
        assert oslo_context.get_current() is before
    finally:
        del oslo_context._request_store.context
    [(context, current)] = endpoint.contexts
    assert context is current
    assert context.request_id == "req-1"


def test_a_failing_call_leaves_no_context_behind(served):
    def run():
        _failure(served, _incoming("refuse", {}))
        left.append(oslo_context.get_current())

    left = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert left == [None]


def test_the_context_carries_the_operation(served, endpoint):
    served.dispatch(_incoming(op_id="op-1"))
    served.dispatch(_incoming())
    mutating, reading = (context for context, _ in endpoint.contexts)
    assert (mutating.op_id, mutating.deadline) == ("op-1", NOW + 5000)
    assert mutating.request_hash == envelope.request_hash(mutating, "image_get", {"image_id": "i"})
    assert (reading.op_id, reading.request_hash) == (None, None)


def test_an_endpoints_error_is_passed_on_and_not_logged(served, caplog):
    error = _failure(served, _incoming("refuse", {}))
    assert (type(error), error.kwargs) == (exception.ImageNotFound, {"image_id": "i"})
    assert not caplog.records


def test_an_unexpected_error_is_logged_once_and_kept_here(served, caplog):
    error = _failure(served, _incoming("stumble", {}))
    assert type(error) is exception.ImageServiceError
    assert "secret" not in error.msg
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "KeyError: 'secret'" in caplog.text


def test_log_lines_of_a_call_belong_to_its_request(served, caplog):
    class Recorder(logging.Handler):
        def emit(self, record):
            seen.append((record.levelno, oslo_context.get_current().request_id))

    seen = []
    recorder = Recorder(logging.INFO)
    caplog.set_level(logging.INFO, dispatcher.LOG.name)
    dispatcher.LOG.addHandler(recorder)
    try:
        served.dispatch(_incoming())
        assert seen == []
        served.dispatch(_incoming(op_id="op-1"))
        _failure(served, _incoming("stumble", {}))
    finally:
        dispatcher.LOG.removeHandler(recorder)
    assert seen == [(logging.INFO, "req-1"), (logging.ERROR, "req-1")]


def test_what_idle_daemons_ask_every_few_seconds_is_not_in_the_log(served, caplog):
    caplog.set_level(logging.INFO, dispatcher.LOG.name)
    served.dispatch(_incoming("location_take_over", {}, op_id="op-1"))
    assert not caplog.records


def test_a_fault_of_the_check_itself_is_an_answer_too(endpoint, caplog):
    def clock():
        raise RuntimeError("no time")

    error = _failure(dispatcher.Dispatcher([endpoint], clock), _incoming())
    assert type(error) is exception.ImageServiceError
    assert "RuntimeError: no time" in caplog.text


@pytest.mark.parametrize(
    "method", ["nothing", "hidden", "__init__", "__class__", "contexts", "_failure", "x" * 100_000]
)
def test_only_exposed_methods_exist(served, endpoint, method):
    for client_timeout in (None, 5):
        before = threading.active_count()
        error = _failure(served, _incoming(method, {}, client_timeout=client_timeout))
        assert type(error) is exception.BadMessage
        assert len(error.msg) < 200
        assert threading.active_count() == before
    assert endpoint.contexts == []


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"image_id": "i", "extra": 1},
        {"verbose": True},
        {"image_id": "i", "self": 1},
        {"image_id": "i", "context": {}},
    ],
)
def test_arguments_must_fit_the_signature(served, endpoint, args):
    assert type(_failure(served, _incoming(args=args))) is exception.BadMessage
    assert endpoint.contexts == []


@pytest.mark.parametrize("deadline", [NOW, NOW - 1, 0, -5, NOW + 600_001, 10**30])
def test_a_call_out_of_time_does_not_run(served, endpoint, deadline):
    error = _failure(served, _incoming(deadline=deadline))
    assert (type(error), error.kwargs) == (exception.Expired, {"now": NOW})
    assert endpoint.contexts == []


def test_the_farthest_deadline_is_ten_minutes(served):
    assert served.dispatch(_incoming(deadline=NOW + 600_000))["now"] == NOW


@pytest.mark.parametrize("version", ["1.999", "2.0", "0.9", "99.0"])
def test_other_versions_are_unavailable(served, endpoint, version):
    assert type(_failure(served, _incoming(version=version))) is exception.RegistryUnavailable
    assert endpoint.contexts == []


@pytest.mark.parametrize("version", ["", "x", "1", None, 1, [], {}])
def test_a_version_that_is_none_is_refused(served, endpoint, version, caplog):
    error = _failure(served, _incoming(version=version))
    assert type(error) is exception.BadMessage
    assert endpoint.contexts == []
    assert not caplog.records


def test_a_namespace_is_unavailable(served, endpoint):
    assert type(_failure(served, _incoming(namespace="other"))) is exception.RegistryUnavailable
    assert endpoint.contexts == []


@pytest.mark.parametrize("message", [None, [], "m", {}])
def test_what_is_no_message_is_refused(served, message):
    incoming = _incoming()
    incoming.message = message
    assert type(_failure(served, incoming)) is exception.BadMessage


def test_two_endpoints_must_not_expose_the_same_name():
    with pytest.raises(ValueError, match="image_get"):
        dispatcher.Dispatcher([_Endpoint(), _Endpoint()])


def test_the_default_clock_is_the_hosts():
    import time

    assert abs(dispatcher.wall_clock() - time.time() * 1000) < 1000
