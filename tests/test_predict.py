"""Predictions: kept, answered, counted; in nobody's way where none was committed."""

import json

import numpy as np
import pytest

from libs import predict as module
from libs.predict import predict, predictions


@pytest.fixture(autouse=True)
def none_made(monkeypatch):
    monkeypatch.setattr(module, "_MADE", {})


def commit(guess, value):
    """Commit as the page does."""
    guess.set_state({"said": value})


@pytest.mark.parametrize(
    ("unit", "said", "value", "within", "answer"),
    [
        ("", 2.3, np.log(10), 0.01, "✓ You said 2.3, it is 2.3."),
        ("%", 85, 0.975, 0.02, "✗ You said 85 %, it is 97.5 %."),
        ("%", 97, 0.975, 0.02, "✓ You said 97 %, it is 97.5 %."),
        ("s", -1, np.float32(np.nan), 1, "✗ You said -1 s, it is nan s."),
        ("", None, 5, 0, "… You had not committed a prediction. It is 5."),
    ],
)
def test_a_number_is_answered(unit, said, value, within, answer, capsys):
    guess = predict("How much?", unit=unit)
    commit(guess, said)
    capsys.readouterr()
    guess.answer(value, within)
    assert capsys.readouterr().out == answer + "\n"
    assert guess.locked


def test_a_choice_is_answered(capsys):
    guess = predict("Which?", choices=["85", "92"])
    commit(guess, "85")
    guess.answer("92")
    assert "✗ You said 85, it is 92." in capsys.readouterr().out
    guess.answer("85")
    assert "✓ You said 85, it is 85." in capsys.readouterr().out


@pytest.mark.parametrize("sketch", [None, [2.0, 1.0, 0.0]])
def test_a_curve_is_drawn_beside_the_sketch(sketch, capsys):
    guess = predict("How?", places=range(3), y=(0, 2), labels=("step", "loss"))
    commit(guess, sketch)
    guess.answer(np.array([2.0, 0.7, 0.0]), within=0.15)
    out = capsys.readouterr().out
    assert "Figure: loss against step" in out
    assert ("✓ You said your sketch" in out) == bool(sketch)
    assert "0.1 away on average" in out or not sketch


def test_a_rerun_keeps_what_was_said_and_asks_anew_where_nothing_was():
    guess = predict("How much?")
    guess.answer(1)
    assert not predict("How much?").locked
    commit(module._MADE["How much?"], 3)
    again = predict("How much?")
    assert (again.said, again.locked) == (3, False)
    again.answer(3)
    assert predict("How much?").locked
    assert predict("How much?", unit="%").said is None  # another question


def test_the_summary_counts_hits_and_misses():
    for question, said in (("A?", 1), ("B?", 2), ("C?", None), ("D?", 1)):
        guess = predict(question)
        commit(guess, said)
        if question != "D?":  # never answered
            guess.answer(1)
    table = predictions().data
    assert table.startswith("**1 of 3 predictions were right.**")
    assert "| A? | 1 | 1 | ✓ |" in table
    assert "| B? | 2 | 1 | ✗ |" in table
    assert "| C? | – | 1 | not committed |" in table
    assert "D?" not in table


def test_a_question_keeps_its_strokes_in_the_summary():
    predict("max|x| < 0.01?").answer(2)
    assert "| max\\|x\\| < 0.01? | – | 2 | not committed |" in predictions().data


def test_what_is_stored_is_the_question_alone():
    guess = predict("Is 1 < 2?", choices=["yes & no", "no"])
    stored = guess._repr_mimebundle_()
    assert stored["text/plain"] == "Predict first. Is 1 < 2?"
    assert "Is 1 &lt; 2?" in stored["text/html"]
    assert "<li>yes &amp; no</li>" in stored["text/html"]
    commit(guess, "no")
    guess.answer("yes & no")
    state = {key: guess.get_state()[key] for key in ("question", "said", "locked")}
    assert "answer" not in json.dumps(state)
    assert state["said"] == "no"
