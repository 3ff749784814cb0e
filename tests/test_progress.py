"""Progress: kept whole, joined with another's, asked again after 1, 2, 4, 8, … days."""

import json
import multiprocessing
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from learner import kernel as module
from learner import store
from libs import ROOT, notebook
from libs.check import check_value
from libs.predict import predict, predictions

TODAY = date(2026, 3, 1)

days = st.dates(date(2026, 1, 1), date(2026, 1, 9)).map(date.isoformat)
names = st.sampled_from(["c1", "How much is 6 · 7?", "Which?"])


def of_kind(most):
    entries = st.tuples(days, st.integers(0, most)).map(list)
    return st.dictionaries(st.sampled_from(["00", "01b"]), st.dictionaries(names, entries))


progresses = st.fixed_dictionaries(
    {"course-progress": st.just(1)} | {kind: of_kind(most) for kind, most in store.KINDS.items()}
)


def known(progress):
    """Return a progress without lessons of which nothing is known."""
    return {
        kind: {lesson: of for lesson, of in progress[kind].items() if of} for kind in store.KINDS
    }


def asked(box, day=TODAY, text="Why?"):
    progress = store.empty()
    progress["questions"] = {"03": {text: [day.isoformat(), box]}}
    return progress


# --- the schedule ---------------------------------------------------------------------------------


def test_what_is_known_comes_back_after_2_4_8_days_and_what_is_not_tomorrow():
    progress, day, waits = store.empty(), TODAY, []
    for right in (True, True, True, False, True):
        store.note(progress, "questions", "03", "Why?", right, day)
        wait = 0
        while not store.due(progress, day + timedelta(wait)):
            wait += 1
        waits.append(wait)
        day += timedelta(wait)
    assert waits == [2, 4, 8, 1, 2]


def test_a_right_answer_before_its_day_counts_nothing_and_a_wrong_one_always():
    progress = asked(3)
    store.note(progress, "questions", "03", "Why?", True, TODAY + timedelta(3))
    assert progress == asked(3)
    store.note(progress, "questions", "03", "Why?", False, TODAY + timedelta(3))
    assert progress == asked(1, TODAY + timedelta(3))
    # the feedback has just said what is right
    store.note(progress, "questions", "03", "Why?", True, TODAY + timedelta(3))
    assert progress == asked(1, TODAY + timedelta(3))


def test_only_lessons_before_ask_and_nothing_at_first():
    assert store.due(store.empty(), TODAY, "03") == []
    late = TODAY + timedelta(9)
    assert store.due(asked(1), late, "03") == store.due(asked(1), late, "02b") == []
    assert store.due(asked(1), late, "03b") == store.due(asked(1), late) == [("03", "Why?")]


def test_a_clock_that_ran_ahead_locks_no_question_away():
    assert store.due(asked(1, date(9999, 12, 31)), TODAY) == [("03", "Why?")]


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1))
def test_boxes_stay_within_the_file_s_bounds(answers):
    progress, day = store.empty(), TODAY
    for wait, right in answers:
        day += timedelta(wait**3)
        store.note(progress, "questions", "03", "Why?", right, day)
        assert store.read(json.dumps(progress)) == progress
        assert not store.due(progress, day)


# --- one file with another ------------------------------------------------------------------------


