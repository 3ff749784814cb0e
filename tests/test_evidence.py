"""What lessons say of trainings comes from five seeds of their own cells, as they stand now."""

import json
import re
import subprocess
import sys

import nbformat
import pytest

import evidence
from evidence.__main__ import main
from libs import ROOT

LESSONS = evidence.lessons()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def prose(path):
    return [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]


def typed(text):
    """Return what text says of several trainings in numbers that no reference gives."""
    text = evidence.REFERENCE.sub("…", text)
    text = re.sub(r"```.*?```|\$[^$]*\$", "", text, flags=re.DOTALL)
    found = re.findall(r"[^.\n]*\d\s*±[^.\n]*|[^.\n]*±\s*\d[^.\n]*", text)
    sentences = re.split(r"(?<=[.:!?])\s", text)
    numbers = r"\d*\.\d+|\d+ (?:to \d+ )?%"
    seeds = r"\b(?:two|three|five|ten|several|\d+) (?:seeds|trainings)\b"
    return found + [s for s in sentences if re.search(seeds, s) and re.search(numbers, s)]


@each_lesson
def test_every_claim_is_fresh_and_has_five_seeds(lesson):
    """Else a cell, an expression or the lock changed: ``python -m evidence run NN``."""
    states = {name: lesson.state(name) for name in lesson.claims}
    assert states == dict.fromkeys(lesson.claims, "fresh"), (
        f"python -m evidence run {lesson.number}"
    )


@each_lesson
def test_only_what_takes_minutes_has_fewer_seeds(lesson):
    few = [name for name in lesson.claims if len(lesson.seeds(name)) < evidence.ENOUGH]
    assert set(few) <= set(lesson.names("long"))


@each_lesson
def test_where_seeds_are_few_the_lesson_says_how_many(lesson):
    """One is enough where nothing is random."""
    counts = {len(lesson.seeds(name)) for name in lesson.claims}
    text = " ".join(" ".join(prose(lesson.path)).split())
    for count in counts & {2, 3, 4}:
        assert f"{('two', 'three', 'four')[count - 2]} seeds only" in text


@each_lesson
def test_what_follows_from_the_numbers_holds(lesson):
    assert [h["says"] for h in lesson.holds if not lesson.true(h["when"])] == []


@each_notebook
def test_numbers_in_prose_are_those_of_the_results(path):
    for text in prose(path):
        assert evidence.filled(text) == text, "python -m evidence write"
        # what is spelt almost like a reference would never be brought up to date
        assert text.count("<!-- evidence") == len(evidence.REFERENCE.findall(text)), text


@each_notebook
def test_no_number_of_several_trainings_is_typed(path):
    assert [found for text in prose(path) for found in typed(text)] == []


@each_notebook
def test_a_standard_error_stands_beside_each_test_accuracy(path):
    for text in prose(path):
        found = [
            (number, name, form) for _, number, name, form, *_ in evidence.REFERENCE.findall(text)
        ]
        for number, name, _ in found:
            if evidence.Lesson(number).claims[name].get("test"):
                assert (number, name, "error") in found, text


def test_the_page_is_of_the_results():
    assert evidence.PAGE.read_text("utf-8") == evidence.page(), "python -m evidence write"


@pytest.mark.parametrize(
    "text",
    [
        "It gets 0.926 ± 0.001.",
        "Over five seeds this gets 92.7 to 92.9 %.",
        "Of three trainings one\nended at 0.12.",
        "92 ±1",
    ],
)
def test_typed_numbers_are_found(text):
    assert typed(text)
    assert typed(f"# A heading\n\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "It gets <!-- evidence 03.roots -->0.926 ± 0.001<!-- / --> by five seeds.",
        "$0.1 \\pm 0.2$ and $x ± 1$",
        "The errors of 50 images are 0.27. Five seeds say more.",
    ],
)
def test_other_numbers_are_let_alone(text):
    assert not typed(text)


# --- on a small course: one lesson, whose training is a random number


