"""The judge of histories is itself tried: every kind of anomaly is put before it, and so is what only looks like one.

A checker that cannot fail would be worthless; one that cries wolf would be switched off.
"""

import dataclasses
import random

import pytest

from tests.history import checker, model, ordering
from tests.history.checker import Bounds, Remains
from tests.history.log import FINAL, History, Operation

BOUNDS = Bounds(late=50, settled=40, patience=30)
IMAGE = "11111111-1111-4111-8111-111111111111"


class Story:
    """One image's history, told: each operation takes a second and begins after the last one has ended.

    What an answer says is what the image really is, unless the teller says otherwise.
    """

    def __init__(self, image=IMAGE):
        self.image = image
        self.operations = []
        self.now = 0.0
        self.state = model.State()

    def tell(self, kind, client="c1", outcome="acknowledged", status=None, at=None, **more):
        sent, seen = more.pop("sent", {}), more.pop("seen", None)
        start, end = at or (self.now + 0.5, self.now + 1.5)
        self.now = max(self.now, end)
        trial = Operation(client, kind, self.image, start, end, "unknown", 0, sent, {})
        if outcome != "refused" and more.pop("happens", outcome == "acknowledged"):
            self.state = model.step(self.state, trial) or self.state
        if status is None:
            status = {"acknowledged": 200, "unknown": 0, "refused": 404}[outcome]
        if seen is None:
            seen = self._truth(kind) if outcome == "acknowledged" else {"message": ""}
        seen = {**seen, **more}
        self.operations.append(Operation(client, kind, self.image, start, end, outcome, status, sent, seen))
        return self

    def _truth(self, kind):
        if kind in {"upload", "delete"}:
            return {}
        if kind == "download":
            return {"digest": self.state.digest, "size": 7} if self.state.digest else {}
        return {
            "status": "active" if self.state.digest else "queued",
            "digest": self.state.digest,
            "size": 7 if self.state.digest else None,
            "tags": list(self.state.tags),
            "properties": dict(self.state.properties),
        }

    def create(self, **how):
        return self.tell("create", sent={"tags": ["new"], "properties": {"made_by": "c1"}}, **how)

    def upload(self, digest="d1", **how):
        return self.tell("upload", sent={"digest": digest, "size": 7}, **how)

    def patch(self, name, value, **how):
        return self.tell("patch", sent={"properties": {name: value}}, **how)

    def tag(self, *tags, **how):
        return self.tell("tag", sent={"tags": list(tags)}, **how)

    def show(self, **how):
        return self.tell("show", **how)

    def download(self, **how):
        return self.tell("download", **how)

    def delete(self, **how):
        return self.tell("delete", **how)

    def wait(self, seconds):
        self.now += seconds
        return self

    def end(self, *, answer=None, staged=(), blobs=None, locations=None, listed=True, **seen):
        """The final reading, and what is on disk; whatever is given is read instead of the truth."""
        state, view = self.state, {}
        if state.life == model.PRESENT:
            url = f"file:///images/{self.image}"
            located = [url] if state.digest else []
            view = {**self._truth("show"), "locations": located if locations is None else locations, **seen}
            if answer:
                self.tell("show", FINAL, outcome="refused", status=answer)
            else:
                self.tell("show", FINAL, seen=view)
            if state.digest and not answer:
                self.download(client=FINAL)
        else:
            self.tell("show", FINAL, outcome="refused", status=404)
        files = {self.image} if state.life == model.PRESENT and state.digest else set()
        remains = Remains(
            {self.image: view} if view and listed and not answer else {},
            frozenset(files if blobs is None else blobs),
            frozenset(staged),
        )
        return [anomaly.kind for anomaly in checker.check(History(self.operations), remains, BOUNDS)]


def _with_data():
    return Story().create().upload()


# -- what is right ------------------------------------------------------------------------------------


def test_an_ordinary_life_is_right():
    story = _with_data().patch("a", "1").patch("b", "1", client="c2").tag("x", "y").show().download()
    assert story.end() == []


def test_a_deleted_image_leaves_nothing():
    story = _with_data().delete().show(outcome="refused").download(outcome="refused", client="c2")
    assert story.upload("d2", outcome="refused", status=404).end() == []


