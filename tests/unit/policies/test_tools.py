import json
import subprocess
import sys
from pathlib import Path

import pytest

_BIN = Path(sys.executable).parent


def run(tool, *arguments):
    done = subprocess.run([_BIN / tool, *arguments], capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_a_token_can_be_held_against_all_rules(tmp_path):
    (tmp_path / "policy.yaml").write_text('publicize_image: "role:librarian"\n')
    (tmp_path / "glance-api.conf").write_text(f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n")
    roles = [{"name": "librarian"}, {"name": "member"}]
    who = {"user": {"id": "alice", "domain": {"id": "d"}}, "project": {"id": "red", "domain": {"id": "d"}}}
    (tmp_path / "token.json").write_text(json.dumps({"token": {"roles": roles, **who}}))
    (tmp_path / "image.json").write_text('{"project_id": "red"}')
    of_ours = ["--namespace", "imagesvc", "--config-file", str(tmp_path / "glance-api.conf")]
    merged = str(tmp_path / "all.yaml")
    assert run("oslopolicy-policy-generator", *of_ours, "--output-file", merged)[0] == 0
    files = ["--access", str(tmp_path / "token.json"), "--target", str(tmp_path / "image.json")]
    for rule in ("publicize_image", "delete_image"):
        assert f"passed: {rule}" in run("oslopolicy-checker", "--policy", merged, *files, "--rule", rule)[1]
    assert "failed: get_images" in run("oslopolicy-checker", "--policy", merged, *files, "--rule", "get_images")[1]


def test_the_validator_finds_what_is_wrong(tmp_path):
    (tmp_path / "policy.yaml").write_text('get_imagge: "@"\n')
    (tmp_path / "glance-api.conf").write_text(f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n")
    status, said = run(
        "oslopolicy-validator", "--namespace", "imagesvc", "--config-file", str(tmp_path / "glance-api.conf")
    )
    assert status == 1
    assert "get_imagge" in said


@pytest.mark.parametrize(
    ("tool", "said"),
    [("oslopolicy-policy-generator", '"get_image": "@"'), ("oslopolicy-list-redundant", "delete_image")],
)
def test_the_oslopolicy_tools_see_our_rules_and_the_operators(tmp_path, tool, said):
    (tmp_path / "policy.yaml").write_text(
        'get_image: "@"\ndelete_image: "rule:context_is_admin or (role:member and project_id:%(project_id)s)"\n'
    )
    (tmp_path / "glance-registry.conf").write_text(f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n")
    arguments = ["--namespace", "imagesvc", "--config-file", str(tmp_path / "glance-registry.conf")]
    status, output = run(tool, *arguments)
    assert status == 0, output
    assert said in output
