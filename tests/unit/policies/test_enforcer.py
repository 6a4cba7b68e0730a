"""The enforcer decides like oslo.policy, denies what it does not know, and survives bad policy files."""

import itertools

import pytest
from oslo_config import cfg
from oslo_policy import policy

from imagesvc import exception, policies
from imagesvc.context import RequestContext


def _conf(tmp_path, text=None, **overrides):
    conf = cfg.ConfigOpts()
    conf([], project="glance", default_config_files=[])
    policy.Enforcer(conf)  # registers [oslo_policy]
    path = tmp_path / "policy.yaml"
    if text is not None:
        path.write_text(text)
    conf.set_override("policy_file", str(path), group="oslo_policy")
    for name, value in overrides.items():
        conf.set_override(name, value, group="oslo_policy")
    return conf


class _Seconds:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def _context(*roles, project="p1", **more):
    return RequestContext(user_id="u", project_id=project, roles=list(roles), overwrite=False, **more)


def _image(**fields):
    return {"id": "i", "owner": "p1", "visibility": "private", "status": "active", "properties": {}, **fields}


def test_every_default_decides_as_oslo_policy_does(tmp_path):
    conf = _conf(tmp_path)
    ours = policies.Enforcer(conf)
    theirs = policy.Enforcer(conf)
    theirs.suppress_default_change_warnings = True
    theirs.register_defaults(policies.list_rules())
    owners = ("p1", "p2", None)
    visibilities = ("private", "public", "shared", "community")
    roles = ((), ("reader",), ("member", "reader"), ("Admin", "member"), ("service",))
    answers = set()
    for owner, visibility, held, member in itertools.product(owners, visibilities, roles, (None, "p1")):
        target = policies.ImageTarget(_image(owner=owner, visibility=visibility), member)
        context = _context(*held)
        for rule in policies.list_rules():
            answer = ours.allows(context, rule.name, target)
            assert answer == bool(theirs.enforce(rule.name, target, context)), (rule.name, owner, visibility, held)
            answers.add(answer)
    assert answers == {True, False}


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ("@", True),
        ("!", False),
        ("not role:member", False),
        ("role:MEMBER and not role:nobody", True),
        ("role:%(wanted_role)s", True),
        ("role:%(not_there)s", False),
        ("user_id:u", True),
        ("user_id:%(not_there)s", False),
        ("'x':%(hw_rng)s", True),
        ("True:%(protected)s", True),
        ("roles:member", True),
        ("nothing:None", False),
        ("rule:no_such_rule", False),
        ("a.b:c", False),
    ],
)
def test_rule_language(tmp_path, check, expected):
    enforcer = policies.Enforcer(_conf(tmp_path, f'get_image: "{check}"\n'))
    target = policies.ImageTarget(_image(properties={"hw_rng": "x", "wanted_role": "member"}, protected=True))
    assert enforcer.allows(_context("member"), "get_image", target) is expected


def test_authorize_names_the_rule(tmp_path):
    with pytest.raises(exception.Forbidden) as caught:
        policies.Enforcer(_conf(tmp_path)).authorize(_context("reader"), "delete_image", policies.ImageTarget(_image()))
    assert caught.value.kwargs == {"action": "delete_image"}


def test_unknown_rule_is_denied_even_to_administrators_and_with_an_open_default(tmp_path):
    enforcer = policies.Enforcer(_conf(tmp_path, 'default: ""\n'))
    assert enforcer.allows(_context("admin"), "get_image", policies.ImageTarget(_image()))
    assert not enforcer.allows(_context("admin"), "no_such_rule")


def test_is_admin_comes_from_roles_alone(tmp_path):
    enforcer = policies.Enforcer(_conf(tmp_path))
    assert enforcer.is_admin(_context("ADMIN"))
    assert not enforcer.is_admin(_context("member", is_admin=True))


@pytest.mark.parametrize(("visibility", "allowed"), [("public", True), ("community", True), ("private", False)])
def test_who_sees_an_image_learns_where_its_data_is(tmp_path, visibility, allowed):
    """Nova asks as its user, and clones disks from there."""
    enforcer = policies.Enforcer(_conf(tmp_path))
    foreign = policies.ImageTarget(_image(visibility=visibility))
    assert enforcer.allows(_context("reader", project="p2"), "get_image_location", foreign) is allowed


@pytest.mark.parametrize("scope", [{"system_scope": "all"}, {"domain_id": "d"}])
def test_tokens_not_for_a_project_are_refused(tmp_path, scope):
    enforcer = policies.Enforcer(_conf(tmp_path))
    assert not enforcer.is_admin(_context("admin", **scope))
    assert not enforcer.allows(_context("admin", **scope), "get_image", policies.ImageTarget(_image()))


