"""Whether one image's operations can have happened one after another, each between its start and its end.

The search is the usual one for linearizability: a set of configurations (state, operations that have happened in it but are not
over) is carried from event to event; whenever an operation ends, those configurations stay in which it can have happened.  An
operation with an unknown outcome never ends: it may happen at any time until it is too late, or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence

from tests.history import model
from tests.history.log import Operation

Configuration = tuple[model.State, frozenset[int]]

_START, _END, _TOO_LATE = range(3)


def first_unexplained(operations: Sequence[Operation], late_seconds: float) -> Operation | None:
    """The operation, first to end, whose answer no order explains; None if there is an order for all.

    :param late_seconds: how long after its end an operation with an unknown outcome may still have its effect.
    """
    considered = list(_relevant(operations))
    open_operations: dict[int, Operation] = {}
    configurations: set[Configuration] = {(model.State(), frozenset())}
    for _, event, number in _events(considered, late_seconds):
        operation = considered[number]
        if event == _START:
            open_operations[number] = operation
            continue
        happened = _in_which_it_happened(number, configurations, open_operations)
        configurations = happened if event == _END else configurations | happened
        if not configurations:
            return operation
        del open_operations[number]
        configurations = {(state, done - {number}) for state, done in configurations}
    return None


def _relevant(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Without what proves nothing: reads that were not answered, and unknown values that nobody has seen."""
    operations = list(operations)
    views = [operation.seen for operation in operations if "properties" in operation.seen]
    pairs = {pair for view in views for pair in view["properties"].items()}
    tags = {tuple(sorted(view["tags"])) for view in views}
    for operation in operations:
        if operation.outcome == "unknown":
            if operation.kind in {"show", "download"}:
                continue
            if operation.kind == "patch" and not pairs & operation.sent["properties"].items():
                continue
            if operation.kind == "tag" and tuple(sorted(operation.sent["tags"])) not in tags:
                continue
        yield operation


def _events(operations: Sequence[Operation], late_seconds: float) -> list[tuple[float, int, int]]:
    events = []
    for number, operation in enumerate(operations):
        events.append((operation.start, _START, number))
        if operation.outcome == "unknown":
            events.append((operation.end + late_seconds, _TOO_LATE, number))
        else:
            events.append((operation.end, _END, number))
    return sorted(events)


def _in_which_it_happened(
    number: int, configurations: Iterable[Configuration], open_operations: dict[int, Operation]
) -> set[Configuration]:
    """What can follow when ``number`` happens last, after any of the other open operations."""
    found: set[Configuration] = set()
    known: set[Configuration] = set()
    todo = list(configurations)
    while todo:
        state, done = todo.pop()
        configuration = state, done | _without_effect(state, done, open_operations)
        if configuration in known:
            continue
        known.add(configuration)
        if number in configuration[1]:
            found.add(configuration)
            continue
        todo += _followers(*configuration, open_operations)
    return found


def _without_effect(state: model.State, done: frozenset[int], open_operations: dict[int, Operation]) -> set[int]:
    """What may as well happen now, because it changes nothing and can be answered in this state."""
    return {
        number
        for number, operation in open_operations.items()
        if number not in done and not operation.changes and model.step(state, operation) is not None
    }


def _followers(
    state: model.State, done: frozenset[int], open_operations: dict[int, Operation]
) -> Iterator[Configuration]:
    for number, operation in open_operations.items():
        if number not in done and operation.changes:
            after = model.step(state, operation)
            if after is not None:
                yield after, done | {number}
