"""What runs elsewhere: GitHub's workflows and the gate."""

import os
import re

import pytest
import yaml
from project import TEST, WORKFLOWS, read, targets

from libs import ROOT

each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)


def workflow(path):
    content = yaml.safe_load(read(path))
    return content.pop(True), content  # YAML reads the key `on` as true


def commands(content):
    return [step["run"] for job in content["jobs"].values() for step in job["steps"]
            if "run" in step]  # fmt: skip


@each_workflow
def test_a_workflow_runs_the_readme_s_test_command(path):
    _, content = workflow(path)
    lines = [line.strip() for run in commands(content) for line in run.splitlines()]
    tests = [line for line in lines if "pytest" in line or line.startswith("make test")]
    assert tests or path.name == "site.yml"  # which makes pages of what was tested
    for line in tests:
        assert re.sub(r"^\.venv[/\\](bin|Scripts)[/\\]", "", line) == TEST or re.fullmatch(
            r"make test( PYTHON=python)?", line
        ), line
    made = {name for line in lines for name in re.findall(r"^make (\w+)", line)}
    assert made <= set(targets())


@each_workflow
def test_a_workflow_is_careful(path):
    _, content = workflow(path)
    assert content["permissions"] == {"contents": "read"}
    assert "concurrency" in content
    for name, job in content["jobs"].items():
        assert job["timeout-minutes"] <= 90, name
        for step in job["steps"]:
            uses = step.get("uses", "a/b@v1")
            own = ROOT / uses.partition("/")[2] / "action.yml"
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@(v\d+|[0-9a-f]{40})", uses) or (
                uses.startswith("./.github/actions/") and own.exists()
            )
            # what a stranger wrote, such as a branch's name, is not for the shell
            assert "${{ github.event" not in step.get("run", "")
            assert "${{ github.head_ref" not in step.get("run", "")


@each_workflow
def test_no_test_of_the_sandbox_is_left_out_where_there_can_be_one(path):
    _, content = workflow(path)
    for name, job in content["jobs"].items():
        steps = [step.get("run", "") + step.get("uses", "") for step in job["steps"]]
        tests = [
            n for n, step in enumerate(steps) if re.search("pytest|make (test|browser|v)", step)
        ]
        ready = "./.github/actions/sandbox" in steps[: tests[0]] if tests else True
        assert ready or job["env"]["REQUIRE_SANDBOX"] == "1", name
    action = yaml.safe_load(read(".github/actions/sandbox/action.yml"))
    assert "REQUIRE_SANDBOX=1" in action["runs"]["steps"][0]["run"]


def test_no_page_or_workflow_asks_for_a_package_that_the_lock_brings():
    for path in [*WORKFLOWS, ROOT / "README.md", ROOT / ".ci" / "run"]:
        assert "install bubblewrap" not in read(path), path.name
        assert not re.search("apt-get .*bubblewrap|lacks.*bubblewrap", read(path)), path.name


def test_the_workflows_cover_every_push_a_gpu_and_every_night():
    when, cpu = workflow(ROOT / ".github/workflows/cpu.yml")
    assert when == {"push": None, "pull_request": None}
    machines = [m["system"] for m in cpu["jobs"]["test"]["strategy"]["matrix"]["include"]]
    assert {m.split("-")[0] for m in machines} == {"ubuntu", "macos", "windows"}
    assert {"make lint PYTHON=python", "make browser PYTHON=python"} <= set(commands(cpu))
    _, gpu = workflow(ROOT / ".github/workflows/gpu.yml")
    assert "gpu" in gpu["jobs"]["test"]["runs-on"]
    when, nightly = workflow(ROOT / ".github/workflows/nightly.yml")
    assert when["schedule"]
    strategy = nightly["jobs"]["test"]["strategy"]
    assert strategy["fail-fast"] is False
    assert any("tf-nightly" in one["packages"] for one in strategy["matrix"]["include"])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such bit")
@pytest.mark.parametrize("name", [".ci/run", "postBuild"])
def test_a_program_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)
    assert read(name).startswith("#!")


def test_the_gate_calls_the_readme_s_command():
    assert re.search(r"^for target in test lint browser; do$", read(".ci/run"), re.MULTILINE)
