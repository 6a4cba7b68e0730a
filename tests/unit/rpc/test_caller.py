import time

import oslo_messaging as messaging
import pytest

from imagesvc import exception
from imagesvc.rpc import dispatcher, failures
from tests.fixtures.rpc import DirectCaller, lose_answer, lose_request, make_conf, make_context


class _Endpoint:
    def __init__(self):
        self.done = {}

    @dispatcher.expose
    def ping(self, context):
        return "pong"

    @dispatcher.expose
    def show(self, context, value):
        return {"value": value, "op_id": context.op_id}

    @dispatcher.expose
    def append(self, context, value):
        """Idempotent as the registry's methods are."""
        if context.op_id not in self.done:
            self.done[context.op_id] = {"value": value, "count": len(self.done) + 1}
        return self.done[context.op_id]

    @dispatcher.expose
    def upload_complete(self, context):
        return context.deadline

    @dispatcher.expose
    def refuse(self, context):
        raise exception.ImageProtected(image_id="i")


class _Clock:
    """Registry time, some seconds away from this host's."""

    def __init__(self, ahead=0):
        self.ahead = ahead

    def __call__(self):
        return dispatcher.wall_clock() + self.ahead * 1000


@pytest.fixture
def endpoint():
    return _Endpoint()


@pytest.fixture
def clock():
    return _Clock()


@pytest.fixture
def caller(tmp_path, endpoint, clock):
    return DirectCaller(make_conf(tmp_path), [endpoint], clock)


@pytest.fixture
def hasty(tmp_path, endpoint, clock):
    """A caller with a deadline of one second."""
    return DirectCaller(make_conf(tmp_path, metadata_deadline=1), [endpoint], clock)


def _no_server(_serve):
    raise failures.NoServer("nobody")


def _expire(_serve):
    return {"msg_id": "of another call"}


def test_a_read_has_no_operation_id(caller):
    assert caller.read(make_context(), "show", "1.0", value=[1, {"a": None}]) == {
        "value": [1, {"a": None}],
        "op_id": None,
    }


def test_every_mutation_has_an_operation_id_of_its_own(caller, endpoint):
    caller.mutate(make_context(), "append", "1.0", value=1)
    caller.mutate(make_context(), "append", "1.0", value=1)
    assert len(endpoint.done) == 2


@pytest.mark.parametrize("mishap", [lose_answer, lose_request, _no_server, _expire])
def test_a_mishap_is_repaired_by_asking_again(caller, endpoint, mishap):
    caller.pool.mishaps.append(mishap)
    assert caller.mutate(make_context(), "append", "1.0", value="v") == {"value": "v", "count": 1}
    assert caller.methods == ["append", "append"]
    assert len({request["ctxt"]["seam"]["op_id"] for request in caller.pool.requests}) == 1
    assert len(endpoint.done) == 1


def test_an_error_is_an_answer(caller):
    with pytest.raises(exception.ImageProtected) as caught:
        caller.mutate(make_context(), "refuse", "1.0")
    assert caught.value.kwargs == {"image_id": "i"}
    assert caller.methods == ["refuse"]


def test_silence_ends_at_the_deadline(hasty, endpoint):
    hasty.pool.mishaps.extend([lose_answer] * 100)
    with pytest.raises(exception.RegistryUnavailable) as caught:
        hasty.mutate(make_context(), "append", "1.0", value=1)
    assert "outcome unknown" in caught.value.msg
    assert len(endpoint.done) == 1
    assert len(hasty.methods) > 1


def test_silence_of_a_read_has_changed_nothing(hasty, caplog):
    hasty.pool.mishaps.extend([lose_answer] * 100)
    with pytest.raises(exception.RegistryUnavailable) as caught:
        hasty.read(make_context(), "show", "1.0", value=1)
    assert "nothing was done" in caught.value.msg
    assert "RPC show got no answer in time" in caplog.messages


def test_nobody_there_is_said_before_the_deadline(caller):
    caller.pool.mishaps.extend([_no_server] * 100)
    began = time.monotonic()
    with pytest.raises(exception.RegistryUnavailable) as caught:
        caller.mutate(make_context(), "append", "1.0", value=1)
    assert "nothing was done" in caught.value.msg
    assert time.monotonic() - began < 5


def test_a_mutation_that_may_have_run_is_asked_after_until_the_deadline(hasty):
    hasty.pool.mishaps.extend([lose_answer] + [_no_server] * 100)
    with pytest.raises(exception.RegistryUnavailable) as caught:
        hasty.mutate(make_context(), "append", "1.0", value=1)
    assert "outcome unknown" in caught.value.msg


def test_deadlines_are_in_registry_time(caller, clock):
    clock.ahead = 86_400
    assert caller.read(make_context(), "show", "1.0", value=1)
    assert caller.methods == ["show", "show"]
    clock.ahead = -86_400
    assert caller.read(make_context(), "show", "1.0", value=1)
    assert caller.methods == ["show"] * 4
    assert caller.read(make_context(), "show", "1.0", value=1)
    assert caller.methods == ["show"] * 5


def test_a_clock_that_does_not_stand_still_is_given_up(caller, clock):
    def jump(serve):
        clock.ahead += 3600
        return serve()

    caller.pool.mishaps.extend([jump, jump])
    with pytest.raises(exception.Expired):
        caller.mutate(make_context(), "append", "1.0", value=1)


