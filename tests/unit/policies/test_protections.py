from pathlib import Path

import pytest
from oslo_config import cfg

from imagesvc import conf as options
from imagesvc import exception, policies
from imagesvc.context import RequestContext
from tests.fixtures.daemons import ROOT

_ALL = "create = @\nread = @\nupdate = @\ndelete = @\n"


@pytest.fixture
def make(tmp_path):
    def _make(text, rule_format="roles", policy="{}", name="protections.conf"):
        path = tmp_path / name
        path.write_text(text)
        (tmp_path / "policy.yaml").write_text(policy)
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        file = tmp_path / "test.conf"
        file.write_text(
            f"[DEFAULT]\nproperty_protection_file = {path}\nproperty_protection_rule_format = {rule_format}\n"
            f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n"
        )
        conf([], project="imagesvc-test", default_config_files=[str(file)], default_config_dirs=[])
        policy_options(conf)
        return policies.Protections.from_conf(conf, policies.Enforcer(conf))

    return _make


def policy_options(conf):
    from oslo_policy import opts

    opts._register(conf)


def _caller(*roles, service_roles=()):
    return RequestContext(roles=list(roles), service_roles=list(service_roles), overwrite=False)


def test_the_first_section_that_is_found_in_the_name_decides(make):
    found = make(f"[^x_a]\ncreate = !\nread = @\nupdate = !\ndelete = admin\n[x_]\n{_ALL}")
    member, admin = _caller("member"), _caller("admin")
    assert [found.allows(member, operation, "x_a1") for operation in ("create", "read", "update", "delete")] == [
        False,
        True,
        False,
        False,
    ]
    assert found.allows(admin, "delete", "x_a1")
    assert found.allows(member, "create", "not_x_a")


def test_what_no_section_is_about_is_closed(make):
    found = make("[^x_]\n" + _ALL)
    assert not any(
        found.allows(_caller("admin"), operation, "y") for operation in ("create", "read", "update", "delete")
    )
    assert not make("").allows(_caller("admin"), "read", "y")


def test_what_the_service_writes_is_not_asked_about(make):
    assert make("").allows(_caller(), "read", "os_glance_import_task")


def test_roles_have_no_case_and_those_of_a_service_count(make):
    found = make("[.*]\ncreate = Admin,\n   billing\nread = @\nupdate =\ndelete = !\n")
    assert found.allows(_caller("ADMIN"), "create", "x")
    assert found.allows(_caller("member", service_roles=["Billing"]), "create", "x")
    assert not found.allows(_caller("member"), "create", "x")
    assert not found.allows(_caller("admin"), "update", "x")


def test_policies(make):
    found = make(
        "[.*]\ncreate = costs\nread = @\nupdate = context_is_admin\ndelete = nobody_knows\n",
        "policies",
        "costs: role:billing",
    )
    assert found.allows(_caller("billing"), "create", "x")
    assert not found.allows(_caller("member"), "create", "x")
    assert found.allows(_caller("admin"), "update", "x")
    assert not found.allows(_caller("admin"), "delete", "x")
    assert found.allows(_caller(), "read", "x")


@pytest.mark.parametrize(
    ("text", "rule_format", "where"),
    [
        ("[x]\ncreate = @\nread = @\n", "roles", "line 1: [x] does not say who may update"),
        (f"[y]\n{_ALL}\n[x]\n{_ALL}".replace("delete = @", "delete = @, !"), "roles", "line 5: '@' and '!' exclude"),
        (f"# first\n[y]\n{_ALL}[x(]\n{_ALL}", "roles", "line 7: [x(] is no regular expression"),
        (f"[x]\n{_ALL}".replace("read = @", "READ: a, b"), "policies", "line 3: 'read' needs the name of one"),
        (f"[x]\n{_ALL}".replace("read = @", "read ="), "policies", "line 3: 'read' needs the name of one"),
        (f"[x]\n{_ALL}[x]\n{_ALL}", "roles", "[line 6]"),
        (f"[x]\n{_ALL}read = @\n", "roles", "[line 6]"),
        ("create = @\n", "roles", "line: 1"),
        (f"[x]\nnonsense\n{_ALL}", "roles", "[line 2]"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(make, text, rule_format, where):
    with pytest.raises(exception.ConfigurationError) as caught:
        make(text, rule_format)
    assert "protections.conf" in caught.value.msg
    assert where.replace(" ", "") in caught.value.msg.replace(" ", "")


def test_a_format_that_does_not_exist_stops_the_start(make):
    with pytest.raises(exception.ConfigurationError, match="property_protection_rule_format"):
        make("", "words")


def test_a_file_that_is_missing_is_named(make, tmp_path):
    protections = make("")
    assert protections is not None
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="imagesvc-test", default_config_files=[], default_config_dirs=[])
    assert policies.Protections.from_conf(conf, None) is None
    conf.set_override("property_protection_file", str(tmp_path / "nothing"))
    with pytest.raises(exception.ConfigurationError, match="nothing is not there"):
        policies.Protections.from_conf(conf, None)


@pytest.mark.parametrize("rule_format", ["roles", "policies"])
def test_the_samples(make, rule_format):
    text = Path(ROOT, "etc", f"property-protections-{rule_format}.conf.sample").read_text()
    found = make(text, rule_format, "property_billing: role:admin or role:billing")
    admin, member = _caller("admin"), _caller("member")
    assert found.allows(admin, "create", "x_billing_code")
    assert not found.allows(member, "create", "x_billing_code")
    assert found.allows(member, "read", "x_billing_code")
    assert not found.allows(member, "read", "x_internal_note")
    assert found.allows(member, "update", "hw_disk_bus")
