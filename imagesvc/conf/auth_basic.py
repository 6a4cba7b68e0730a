"""Options of ``[basic_auth]``: who may come in where [paste_deploy] flavor is basic."""

from oslo_config import cfg

GROUP = "basic_auth"

BASIC_AUTH = [
    cfg.StrOpt(
        "htpasswd_file",
        default="/etc/glance/htpasswd",
        help="Names and bcrypt hashes of passwords, as `htpasswd -B` writes them. A change takes effect within a second.",
    ),
    cfg.StrOpt(
        "users_file",
        default="/etc/glance/basic-users",
        help="What each user of htpasswd_file is: lines of the form name:project:role,role. The role admin includes member, and member includes reader. Who is not in it may do nothing. A change takes effect within a second.",
    ),
    cfg.IntOpt(
        "password_memory_time",
        default=60,
        min=0,
        help="Seconds each process remembers that a password was right or wrong, because bcrypt is slow on purpose; 0 turns that off. A changed or removed line of htpasswd_file is never outlived.",
    ),
    cfg.StrOpt("realm", default="Images", help="What clients are told they need a name and a password for."),
]

GROUPS = {GROUP: BASIC_AUTH}