@pytest.mark.parametrize("happens", [True, False])
@pytest.mark.parametrize("kind", ["create", "upload", "patch", "tag", "delete"])
def test_an_unknown_outcome_may_have_happened_or_not(kind, happens):
    story = Story() if kind == "create" else Story().create()
    how = {"outcome": "unknown", "happens": happens}
    if kind == "patch":
        story.patch("a", "1", **how)
    elif kind == "tag":
        story.tag("x", **how)
    else:
        getattr(story, kind)(**how)
    assert story.wait(BOUNDS.late).end() == []


def test_an_unknown_outcome_may_become_true_late_and_only_once():
    story = Story().create().patch("a", "1", outcome="unknown").patch("a", "2")
    old = {"made_by": "c1", "a": "1"}
    assert story.show(properties=old).end(properties=old) == []
    story = Story().create().patch("a", "1", outcome="unknown").patch("a", "2")
    assert story.show(properties=old).show().end() == ["no order"]


def test_an_unknown_outcome_is_over_at_last():
    story = Story().create().patch("a", "1", outcome="unknown").patch("a", "2").wait(BOUNDS.late).show()
    assert story.end(properties={"made_by": "c1", "a": "1"}) == ["lost patch"]


def test_operations_at_the_same_time_may_have_any_order():
    story = _with_data()
    story.patch("a", "1", at=(10, 20)).patch("b", "1", client="c2", at=(10, 20))
    story.show(at=(10, 20), client="c3", properties={"made_by": "c1"})
    story.delete(at=(15, 30), client="c4").show(at=(16, 29), client="c5", outcome="refused")
    assert story.end() == []


def test_an_upload_in_the_way_is_a_reason_to_refuse():
    story = Story().create().upload(at=(10, 20))
    story.upload("d2", client="c2", at=(12, 13), outcome="refused", status=409, message="from saving to saving")
    story.show(client="c3", at=(14, 15), status=200, seen={**story._truth("show"), "status": "saving", "digest": None})
    assert story.end() == []


def test_nothing_was_done_may_be_said_at_any_time():
    story = _with_data().patch("a", "1", outcome="refused", status=503, retry_after="2")
    assert story.delete(outcome="refused", status=0).end() == []


# -- what is wrong ------------------------------------------------------------------------------------


def test_lost_images_are_found():
    assert "lost image" in _with_data().end(answer=404)
    assert "lost image" in Story().create().show(outcome="refused").end(answer=404)
    queued = {"status": "queued", "digest": None, "size": None, "locations": []}
    assert "lost image" in _with_data().end(blobs=(), **queued)
    gone = _with_data().wait(5)
    gone.state = gone.state._replace(digest=None)
    assert "lost image" in gone.download(status=204, seen={}).end()


def test_wrong_bytes_are_found():
    assert _with_data().download(digest="other").end() == ["wrong bytes"]
    assert _with_data().upload("d2", outcome="unknown").download(digest="d2").end() == ["wrong bytes"]
    assert "no order" in _with_data().show(digest="other").end()


def test_lost_patches_are_found():
    story = Story().create().patch("a", "1").patch("b", "1", client="c2").patch("a", "2")
    assert story.end(properties={"made_by": "c1", "a": "1", "b": "1"}) == ["lost patch"]
    story = Story().create().patch("a", "1").patch("b", "1", client="c2")
    assert story.end(properties={"made_by": "c1", "b": "1"}) == ["lost patch"]
    assert Story().create().tag("x").tag("y").end(tags=["x"]) == ["lost patch"]


def test_half_patches_are_found():
    story = Story().create()
    story.tell("patch", sent={"properties": {"a": "1", "b": "1"}})
    assert story.show(properties={"made_by": "c1", "a": "1"}).end() == ["stale read"]
    story = Story().create()
    story.tell("patch", sent={"properties": {"a": "1", "b": "1"}}, outcome="unknown")
    assert story.show(properties={"made_by": "c1", "a": "1"}).end() == ["no order"]


def test_resurrected_deletes_are_found():
    back = {"seen": _with_data()._truth("show")}
    assert "resurrected delete" in _with_data().delete().show(**back).end()
    assert "resurrected delete" in _with_data().delete().delete().end()
    assert "resurrected delete" in _with_data().delete().patch("a", "1", **back).end()
    assert "resurrected delete" in _with_data().delete().upload("d2").end()
    assert "resurrected delete" in _with_data().delete().create(**back).end()
    assert "resurrected delete" in _with_data().delete().download(seen={"digest": "d1"}).end()


