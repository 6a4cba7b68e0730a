"""The rule about tasks.  Whoever it lets in sees the tasks of his project, administrators see all."""

from imagesvc.policies import base

_TASKS = "/v2/tasks"
_TASK = "/v2/tasks/{task_id}"

RULES = [
    base.rule(
        "tasks_api_access",
        base.ADMIN,
        "Create, list and show tasks.",
        [("POST", _TASKS), ("GET", _TASKS), ("GET", _TASK)],
        open_before=False,
    ),
]
