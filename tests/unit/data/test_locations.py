from types import SimpleNamespace

import pytest

from imagesvc import exception, objects
from imagesvc.data.locations import Examiner


class _Stores:
    """A multi-store form in which the store ``web`` serves http URLs."""

    multi = True

    def __init__(self):
        self.asked = []
        self.sizes = {"http://web/a": 5, "http://web/empty": None}

    def describe(self):
        return [SimpleNamespace(id="web", weight=0), SimpleNamespace(id="heavy", weight=9)]

    def store_of(self, location):
        return "web"

    def spelled(self, location):
        if not location.url.startswith("rbd:"):
            raise exception.StoreUnavailable(store="?")
        return location.url.rstrip("/")

    def size(self, location):
        self.asked.append(location)
        if location.url == "http://away/x":
            raise exception.StoreUnavailable(store="web")
        if location.url not in self.sizes:
            raise exception.BlobNotFound(store="web")
        return self.sizes[location.url]


def _gate(url):
    if url.startswith("http://inside/"):
        raise exception.Invalid(reason="The URI is refused.")


@pytest.fixture
def stores():
    return _Stores()


@pytest.fixture
def examiner(stores):
    return Examiner(stores, SimpleNamespace(hashing_algorithm="sha512"), _gate)


def _add(url, **metadata):
    return {"op": "add", "path": ["locations", "-"], "value": {"url": url, "metadata": metadata}}


def _facts(examiner, url):
    value = examiner.complete([_add(url)])[0]["value"]
    return {name: value[name] for name in ("size", "fault") if name in value}


def test_a_change_gets_what_its_store_says(examiner, stores):
    [change] = examiner.complete([_add("http://web/a", store="mine", backend="mine", x="y")])
    assert change["value"] == {"url": "http://web/a", "metadata": {"x": "y", "store": "web"}, "size": 5}
    assert (change["weights"], change["algorithm"]) == ({"heavy": 9}, "sha512")
    assert stores.asked == [objects.Location("http://web/a", {"store": "web"})]


def test_in_single_store_form_no_store_is_noted(examiner, stores):
    stores.multi = False
    [change] = examiner.complete([_add("http://web/a", store="mine")])
    assert change["value"]["metadata"] == {}


def test_a_list_is_completed_and_each_url_asked_for_once(examiner, stores):
    change = {"op": "replace", "path": ["locations"], "value": [{"url": "http://web/a", "metadata": {}}] * 2}
    [completed] = examiner.complete([change])
    assert [value["size"] for value in completed["value"]] == [5, 5]
    assert len(stores.asked) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/passwd", "no http"),
        ("FILE:///etc/passwd", "no http"),
        ("nonsense", "no http"),
        ("http://inside/x", "refused"),
        ("http://away/x", "cannot be reached"),
        ("http://web/nothing", "nothing"),
        ("http://web/empty", "how large"),
    ],
)
def test_what_is_wrong_is_told_to_the_registry(examiner, url, words):
    facts = _facts(examiner, url)
    assert list(facts) == ["fault"]
    assert words in facts["fault"]


def test_nobody_asks_where_the_gate_or_the_scheme_forbids(examiner, stores):
    for url in ("file:///etc/passwd", "http://inside/x"):
        _facts(examiner, url)
    assert stores.asked == []


def test_other_changes_stay_as_they_are(examiner, stores):
    changes = [{"op": "add", "path": ["name"], "value": "x"}, {"op": "match", "versions": [1]}]
    assert examiner.complete(changes) == changes
    [removal] = examiner.complete([{"op": "remove", "path": ["locations", "0"]}])
    assert (removal["weights"], stores.asked) == ({"heavy": 9}, [])


def test_a_request_names_a_few_locations(examiner):
    with pytest.raises(exception.LimitExceeded):
        examiner.complete([_add(f"http://web/{number}") for number in range(51)])


def test_a_place_is_found_without_asking_its_server(examiner, stores):
    assert examiner.place("http://web/a") == {"url": "http://web/a", "store": "web"}
    assert examiner.place("rbd://a/b/c/d/") == {"url": "rbd://a/b/c/d", "store": "web"}
    assert examiner.place("http://inside/x")["fault"] == "The URI is refused."
    assert "no store" in examiner.place("foo://x")["fault"]
    stores.multi = False
    assert examiner.place("http://web/a")["store"] is None
    assert stores.asked == []