def test_expired_after_silence_is_an_unknown_outcome(caller, clock):
    def jump(serve):
        clock.ahead += 3600
        return serve()

    caller.pool.mishaps.extend([lose_answer, jump, jump])
    with pytest.raises(exception.RegistryUnavailable) as caught:
        caller.mutate(make_context(), "append", "1.0", value=1)
    assert "outcome unknown" in caught.value.msg


def test_completing_an_upload_has_more_time(caller):
    now = dispatcher.wall_clock()
    deadline = caller.mutate(make_context(), "upload_complete", "1.0")
    assert 29_000 < deadline - now < 31_000


def test_the_breaker_opens_and_closes(hasty):
    hasty.pool.mishaps.extend([lose_request] * 1000)
    for _ in range(3):
        with pytest.raises(exception.RegistryUnavailable):
            hasty.read(make_context(), "show", "1.0", value=1)
    tried = len(hasty.methods)
    with pytest.raises(exception.RegistryUnavailable) as caught:
        hasty.read(make_context(), "show", "1.0", value=1)
    assert "nothing was done" in caught.value.msg
    assert len(hasty.methods) - tried <= 1  # at most a probe
    hasty.pool.mishaps.clear()
    end = time.monotonic() + 10
    while True:
        try:
            assert hasty.read(make_context(), "show", "1.0", value=2)["value"] == 2
            break
        except exception.RegistryUnavailable:
            assert time.monotonic() < end
            time.sleep(0.05)
    assert "ping" in hasty.methods


def test_a_refusal_to_send_is_no_sign_of_life(hasty):
    hasty.pool.mishaps.extend([lose_request] * 1000)
    for _ in range(3):
        with pytest.raises(exception.RegistryUnavailable):
            hasty.read(make_context(), "show", "1.0", value=1)
        with pytest.raises((exception.RequestTooLarge, exception.RegistryUnavailable)):
            hasty.read(make_context(), "show", "1.0", value="x" * 1_048_577)
    assert not hasty._breaker.allows()


@pytest.mark.parametrize("pin", ["queens", "auto", "1", "1.0.0", "x.y"])
def test_a_pin_that_is_no_version_stops_the_start(tmp_path, pin):
    conf = make_conf(tmp_path)
    conf.set_override("registry", pin, group="upgrade_levels")
    with pytest.raises(exception.ConfigurationError, match="upgrade_levels"):
        DirectCaller(conf, [])


def test_an_error_is_a_sign_of_life(hasty):
    for _ in range(5):
        hasty.pool.mishaps.extend([lose_request] * 3)
        with pytest.raises(exception.ImageProtected):
            hasty.read(make_context(), "refuse", "1.0")


def test_too_large_a_request_is_not_sent(caller):
    with pytest.raises(exception.RequestTooLarge) as caught:
        caller.mutate(make_context(), "append", "1.0", value="x" * 1_048_577)
    assert caught.value.kwargs == {"limit": 1_048_576}
    assert caller.methods == []


def test_too_large_a_reply_is_an_error(tmp_path):
    class Endpoint:
        @dispatcher.expose
        def show(self, context):
            return "x" * 70_000

    caller = DirectCaller(make_conf(tmp_path, max_reply_size=65_536), [Endpoint()])
    with pytest.raises(exception.ImageServiceError, match="larger than the limit of 65536 bytes"):
        caller.read(make_context(), "show", "1.0")
    assert caller.methods == ["show"]


def test_a_result_that_is_not_json_is_an_error(tmp_path, caplog):
    class Endpoint:
        @dispatcher.expose
        def show(self, context):
            return object()

    with pytest.raises(exception.ImageServiceError):
        DirectCaller(make_conf(tmp_path), [Endpoint()]).read(make_context(), "show", "1.0")
    assert "is not JSON" in caplog.text


def test_numbers_that_json_does_not_know_are_the_clients_fault(caller):
    with pytest.raises(exception.BadMessage):
        caller.mutate(make_context(), "append", "1.0", value=float("nan"))
    assert caller.methods == []


def test_the_version_pin_stops_newer_methods(tmp_path, endpoint):
    conf = make_conf(tmp_path)
    conf.set_override("registry", "1.4", group="upgrade_levels")
    caller = DirectCaller(conf, [endpoint])
    assert caller.read(make_context(), "show", "1.0", value=1)
    with pytest.raises(exception.RegistryUnavailable, match="too old"):
        caller.read(make_context(), "show", "1.5", value=1)
    assert caller.methods == ["show"]


def test_without_a_pin_our_own_version_is_the_limit(caller):
    with pytest.raises(exception.RegistryUnavailable, match="too old"):
        caller.read(make_context(), "show", "1.999", value=1)


def test_what_a_try_sends_is_told_when_it_ends(caller):
    caller.mutate(make_context(user_id="u"), "append", "1.0", value=1)
    [request] = caller.pool.requests
    assert request["ctxt"]["user_id"] == "u"
    assert request["message"] == {"method": "append", "args": {"value": 1}, "version": "1.0"}
    assert time.monotonic() < request["expires"] < time.monotonic() + 6


def test_close_releases_the_bus(caller):
    closed = []
    caller.pool.close = lambda: closed.append(True)
    caller.close()
    assert closed == [True]


def test_nothing_of_oslo_messaging_escapes(caller):
    def odd(_serve):
        raise messaging.MessagingException("odd")

    caller.pool.mishaps.append(odd)
    assert caller.read(make_context(), "show", "1.0", value=1)["value"] == 1
