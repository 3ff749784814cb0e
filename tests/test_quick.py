"""``make quick`` finds the notebooks that a change concerns."""

import subprocess

import pytest
from project import read

from tools import quick


def git(root, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    command = ["git", *identity, "-c", "init.defaultBranch=main", *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A repository with three notebooks, one of them changed on a branch."""
    (tmp_path / "notebooks").mkdir()
    git(tmp_path, "init")
    for name in ("00-one", "01-two", "02-drei ü"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text("{}")
    (tmp_path / ".gitignore").write_text("out\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "All")
    git(tmp_path, "switch", "-c", "branch")
    (tmp_path / "notebooks" / "01-two.ipynb").write_text("{1}")
    git(tmp_path, "commit", "-a", "-m", "Change one")
    monkeypatch.setattr(quick, "ROOT", tmp_path)
    return tmp_path


def test_what_the_branch_changed_committed_or_not(root):
    assert quick.changed_notebooks() == ("main", ["notebooks/01-two.ipynb"])
    (root / "notebooks" / "02-drei ü.ipynb").write_text("{2}")
    (root / "notebooks" / "03-new.ipynb").write_text("{3}")
    (root / "notebooks" / "out").mkdir()
    (root / "notebooks" / "out" / "copy.ipynb").write_text("{}")
    (root / "notebooks" / "00-one.ipynb").unlink()
    names = ["01-two", "02-drei ü", "03-new"]
    assert quick.changed_notebooks() == ("main", [f"notebooks/{name}.ipynb" for name in names])


def test_what_main_changed_since_is_not_ours(root):
    git(root, "switch", "main")
    (root / "notebooks" / "00-one.ipynb").write_text("{1}")
    git(root, "commit", "-a", "-m", "Change another")
    assert quick.changed_notebooks() == ("main", [])
    git(root, "switch", "branch")
    assert quick.changed_notebooks() == ("main", ["notebooks/01-two.ipynb"])


def test_without_main_only_what_is_not_committed(root):
    git(root, "branch", "-D", "main")
    assert quick.changed_notebooks() == ("the last commit", [])
    (root / "notebooks" / "00-one.ipynb").write_text("{1}")
    assert quick.changed_notebooks() == ("the last commit", ["notebooks/00-one.ipynb"])


def test_a_git_that_cannot_compare_is_named(root):
    git(root, "config", "diff.orderFile", "gone")
    what, names = quick.changed_notebooks()
    assert what.startswith("nothing, as git can't compare")
    assert names == []


def test_exercises_are_left_out_where_nothing_changed(root):
    assert quick.unchanged(quick.changed_notebooks()[1]) == ["00-one", "02-drei ü"]
    file, _, function = quick.EXERCISES.partition("::")
    assert f"def {function}(path" in read(file)  # else nothing would be left out


def test_without_git_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(quick, "ROOT", tmp_path)
    assert quick.changed_notebooks() == ("nothing, as git has no commit here", [])
    monkeypatch.setenv("PATH", "")
    assert quick.changed_notebooks() == ("nothing, as git has no commit here", [])
