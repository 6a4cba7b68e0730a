"""Tasks: long work that is followed by its owner."""

from oslo_config import cfg

TASK = [
    cfg.IntOpt(
        "task_time_to_live",
        default=48,
        min=0,
        help="Hours for which a task is shown after it has ended, well or not.",
    ),
]

GROUPS = {"task": TASK}