def test_stale_reads_are_found():
    story = Story().create().patch("a", "1").show(client="c2", properties={"made_by": "c1"})
    assert story.end() == ["stale read"]
    story = _with_data().download(client="c2", status=204, seen={})
    assert story.end() == ["stale read"]
    assert Story().create().show(outcome="refused", client="c2").end() == ["stale read"]


def test_reads_that_go_back_in_time_are_found():
    story = Story().create().patch("a", "1", at=(10, 30))
    story.show(client="c2", at=(11, 12)).show(client="c3", at=(13, 14), properties={"made_by": "c1"})
    assert story.end() == ["no order"]


def test_what_was_promised_not_to_have_happened_is_found():
    story = Story().create().patch("a", "1", outcome="refused", status=503, retry_after="2")
    assert story.show(properties={"made_by": "c1", "a": "1"}).end() == ["no order"]
    story = Story().create().upload("d1", outcome="refused", status=409, message="Upload u is no longer current.")
    assert "wrong bytes" in story.download(seen={"digest": "d1"}).end()


def test_two_effects_of_one_request_are_found():
    assert Story().create().tag("x").show(tags=["x", "x"]).end() == ["no order"]
    assert _with_data().upload("d2", client="c2").end() == ["two uploads acknowledged"]


def test_values_that_nobody_wrote_are_found():
    assert Story().create().show(properties={"made_by": "c1", "odd": "1"}).end() == ["no order"]


def test_refusals_without_reason_are_found():
    assert Story().create().upload(outcome="refused", status=409, message="from active to saving").end() == ["no order"]
    assert Story().create().upload(outcome="refused", status=410).end() == ["no order"]
    assert Story().create(outcome="refused", status=409).end() == ["no order"]


def test_stuck_images_are_found():
    saving = {"status": "saving"}
    assert Story().create().upload(outcome="unknown").wait(BOUNDS.late).end(**saving) == ["stuck image"]
    story = Story().create().upload(outcome="unknown").wait(BOUNDS.settled)
    assert story.upload("d2", outcome="refused", status=409, message="is being removed").end() == ["stuck image"]
    story = Story().create().upload(outcome="unknown", happens=False)
    for _ in range(2):  # only what it was told last counts
        story.upload("d2", client=FINAL, outcome="refused", status=409, message="is being removed")
    assert story.end() == ["stuck image"]


def test_files_that_do_not_fit_are_found():
    assert _with_data().end(blobs=[IMAGE, "other"]) == ["orphan blob"]
    assert _with_data().end(blobs=[]) == ["row without blob"]
    assert _with_data().end(staged=["upload"]) == ["orphan staging file"]
    assert _with_data().delete().end(blobs=[IMAGE]) == ["orphan blob"]
    assert _with_data().end(locations=[]) == ["orphan blob", "status and locations differ"]
    assert Story().create().end(locations=["file:///images/x"], blobs=["x"]) == ["status and locations differ"]
    assert "blob of two rows" in _with_data().end(locations=[f"file:///images/{IMAGE}"] * 2)
    assert _with_data().end(size=8) == ["wrong size"]


def test_lists_that_differ_are_found():
    assert _with_data().end(listed=False) == ["list and show differ"]
    story = Story().create()
    remains = Remains({IMAGE: {}, "stranger": {}}, frozenset(), frozenset())
    kinds = [anomaly.kind for anomaly in checker.check(History(story.operations), remains, BOUNDS)]
    assert kinds == ["image that nobody made", "list and show differ"]


@pytest.mark.parametrize(
    "answer",
    [
        {"outcome": "unknown", "status": 500},
        {"outcome": "unknown", "status": 504},
        {"outcome": "unknown", "status": 503},
        {"outcome": "refused", "status": 403},
        {"outcome": "refused", "status": 400},
    ],
)
def test_bad_answers_are_found(answer):
    assert Story().create().patch("a", "1", **answer).end() == ["bad answer"]


def test_silence_is_found():
    assert Story().create().show(at=(10, 10 + BOUNDS.patience + 1)).end() == ["no answer in time"]


# -- chance -------------------------------------------------------------------------------------------


