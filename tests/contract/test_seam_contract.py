"""Both sides of the seam agree: methods, arguments, errors, version."""

import importlib
import inspect
import pkgutil

import pytest

from imagesvc import exception, objects, rpc
from imagesvc.registry import endpoints
from imagesvc.rpc import rpcapi
from tests.fixtures.rpc import make_context

_CLIENT = {
    name: method
    for name, method in inspect.getmembers(rpcapi.RegistryAPI, inspect.isfunction)
    if not name.startswith("_")
}
_ERRORS = [
    name
    for name, cls in inspect.getmembers(exception, inspect.isclass)
    if issubclass(cls, exception.ImageServiceError) and cls.__module__ == exception.__name__
]
#: Errors about the conversation itself, which the caller turns into what they mean for a request.
_OF_THE_SEAM = {"BadMessage": "ImageServiceError"}


def _exposed():
    """(class, method name, method) of everything the registry offers."""
    for info in pkgutil.iter_modules(endpoints.__path__, f"{endpoints.__name__}."):
        module = importlib.import_module(info.name)
        for _, cls in inspect.getmembers(module, inspect.isclass):
            if cls.__module__ == module.__name__:
                for name, method in inspect.getmembers(cls, inspect.isfunction):
                    if hasattr(method, "exposed"):
                        yield cls, name, method


_SERVER = {name: method for _, name, method in _exposed()}


def _arguments(method):
    _, _, *parameters = inspect.signature(method).parameters.values()
    return parameters


def test_the_registry_offers_what_the_client_asks_and_nothing_else():
    assert set(_SERVER) == set(_CLIENT)
    assert len(list(_exposed())) == len(_SERVER)


@pytest.mark.parametrize("name", sorted(_CLIENT))
def test_arguments_have_the_same_names(name):
    asked, offered = _arguments(_CLIENT[name]), _arguments(_SERVER[name])
    assert [argument.name for argument in asked] == [argument.name for argument in offered]
    assert all(argument.kind is argument.POSITIONAL_OR_KEYWORD for argument in offered)


class _Minimum(Exception):
    pass


class _Caller:
    """Tells the version each method asks for."""

    def read(self, _context, method, minimum, /, **arguments):
        raise _Minimum(method, minimum, set(arguments))

    mutate = read


_SAMPLES = {"query": objects.ImageQuery(), "blob": objects.StoredBlob("u", 1, None, None)}


def _sample(argument):
    return _SAMPLES.get(argument.name, [] if "Sequence" in str(argument.annotation) else {})


@pytest.mark.parametrize("name", sorted(_CLIENT))
def test_a_method_asks_by_its_own_name_for_a_version_that_exists(name):
    parameters = _arguments(_CLIENT[name])
    with pytest.raises(_Minimum) as asked:
        _CLIENT[name](rpcapi.RegistryAPI(_Caller()), make_context(), *(_sample(parameter) for parameter in parameters))
    method, minimum, sent = asked.value.args
    assert method == name
    assert sent == {parameter.name for parameter in _arguments(_SERVER[name])}
    assert [int(part) for part in minimum.split(".")] <= [int(part) for part in rpc.VERSION.split(".")]


def test_every_error_survives_the_bus(registries):
    registries.start()
    caller = registries.caller()
    for name in _ERRORS:
        with pytest.raises(exception.ImageServiceError) as caught:
            caller.read(make_context(), "fail", "1.0", name=name)
        assert type(caught.value).__name__ == _OF_THE_SEAM.get(name, name)
        if name not in _OF_THE_SEAM:
            assert (caught.value.msg, str(caught.value)) == ("text", "text")
            assert caught.value.kwargs == {"fact": [1, "é"]}
    assert "Traceback" not in registries.log
