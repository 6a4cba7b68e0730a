"""A newcomer does what README.rst says, in a clone."""

from tests.fixtures import guide
from tests.fixtures.clone import cloned


def test_the_readme_is_true(tmp_path):
    with cloned(tmp_path / "imagesvc") as clone:
        guide.follow("README.rst", clone)
        demo = (clone.directory / "console-0").read_text()
    assert "The download equals the upload." in demo
    assert {path.name for path in clone.directory.iterdir() if path.name.startswith("var")} == {"var"}