class Service:
    """A service in memory that answers many clients at once, rightly, or wrongly in one way.

    Each operation is given a moment between its start and its end, at which it has its effect, or for a wrong service has not.
    """

    def __init__(self, seed, fault=None):
        self.dice = random.Random(seed)
        self.fault = fault
        self.broken = 0

    def history(self, clients=6, count=20):
        calls = [
            (moment - self.dice.random(), moment, moment + self.dice.random(), client)
            for client in range(clients)
            for moment in (0.5 + 2.2 * number + self.dice.random() for number in range(count))
        ]
        story = Story()
        story.operations.append(self._told(story, "create", (-2, -1, -0.5, 0), self._sent("create", 0, 0)))
        for number, call in enumerate(sorted(calls, key=lambda call: call[1])):
            kind = self.dice.choices(["patch", "tag", "show", "download", "upload", "delete"], [9, 3, 6, 5, 2, 0.2])[0]
            story.operations.append(self._told(story, kind, call, self._sent(kind, call[3], number)))
        story.now = 10_000
        return story

    def _sent(self, kind, client, number):
        return {
            "create": {"tags": [], "properties": {}},
            "patch": {"properties": {f"a{client}": str(number), f"b{client}": str(number)}},
            "tag": {"tags": [f"t{number}"]},
            "upload": {"digest": f"d{number}", "size": 7},
        }.get(kind, {})

    def _told(self, story, kind, call, sent):
        start, _, end, client = call
        operation = Operation(f"c{client}", kind, IMAGE, start, end, "unknown", 0, sent, {})
        after = model.step(story.state, operation)
        if after is None:
            return self._refusal(story, operation)
        outcome = "acknowledged" if self.dice.random() < 0.95 or not operation.changes else "unknown"
        before = story.state
        if outcome == "acknowledged" or self.dice.random() < 0.5:
            story.state = after
        status = {"acknowledged": 200, "unknown": 0}[outcome]
        seen = story._truth(kind) if outcome == "acknowledged" else {}
        operation = dataclasses.replace(operation, outcome=outcome, status=status, seen=seen)
        return self._spoilt(story, before, operation)

    @staticmethod
    def _refusal(story, operation):
        status = 409 if operation.kind == "upload" and story.state.life == model.PRESENT else 404
        message = "from active to saving"
        return dataclasses.replace(operation, outcome="refused", status=status, seen={"message": message})

    def _spoilt(self, story, before, operation):
        kind, wrong = (self.fault or "no fault").split()
        if kind != operation.kind or not operation.acknowledged or self.dice.random() > 0.2 or self.broken:
            return operation
        if wrong == "forgotten":
            self.broken, story.state = 1, before
        elif wrong == "stale" and before.digest and before.properties:
            lacking = dict(before.properties)
            lacking.popitem()
            self.broken = 1
            return dataclasses.replace(operation, seen={**operation.seen, "properties": lacking})
        elif wrong == "other" and before.digest:
            self.broken = 1
            return dataclasses.replace(operation, seen={"digest": "other", "size": 7})
        return operation


@pytest.mark.parametrize("seed", range(30))
def test_any_history_of_a_right_service_has_an_order(seed):
    story = Service(seed).history()
    assert ordering.first_unexplained(story.operations, BOUNDS.late) is None
    assert story.end() == []


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        ("patch forgotten", {"lost patch", "stale read", "no order"}),
        ("tag forgotten", {"lost patch", "stale read", "no order"}),
        ("upload forgotten", {"lost image", "stale read", "two uploads acknowledged", "no order"}),
        ("delete forgotten", {"resurrected delete"}),
        ("show stale", {"stale read", "no order", "lost patch"}),
        ("download other", {"wrong bytes"}),
    ],
)
def test_any_history_of_a_wrong_service_is_found_out(fault, names):
    broken = found = 0
    for seed in range(60):
        service = Service(seed, fault)
        story = service.history()
        kinds = story.end()
        if not service.broken:
            assert kinds == []
        else:
            broken += 1
            found += bool(kinds)
            assert set(kinds) <= names
    assert broken >= 5
    # What nobody looked at before it was written again is no anomaly: the next tags hide that the last ones were lost.
    assert found >= 0.5 * broken, f"{found} of {broken}"


def test_a_history_survives_its_file(tmp_path):
    story = _with_data().patch("a", "1")
    History(story.operations).save(tmp_path / "history.jsonl")
    assert [*History.load(tmp_path / "history.jsonl")] == story.operations