LESSON = {
    "setup": "from libs import SEED\nfrom libs.datasets import MNIST",
    "evidence": "import numpy as np\nfound = np.random.default_rng(SEED).normal(0.9, 0.01)",
    "evidence-test": "tested = found - 0.1 + 0 * len(MNIST(False).test.images)",
}
CLAIMS = """
[claims.found]
says = "a number"
value = "found"
images = 100

[claims.tested]
says = "the same, tested"
value = "tested"
images = 10_000
test = true

[[holds]]
says = "The test is harder."
when = "beats('found', 'tested')"
"""


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Return a lesson of a course of its own, without results."""
    for folder in ("notebooks", "docs", "evidence/lessons"):
        (tmp_path / folder).mkdir(parents=True)
    cells = [nbformat.v4.new_code_cell(s, metadata={"tags": [t]}) for t, s in LESSON.items()]
    cells.append(nbformat.v4.new_markdown_cell("It is <!-- evidence 77.found -->?<!-- / -->."))
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"course": {"title": "A lesson"}})
    nbformat.write(notebook, tmp_path / "notebooks" / "77-a-lesson.ipynb")
    (tmp_path / "evidence" / "lessons" / "77.toml").write_text(CLAIMS, "utf-8")
    monkeypatch.setattr(evidence, "HERE", tmp_path / "evidence")
    monkeypatch.setattr(evidence, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(evidence, "PAGE", tmp_path / "docs" / "how-we-know.md")
    return evidence.Lesson("77")


def edit(lesson, old, new):
    text = lesson.path.read_text("utf-8")
    assert old in text
    lesson.path.write_text(text.replace(old, new), "utf-8")


def run_of(lesson, seed, kind="validation", **values):
    run = {"date": "2026-01-01", "commit": "abc", "machine": "a machine"}
    run |= {"versions": evidence.locked(), "cells": lesson.digest(kind), "values": values}
    lesson.keep(kind, seed, run)


@pytest.fixture
def in_this_process(monkeypatch):
    """Let runs be made here, for another process would have the course's own files."""
    import libs
    from libs import datasets, notebook

    for where, name in ((libs, "SEED"), (notebook, "OUT"), (sys, "path")):
        monkeypatch.setattr(where, name, getattr(where, name))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(datasets.MNIST, "__init__", datasets.MNIST.__init__)
    monkeypatch.setattr(datasets.MNIST, "__getattr__", None, raising=False)
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("in_this_process")
def test_a_seed_decides_and_is_kept_with_its_circumstances(course):
    from evidence.run import circumstances, measure

    found = [measure(course, seed, "validation")["found"] for seed in (1, 2, 1)]
    assert found[0] == found[2] != found[1]
    run = circumstances()
    assert set(run["versions"]) == set(evidence.locked())
    assert re.fullmatch("[0-9a-f]{8,}|none", run["commit"])
    # without being asked by name, nobody reads test data
    edit(course, '"evidence-test"', '"evidence"')
    with pytest.raises(AttributeError, match=r"Test data is read by `run 77 --test` alone"):
        measure(course, 1, "validation")


@pytest.mark.usefixtures("in_this_process")
def test_a_run_with_test_data_says_what_validation_says_as_well(course, capsys):
    """So what takes minutes to train is trained once."""
    from evidence.run import main as run_main

    run_main("77", "1", "test")
    runs = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {kind: [*run["values"]] for kind, run in runs.items()} == {
        "validation": ["found"],
        "test": ["tested"],
    }
    assert all(run["cells"] == course.digest(kind) for kind, run in runs.items())
    assert runs["test"]["values"]["tested"] == pytest.approx(
        runs["validation"]["values"]["found"] - 0.1, abs=1e-5
    )


SOLVED = """
<details><summary>Solution</summary>

```python
def my_step(x):
    return x + found
```

</details>"""