@given(progresses, progresses, progresses)
def test_files_are_joined_in_any_order_and_as_often_as_one_likes(a, b, c):
    both = store.merge(a, b)
    assert both == store.merge(b, a) == store.merge(both, b) == store.merge(both, a)
    assert store.merge(both, c) == store.merge(a, store.merge(b, c))
    assert known(store.merge(a, a)) == known(a)
    assert store.read(json.dumps(both)) == both


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b"{}", "is no progress of this course"),
        (b"[1]", "is no progress of this course"),
        (b'{"cells": []}', "is no progress of this course"),
        (b'{"course-progress": true}', "is no progress of this course"),
        (b'{"course-progress": 2}', "newer version of the course: update"),
        (b'{"course-progress": 1}', "its exercises are not"),
        *(
            (json.dumps(asked(1) | {"questions": wrong}).encode(), "its questions are not")
            for wrong in (
                [],
                {"3": {}},
                {"٠٣": {}},
                {"03": []},
                {"03": {"": ["2026-01-01", 1]}},
                {"03": {"\ud800": ["2026-01-01", 1]}},
                {"03": {"a": ["2026-02-30", 1]}},
                {"03": {"a": ["20260101", 1]}},
                {"03": {"a": ["2026-01-01", 11]}},
                {"03": {"a": ["2026-01-01", -1]}},
                {"03": {"a": ["2026-01-01", 1.0]}},
                {"03": {"a": ["2026-01-01", True]}},
                {"03": {"a": ["2026-01-01", float("nan")]}},
                {"03": {"a": ["2026-01-01"]}},
                {"03": {"a": "2026-01-01"}},
                {"03": {"a": None}},
            )
        ),
    ],
)
def test_another_file_is_named_and_a_damaged_one_kept_aside(content, says, tmp_path):
    with pytest.raises(store.ProgressError, match=says):
        store.read(content)
    path = tmp_path / "progress.json"
    path.write_bytes(content)
    progress, told = store.keep(lambda p: store.note(p, "exercises", "03", "c1", True, TODAY), path)
    assert progress["exercises"] == {"03": {"c1": ["2026-03-01", 1]}}
    assert says in told
    assert "\n" not in told
    aside = next(tmp_path.glob("progress (*.json"))
    assert aside.read_bytes() == content
    assert aside.name in told
    assert store.keep(path=path) == (progress, "")


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "progress.json"
    store.keep(lambda _: asked(2), path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        store.keep(lambda p: p | {"questions": object()}, path)
    with pytest.raises(ZeroDivisionError):
        store.keep(lambda p: 1 / 0, path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [".progress.json.lock", "progress.json"]


def enter(path, who):
    for k in range(25):
        store.keep(lambda p, k=k: store.note(p, "exercises", "03", f"{who}-{k}", True, TODAY), path)


def test_kernels_at_once_lose_nothing(tmp_path):
    path = tmp_path / "progress.json"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=enter, args=(path, who)) for who in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(store.keep(path=path)[0]["exercises"]["03"]) == 100


# --- in a kernel ----------------------------------------------------------------------------------


def questions_of(lesson):
    return json.loads((ROOT / "notebooks" / "quiz" / f"{lesson}.json").read_text("utf-8"))


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel of a learner's copy of lesson 03; return what its file holds."""
    monkeypatch.setenv("JPY_SESSION_NAME", "deep/03-logistic-regression (2026-01-01 10.00).ipynb")
    monkeypatch.setattr(notebook, "KEPT", tmp_path / "progress.json")
    monkeypatch.setattr(module, "_TOLD", {""})
    return lambda: store.keep(path=tmp_path / "progress.json")[0]


def test_a_proof_keeps_and_shows_nothing(capsys):
    assert notebook.KEPT is None
    module.keep("exercises", "c1", True, "03")
    notebook.start()
    assert capsys.readouterr().out == ""
    notebook.quiz("03")
    assert capsys.readouterr().out.startswith("Quiz 03")
    assert "make progress" not in predictions().data


def test_a_check_a_prediction_and_a_quiz_are_kept(kernel, capsys):
    for cell, verdict in (("c1", check_value(1, 1)), ("c2", check_value(1, 2)), ("c3", 5)):
        module._ran(SimpleNamespace(result=verdict, info=SimpleNamespace(cell_id=cell)))
    module._ran(SimpleNamespace(result=check_value(1, 1), info=SimpleNamespace(cell_id=None)))
    for question, said in (("A?", 3), ("B?", 4), ("C?", None)):
        guess = predict(question)
        guess.said = said
        guess.answer(3)
    page = module.ask(notebook.Quiz("02", questions_of("02")))
    assert {question["lesson"] for question in page.questions} == {"02"}
    page.set_state({"answered": ["02", "Why?", True, 1]})
    page.set_state({"answered": ["02", "Why?", False, 2]})
    found, today = kernel(), date.today().isoformat()
    assert found["exercises"] == {"03": {"c1": [today, 1]}}
    assert found["predictions"] == {"03": {"A?": [today, 1], "B?": [today, 0]}}
    assert found["questions"] == {"02": {"Why?": [today, 1]}}
    assert "Exercises passed in this lesson: 1." in predictions().data


def test_a_lesson_that_is_opened_asks_three_of_those_before(kernel, capsys, monkeypatch):
    module.begin()
    assert capsys.readouterr().out == ""  # a first visit
    gone = ["2026-01-01", 1]
    asked_ = {n: [q["question"] for q in questions_of(n)] for n in ("00", "02", "05")}
    questions = {
        n: dict.fromkeys([*texts[:2], "Not asked any more?"], gone) for n, texts in asked_.items()
    }
    store.keep(lambda p: p | {"questions": questions}, notebook.KEPT)
    shown = []
    monkeypatch.setattr(module, "display", shown.append)
    module.begin()
    due = [(q["lesson"], q["question"]) for q in shown[0].questions]
    assert due == sorted((n, t) for n in ("00", "02") for t in asked_[n][:2])[:3]
    assert shown[0].due
    assert "<script" not in shown[0]._repr_mimebundle_()["text/html"]
    monkeypatch.setenv("JPY_SESSION_NAME", "00-start-here.ipynb")
    module.begin()
    assert len(shown) == 1


def test_what_can_t_be_kept_is_said_once_and_stops_no_lesson(kernel, capsys, tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setattr(notebook, "KEPT", tmp_path / "a file" / "progress.json")
    for _ in range(3):
        module.keep("exercises", "c1", True)
    said = capsys.readouterr().out
    assert said.startswith("Your progress can't be kept in ")
    assert said.count("\n") == 1
    monkeypatch.setattr(notebook, "KEPT", tmp_path / "progress.json")
    notebook.KEPT.write_text("{")
    module.keep("exercises", "c1", True)
    module.keep("exercises", "c2", True)
    assert capsys.readouterr().out.count("It was kept as progress (") == 1
    assert set(kernel()["exercises"]["03"]) == {"c1", "c2"}
