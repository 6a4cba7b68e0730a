import inspect
import json
import sys

import oslo_messaging as messaging
import pytest
from oslo_messaging._drivers import common

from imagesvc import exception
from imagesvc.rpc import failures


def _remote(error):
    """``error`` as oslo.messaging re-creates it on the client."""
    try:
        raise error
    except Exception:  # noqa: BLE001 -- any error shall be tried
        data = common.serialize_remote_exception(sys.exc_info())
    return common.deserialize_remote_exception(data, failures.REMOTE_MODULES)


def test_an_answer_is_the_error_itself():
    meant = failures.meaning(_remote(exception.ImageNotFound(image_id="i")), "m")
    assert type(meant) is exception.ImageNotFound
    assert meant.kwargs == {"image_id": "i"}
    assert str(meant) == meant.msg == "No image found with ID i."


def test_a_text_of_its_own_survives():
    meant = failures.meaning(_remote(exception.Conflict("not now", a=1)), "m")
    assert (type(meant), meant.msg, meant.kwargs) == (exception.Conflict, "not now", {"a": 1})


def test_errors_of_other_modules_say_nothing():
    meant = failures.meaning(_remote(json.JSONDecodeError("secret", "doc", 0)), "m")
    assert type(meant) is exception.ImageServiceError
    assert "secret" not in str(meant)


def test_builtin_errors_say_nothing():
    meant = failures.meaning(_remote(KeyError("secret")), "m")
    assert type(meant) is exception.ImageServiceError
    assert "secret" not in str(meant)


def test_being_misunderstood_is_our_fault_not_the_clients():
    assert type(failures.meaning(_remote(exception.BadMessage(reason="r")), "m")) is exception.ImageServiceError


def test_refusing_to_send_is_the_clients_fault():
    error = exception.BadMessage(reason="NaN")
    assert failures.meaning(error, "m") is error


def test_a_version_beyond_the_pin_is_unavailable():
    error = messaging.RPCVersionCapError(version="1.7", version_cap="1.2")
    assert type(failures.meaning(error, "m")) is exception.RegistryUnavailable


@pytest.mark.parametrize(
    "error", [failures.NoServer("none"), messaging.MessageUndeliverable(None, "exchange", "key", "message")]
)
def test_nobody_there_means_no_effect(error):
    assert isinstance(failures.meaning(error, "m"), failures.NotTaken)


@pytest.mark.parametrize(
    "error",
    [
        messaging.MessagingTimeout("t"),
        messaging.MessageDeliveryFailure("d"),
        messaging.ClientSendError("target", OSError()),
        messaging.MessagingException("m"),
    ],
)
def test_silence_means_an_unknown_outcome(error):
    assert isinstance(failures.meaning(error, "m"), failures.Unanswered)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (_remote(exception.Conflict(reason="r")), True),
        (_remote(exception.RegistryUnavailable()), True),
        (_remote(json.JSONDecodeError("secret", "doc", 0)), True),
        (exception.RequestTooLarge(limit=1), False),
        (failures.NoServer("none"), False),
        (messaging.MessagingTimeout("t"), False),
        (KeyError("here"), False),
    ],
)
def test_an_answer_is_what_the_other_side_said(error, answer):
    assert failures.is_answer(error) is answer


def test_every_error_class_comes_back_as_itself():
    for name, cls in inspect.getmembers(exception, inspect.isclass):
        if issubclass(cls, exception.ImageServiceError) and cls is not exception.BadMessage:
            meant = failures.meaning(_remote(cls("text", fact=1)), "m")
            assert (name, type(meant), meant.msg, meant.kwargs) == (name, cls, "text", {"fact": 1})