@pytest.mark.usefixtures("in_this_process")
def test_a_claim_may_try_the_solution_of_an_exercise(course):
    from evidence.run import measure

    notebook = nbformat.read(course.path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell(SOLVED))
    nbformat.write(notebook, course.path)
    file = evidence.HERE / "lessons" / "77.toml"
    asks = file.read_text("utf-8").replace('value = "found"', "value = \"solved('my_step')(2)\"")
    file.write_text(asks, "utf-8")
    lesson = evidence.Lesson("77")
    assert 2.8 < measure(lesson, 1, "validation")["found"] < 3
    before = lesson.digest("validation")
    edit(lesson, "return x + found", "return x - found")
    assert evidence.Lesson("77").digest("validation") != before


def test_runs_go_on_where_they_stopped_and_failures_stop_nobody(course, monkeypatch, capsys):
    asked = []

    class Done:
        def __init__(self, command, **_):
            seed = int(command[-2])
            asked.append(seed)
            self.returncode, self.stderr = int(seed == 1), "ValueError: no"
            run = {"date": "2026-01-01", "commit": "abc", "machine": "a machine"}
            run |= {"versions": evidence.locked(), "cells": course.digest("validation")}
            run |= {"values": {"found": 0.9 + seed / 1000}}
            self.stdout = "a note\n" + json.dumps({"validation": run})

    monkeypatch.setattr("evidence.__main__.subprocess.run", Done)
    assert main(["run", "77"]) == 1
    assert asked == [42, 0, 1, 2, 3]
    assert "seed 1 failed:\nValueError: no" in capsys.readouterr().out
    assert set(evidence.Lesson("77").results["validation"]) == {"42", "0", "2", "3"}
    asked.clear()
    main(["run", "77"])
    assert asked == [1]


def test_two_runs_at_once_lose_no_seed(course, monkeypatch, capsys):
    refused = []

    class Done:
        returncode, stderr = 0, ""

        def __init__(self, command, **_):
            if command[-2] == "0":
                with pytest.raises(SystemExit) as ended:
                    main(["run", "77", "--seeds", "1"])
                refused.append(ended.value.code)
            run = {"versions": evidence.locked(), "cells": course.digest("validation")}
            self.stdout = json.dumps({"validation": run | {"values": {"found": 0.9}}})

    monkeypatch.setattr("evidence.__main__.subprocess.run", Done)
    assert main(["run", "77"]) == 0
    assert refused == [2]
    assert "lesson 77 is run elsewhere. Wait" in capsys.readouterr().err
    assert set(evidence.Lesson("77").results["validation"]) == {"42", "0", "1", "2", "3"}
    assert main(["run", "77"]) == 0  # nobody is kept out afterwards


def test_a_killed_run_keeps_nobody_out(course):
    wait = (
        "import sys, time, pathlib, evidence; evidence.HERE = pathlib.Path(sys.argv[1])\n"
        "evidence.NOTEBOOKS = evidence.HERE.parent / 'notebooks'\n"
        "with evidence.Lesson('77').alone():\n"
        "    print('inside', flush=True)\n"
        "    time.sleep(600)"
    )
    command = [sys.executable, "-c", wait, evidence.HERE]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "inside\n"
            with pytest.raises(ValueError, match="lesson 77 is run elsewhere"), course.alone():
                pass
        finally:
            other.kill()
    with course.alone():
        pass


RECIPE = """
def slow():
    return found + SEED
"""
LONG = """
[claims.slow]
says = "what takes an hour"
value = "slow()"
long = true
seeds = [1, 5]
"""


@pytest.fixture
def long_course(course):
    """Return the lesson with a recipe, which uses one of two statements of the setup."""
    edit(course, "from libs import SEED", "from libs import SEED\\nfound = 0.5\\nother = 1")
    (evidence.HERE / "lessons" / "77.py").write_text(RECIPE, "utf-8")
    with (evidence.HERE / "lessons" / "77.toml").open("a", encoding="utf-8") as file:
        file.write(LONG)
    return evidence.Lesson("77")


@pytest.mark.usefixtures("in_this_process")
def test_a_long_recipe_runs_in_the_lessons_names_and_is_asked_for_by_name(long_course):
    from evidence.run import measure

    # 0.5 of the setup: cells tagged evidence don't run
    assert measure(long_course, 5, "long") == {"slow": 5.5}
    assert measure(long_course, 2, "long") == {}
    assert set(measure(long_course, 1, "test")) == {"found", "tested"}


