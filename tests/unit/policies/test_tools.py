import subprocess
import sys
from pathlib import Path

import pytest

_BIN = Path(sys.executable).parent


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
    done = subprocess.run([_BIN / tool, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