def test_caller_without_project_is_not_the_owner_of_an_image_without_owner(tmp_path):
    enforcer = policies.Enforcer(_conf(tmp_path))
    target = policies.ImageTarget(_image(owner=None))
    assert not enforcer.allows(_context("member", "reader", project=None), "modify_image", target)


def test_changed_file_takes_effect_within_a_second_and_is_not_looked_at_more_often(tmp_path):
    seconds = _Seconds()
    enforcer = policies.Enforcer(_conf(tmp_path, "{}"), monotonic=seconds)
    member, target = _context("member"), policies.ImageTarget(_image())
    assert enforcer.allows(member, "modify_image", target)
    (tmp_path / "policy.yaml").write_text('modify_image: "!"\n# longer than before')
    assert enforcer.allows(member, "modify_image", target)
    seconds.now += 1.1
    assert not enforcer.allows(member, "modify_image", target)


def test_rules_that_stayed_the_same_are_not_compiled_again(tmp_path, monkeypatch):
    seconds = _Seconds()
    enforcer = policies.Enforcer(_conf(tmp_path, "{}"), monotonic=seconds)
    monkeypatch.delattr(policies.enforcer.compiler, "compile_rules")
    seconds.now += 1.1
    assert enforcer.is_admin(_context("admin"))
    assert enforcer._complaint == ""


def test_file_that_becomes_unreadable_leaves_the_last_good_rules(tmp_path, caplog):
    seconds = _Seconds()
    enforcer = policies.Enforcer(_conf(tmp_path, 'modify_image: "!"\n'), monotonic=seconds)
    member, target = _context("member"), policies.ImageTarget(_image())
    (tmp_path / "policy.yaml").write_text("modify_image: [unclosed\n and longer")
    for _ in range(3):
        seconds.now += 1.1
        assert not enforcer.allows(member, "modify_image", target)
    assert [r.levelname for r in caplog.records if "stay as they were" in r.message] == ["ERROR"]


def test_unreadable_file_stops_the_start(tmp_path):
    with pytest.raises(exception.ConfigurationError, match=r"policy\.yaml"):
        policies.Enforcer(_conf(tmp_path, "a: [unclosed"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('get_image: "@"\nmodify_image: "role:member and ("\n', "line 2: the rule modify_image cannot be understood"),
        ('"modify_image": "role:admin or owner"\n', "line 1: the rule modify_image cannot be understood"),
        ("modify_image: not\n", "line 1"),
        ('a: "rule:b"\nb: "rule:a"\n', "line 1: the rule a refers to itself"),
        ("modify_image: 7\n", "policy.yaml"),
        ("- modify_image\n", "policy.yaml"),
        ('modify_image: "role:admin"\nnonsense\n', "line 3"),
        ('{"modify_image": "role:admin",', "line 1"),
    ],
)
def test_a_file_that_means_nothing_stops_the_start_and_changes_nothing_later(tmp_path, caplog, text, said):
    with pytest.raises(exception.ConfigurationError) as caught:
        policies.Enforcer(_conf(tmp_path, text))
    assert said in caught.value.msg
    seconds = _Seconds()
    enforcer = policies.Enforcer(_conf(tmp_path, 'modify_image: "!"\n'), monotonic=seconds)
    (tmp_path / "policy.yaml").write_text(f"{text}# longer than before")
    for _ in range(3):
        seconds.now += 1.1
        assert not enforcer.allows(_context("admin"), "modify_image", policies.ImageTarget(_image()))
    assert [r.levelname for r in caplog.records if "stay as they were" in r.message] == ["ERROR"]
    (tmp_path / "policy.yaml").write_text("")
    seconds.now += 1.1
    assert enforcer.allows(_context("admin"), "modify_image", policies.ImageTarget(_image()))


def test_what_denies_everything_on_purpose_is_understood(tmp_path):
    enforcer = policies.Enforcer(_conf(tmp_path, 'modify_image: "role:admin or !"\ndelete_image: "!"\nget_image: ""\n'))
    target = policies.ImageTarget(_image())
    rules = ("modify_image", "delete_image", "get_image")
    assert [enforcer.allows(_context("admin"), rule, target) for rule in rules] == [True, False, True]


def test_old_defaults_are_open_and_leave_ownership_to_code(tmp_path):
    enforcer = policies.Enforcer(_conf(tmp_path, enforce_new_defaults=False))
    assert enforcer.ownership_in_code
    assert enforcer.allows(_context("anything"), "modify_image", policies.ImageTarget(_image()))
    assert not enforcer.allows(_context("anything"), "publicize_image", policies.ImageTarget(_image()))
    assert not policies.Enforcer(_conf(tmp_path)).ownership_in_code