def test_a_long_run_takes_the_seeds_that_its_claims_name(long_course, monkeypatch):
    asked = []

    class Done:
        returncode, stderr = 0, ""

        def __init__(self, command, **_):
            asked.append(command[-2:])
            run = {"versions": evidence.locked(), "cells": long_course.digest("long")}
            self.stdout = json.dumps({"long": run | {"values": {"slow": 1.0}}})

    monkeypatch.setattr("evidence.__main__.subprocess.run", Done)
    assert main(["run", "77", "--long"]) == 0
    assert asked == [["1", "long"], ["5", "long"]]
    assert evidence.Lesson("77").state("slow") == "fresh"


def test_a_long_run_is_stale_when_what_its_recipe_uses_changes(long_course):
    run_of(long_course, 1, "long", slow=1.0)
    assert long_course.state("slow") == "too few seeds"
    run_of(long_course, 5, "long", slow=2.0)
    assert long_course.state("slow") == "fresh"
    edit(long_course, "other = 1", "other = 2")
    edit(long_course, "normal(0.9, 0.01)", "normal(0.9, 0.02)")
    assert long_course.state("slow") == "fresh"
    edit(long_course, "found = 0.5", "found = 0.6")
    assert long_course.state("slow") == "older than its cells"
    edit(long_course, "found = 0.6", "found = 0.5")
    assert long_course.state("slow") == "fresh"
    long_course.recipe.write_text(RECIPE.replace("+", "-"), "utf-8")
    assert long_course.state("slow") == "older than its cells"


def test_a_change_that_may_change_numbers_makes_results_stale(course, monkeypatch):
    for seed in range(5):
        run_of(course, seed, found=0.9 + seed / 100)
    assert course.state("found") == "fresh"
    assert course.state("tested") == "too few seeds"
    edit(course, "found = ", "# a comment\\n\\nTO_BEAT = 0.9\\nfound = ")
    assert course.state("found") == "fresh"
    edit(course, "tested = found - 0.1", "tested = found - 0.2")
    assert course.state("found") == "fresh"
    monkeypatch.setattr(evidence, "locked", lambda: {"tensorflow": "99"})
    assert course.state("found") == "older than the lock"
    edit(course, "normal(0.9, 0.01)", "normal(0.9, 0.02)")
    assert course.state("found") == "older than its cells"


def test_numbers_go_into_prose_and_page_with_their_errors(course, capsys):
    for seed in range(4):
        run_of(course, seed, found=0.9 + seed / 100)
    assert main(["write"]) == 0
    assert "-->0.92 ± 0.01<!-- / -->." in course.path.read_text("utf-8")
    assert "| a number | 0.92 ± 0.01 | 0.90 to 0.93 | 0.0279 | 4 |" in evidence.page()
    assert capsys.readouterr().out == "written: 77-a-lesson.ipynb\nwritten: how-we-know.md\n"
    assert main(["write"]) == 0
    assert capsys.readouterr().out == ""
    assert main([]) == 1  # too few seeds
    assert re.search(
        r"77\.found +0\.92 ± 0\.01 +\[0\.90 to 0\.93\].* too few", capsys.readouterr().out
    )
    for wrong in ("lost", "tested", "found best"):
        with pytest.raises(ValueError, match=r"77\.(lost|tested)|not as best"):
            evidence.filled(f"<!-- evidence 77.{wrong} -->?<!-- / -->")


def test_better_is_said_only_beyond_the_sampling_error(course):
    for seed in range(5):
        run_of(course, seed, found=0.9)
        run_of(course, seed, "test", tested=0.8)
    assert course.true("beats('found', 'tested')")
    for seed in range(5):
        run_of(course, seed, "test", tested=0.85)  # 0.05 is within 2 · 0.03
    assert not course.true("beats('found', 'tested')")


def test_a_lesson_without_claims_is_named(capsys):
    for number in ("01c", "99"):
        with pytest.raises(SystemExit):
            main(["run", number])
        assert f"lesson {number} has no {number}.toml" in capsys.readouterr().err
