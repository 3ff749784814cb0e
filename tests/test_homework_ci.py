"""homework/ci: what an instructor copies to grade on GitHub's or GitLab's machines."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from grader_mini import write_course

from grader.commands.sample import sample
from grader.course import Course
from libs import ROOT

FILES = {"github": "github-workflows", "gitlab": "gitlab-ci"}
each_file = pytest.mark.parametrize("place", FILES)


def content(place: str) -> dict:
    return yaml.safe_load((ROOT / "homework" / "ci" / f"{place}.yml").read_text("utf-8"))


def scripts(place: str) -> list[str]:
    """Return what the runner's shell gets."""
    if place == "gitlab":
        return content(place)["grade"]["script"]
    return [step["run"] for step in content(place)["jobs"]["grade"]["steps"] if "run" in step]


def valid(path: Path, schema: str) -> subprocess.CompletedProcess:
    program = "import sys; from check_jsonschema import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "--builtin-schema", f"vendor.{schema}", path]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@each_file
def test_it_is_what_the_platform_reads(place, tmp_path):
    pytest.importorskip("check_jsonschema", reason="a maintainer's package")
    path = ROOT / "homework" / "ci" / f"{place}.yml"
    done = valid(path, FILES[place])
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(path.read_text("utf-8").replace("timeout", "timeuot"), "utf-8")
    assert valid(broken, FILES[place]).returncode != 0
    lint = (ROOT / "Makefile").read_text("utf-8")
    assert f"vendor.{FILES[place]} homework/ci/{place}.yml" in lint


@each_file
def test_it_offers_the_assignments_that_there_are(place):
    if place == "github":
        offered = content(place)[True]["workflow_dispatch"]["inputs"]["assignment"]["options"]
    else:
        offered = content(place)["variables"]["ASSIGNMENT"]["options"]
    assert offered == Course(ROOT / "homework").assignments()


def test_marks_are_shown_to_nobody_else():
    github, gitlab = content("github"), content("gitlab")["grade"]
    assert github["permissions"] == {"contents": "read"}
    job = github["jobs"]["grade"]
    assert job["if"] == "github.event.repository.private"
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")  # what was typed is not for the shell
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False
        if step.get("uses", "").startswith("actions/upload"):
            assert step["with"]["retention-days"] <= 7
    (rule,) = gitlab["rules"]
    assert '$CI_PROJECT_VISIBILITY == "private"' in rule["if"]
    assert gitlab["artifacts"]["access"] == "maintainer"


@pytest.mark.sandbox
@pytest.mark.slow
@each_file
def test_its_script_grades_whoever_can_be_graded(place, tmp_path):
    course = Course(write_course(tmp_path / "homework"))
    sample(course, "hw0", 3, tmp_path / "class.zip", people=tmp_path / "submissions/roster.csv")
    folder = tmp_path / "submissions" / "hw0"
    with zipfile.ZipFile(tmp_path / "class.zip") as archive:
        archive.extractall(folder)
    (third,) = folder.glob("Student 1003_*")
    shutil.copytree(third, folder / "Student 1003_7_assignsubmission_file")  # which of them is it?
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    (script,) = (script for script in scripts(place) if " grade " in script)

    def run(assignment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"ASSIGNMENT": assignment},
            capture_output=True,
            text=True,
            check=False,
        )

    done = run("hw0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "collect said something" in done.stdout
    assert "hw0: 2 marked now, 2 in all." in done.stdout
    pages = sorted(path.parent.parent.name for path in course.root.glob("feedback/*/hw0/hw0.html"))
    assert pages == ["s1001", "s1002"]
    assert (course.root / "export" / "hw0-questions.csv").is_file()
    with zipfile.ZipFile(tmp_path / "term.zip") as archive:
        assert "records/hw0/s1001.json" in archive.namelist()
    assert run("hw9").returncode != 0


@each_file
def test_the_page_says_what_a_runner_needs(place):
    page = (ROOT / "homework" / "TERM.md").read_text("utf-8")
    assert f"(ci/{place}.yml)" in page
    needs = {
        "github": "kernel.apparmor_restrict_unprivileged_userns=0",
        "gitlab": "privileged = true",
    }
    assert needs[place] in page
