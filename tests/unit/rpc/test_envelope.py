import json

import pytest

from imagesvc import exception
from imagesvc.rpc import envelope
from tests.fixtures.rpc import make_context

_MESSAGE = {"method": "image_get", "version": "1.0", "args": {"image_id": "i"}}


def _sealed(**seam):
    return {**make_context().to_bus(), "seam": {"op_id": None, "deadline": 5, **seam}}


def test_a_sealed_context_opens_as_it_was():
    context = make_context(roles=["reader"], system_scope="all", request_id="req-1")
    sealed = json.loads(json.dumps(envelope.seal_context(context, "op-1", 1234)))
    opened = envelope.open_context(sealed, "image_get", {})
    assert opened.to_bus() == context.to_bus()
    assert (opened.op_id, opened.deadline) == ("op-1", 1234)
    assert envelope.deadline(sealed) == 1234


def test_nobody_opens_as_nobody():
    opened = envelope.open_context(envelope.seal_context(None, None, 1), "m", {})
    assert (opened.user_id, opened.project_id, opened.roles) == (None, None, [])


def test_no_token_and_no_catalog_travel():
    context = make_context()
    context.auth_token = "canary"
    context.service_catalog = ["canary"]
    assert "canary" not in json.dumps(envelope.seal_context(context, None, 1))


@pytest.mark.parametrize(
    ("ctxt", "expected"),
    [
        (_sealed(op_id="op-1"), True),
        (_sealed(), False),
        ({"seam": {}}, False),
        ({"seam": "op-1"}, False),
        ({}, False),
        (None, False),
        (["seam"], False),
    ],
)
def test_a_change_is_known_before_its_message_is_checked(ctxt, expected):
    assert envelope.is_change(ctxt) is expected


def test_reads_have_no_hash():
    assert envelope.open_context(_sealed(), "image_get", {}).request_hash is None


def test_the_hash_is_of_method_arguments_and_principal():
    arguments = {"a": 1, "b": {"c": 2, "d": 3}}
    base = envelope.request_hash(make_context(), "m", arguments)
    assert envelope.request_hash(make_context(), "m", {"b": {"d": 3, "c": 2}, "a": 1}) == base
    others = [
        envelope.request_hash(make_context(), "n", arguments),
        envelope.request_hash(make_context(), "m", {**arguments, "a": 2}),
        envelope.request_hash(make_context(user_id="user-2"), "m", arguments),
        envelope.request_hash(make_context(project_id="project-2"), "m", arguments),
    ]
    assert len({base, *others}) == 5


def test_a_repeated_request_of_the_same_user_has_the_same_hash():
    first = envelope.open_context(_sealed(op_id="o"), "m", {})
    second = envelope.open_context({**_sealed(op_id="o"), "request_id": "req-2"}, "m", {})
    assert first.request_hash == second.request_hash
    assert len(first.request_hash) == 64


def test_a_good_message_passes():
    envelope.check_message(_sealed(op_id="o" * 36), _MESSAGE)


@pytest.mark.parametrize(
    ("ctxt", "message"),
    [
        (_sealed(), None),
        (_sealed(), []),
        (_sealed(), {}),
        (_sealed(), {"version": "1.0", "args": {}}),
        (_sealed(), {"method": 1}),
        (_sealed(), {**_MESSAGE, "method": 1}),
        (_sealed(), {"method": ["m"]}),
        (_sealed(), {"method": "m", "version": "1.0"}),
        (_sealed(), {"method": "m", "version": "1.0", "args": None}),
        (_sealed(), {"method": "m", "version": "1.0", "args": []}),
        *(
            (_sealed(), {**_MESSAGE, "version": version})
            for version in ("", "1", "1.", "1.0.0", "-1.0", "1.x", None, 1, {})
        ),
        (None, _MESSAGE),
        ("ctxt", _MESSAGE),
        ({}, _MESSAGE),
        ({"seam": None}, _MESSAGE),
        ({"seam": {}}, _MESSAGE),
        (_sealed(deadline=None), _MESSAGE),
        (_sealed(deadline="5"), _MESSAGE),
        (_sealed(deadline=5.0), _MESSAGE),
        (_sealed(deadline=True), _MESSAGE),
        (_sealed(op_id=1), _MESSAGE),
        (_sealed(op_id=""), _MESSAGE),
        (_sealed(op_id="o" * 37), _MESSAGE),
        (_sealed(op_id={}), _MESSAGE),
    ],
)
def test_other_messages_are_refused(ctxt, message):
    with pytest.raises(exception.BadMessage):
        envelope.check_message(ctxt, message)
