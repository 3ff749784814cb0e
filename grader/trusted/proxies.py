"""Stand-ins, in the trusted process, for what lives in a student's process."""

import contextlib
import re

import numpy as np

from grader.check import StudentError
from grader.shared.wire import PipeError, pack, unpack
from grader.trusted.sandbox import Dead, Late, Session

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,59}")


def readable(text: str, length: int = 300) -> str:
    """Return a text from a student as one line without control characters."""
    text = " ".join(text[: length * 4].split())
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= length else text[: length - 1] + "…"


class Failure(StudentError):
    """A student's function failed.

    Attributes
    ----------
    quiet : str
        What may be said when a hidden test called it: nothing the student's process chose to
        say, for it might have chosen the test's secrets.
    """

    def __init__(self, message: str, quiet: str) -> None:
        super().__init__(message)
        self.quiet = quiet


class Process:
    """A student's process as tests see it.

    Parameters
    ----------
    session : grader.trusted.sandbox.Session
    sources : dict of str to str
        Each cell's text by its label, to show the line where an error was.
    """

    def __init__(self, session: Session, sources: dict) -> None:
        self.session, self.sources = session, sources
        self.seconds, self.dead = 10.0, ""
        self.left = lambda: 600.0

    @contextlib.contextmanager
    def limit(self, seconds: float):
        """Let no call inside take longer than some seconds."""
        before, self.seconds = self.seconds, seconds
        try:
            yield
        finally:
            self.seconds = before

    def ask(self, message: dict, arrays=(), seconds: float | None = None):
        """Send a request; raise Dead, Late or PipeError."""
        if self.dead:
            raise Dead(self.dead)
        seconds = min(self.seconds if seconds is None else seconds, self.left())
        if seconds <= 0:
            raise Late("not run: your notebook has used up all its time")
        try:
            said, blobs = self.session.request(message, arrays, seconds)
        except Dead as error:
            self.dead = str(error)
            raise
        if not isinstance(said, dict):
            raise PipeError("sent a malformed answer")
        return said, blobs

    def names(self, names: list[str]) -> dict:
        """Return what the student's names stand for: plain values, and stand-ins."""
        try:
            said, blobs = self.ask({"do": "names", "names": names})
        except (Dead, Late, PipeError):
            return {}
        found = {}
        for name in names:
            if name in said:
                with contextlib.suppress(PipeError):
                    found[name] = unpack(said[name], blobs, lambda s, n=name: self.stand_in(s, n))
        return found

    def stand_in(self, said: dict, name: str):
        """Make a stand-in from what the student's process said about an object."""
        match said:
            case {"handle": int(number), "kind": "function"}:
                return Function(self, number, name)
            case {"handle": int(number), "kind": "model"}:
                shapes = [said.get(s) for s in ("input_shape", "output_shape")]
                return Model(self, number, name, *map(_shape, shapes))
            case {"other": str(text)}:
                return Other(readable(text, 60))
        return None

    def call(self, number: int, method: str, name: str, args, kwargs):
        """Call a student's function; return plain values and stand-ins."""
        arrays, variables = [], []

        def special(value):
            return _leaving(value, arrays, variables)

        message = {
            "do": "call",
            "handle": number,
            "method": method,
            "args": pack(args, arrays, special),
            "kwargs": pack(kwargs, arrays, special),
        }
        try:
            said, blobs = self.ask(message, arrays)
            if said.get("error") is not None:
                raise self._failure(name, said["error"])
            if "result" not in said:
                raise PipeError("sent a malformed answer")
            for variable, new in zip(variables, said.get("variables") or [], strict=True):
                variable.assign(unpack(new, blobs))
            return unpack(said["result"], blobs, lambda s: self.stand_in(s, f"what {name} returns"))
        except Late as error:
            raise Failure(f"{name}: {error}", f"{name}: {error}") from None
        except Dead as error:
            why = f"your process {error} in {name}."
            raise Failure(why, why) from None
        except (PipeError, ValueError, TypeError) as error:
            what = error if isinstance(error, PipeError) else "sent a malformed answer"
            why = f"{name}: your process {what}."
            raise Failure(why, why) from None

    def _failure(self, name: str, said) -> Failure:
        full, quiet = self.describe(said)
        return Failure(f"{name} raises {full}", f"{name} raises {quiet}")

    def describe(self, said) -> tuple[str, str]:
        """Say where and why the student's code failed; with and without its own words."""
        said = said if isinstance(said, dict) else {}

        def text(key: str) -> str:
            return said[key] if isinstance(said.get(key), str) else ""

        name = text("type") if _WORD.fullmatch(text("type")) else "an exception"
        line, lines = said.get("line"), self.sources.get(text("cell"), "").split("\n")
        where = ""
        if type(line) is int and 1 <= line <= len(lines):
            where = f" in line {line} of your cell, `{readable(lines[line - 1], 100)}`"
        message = readable(text("message"))
        return f"{name}{where}{': ' if message else ''}{message}", f"{name}{where}"


class Function:
    """Stands in for a student's function."""

    def __init__(self, process: Process, number: int, name: str) -> None:
        self._process, self._number, self.__name__ = process, number, name

    def __call__(self, *args, **kwargs):
        """Call it."""
        return self._process.call(self._number, "", self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the function {self.__name__}>"


class Model(Function):
    """Stands in for a student's Keras model.

    Attributes
    ----------
    input_shape, output_shape : tuple or None
    """

    def __init__(self, process, number, name, input_shape, output_shape) -> None:
        super().__init__(process, number, name)
        self.input_shape, self.output_shape = input_shape, output_shape

    def _method(self, method: str, *args, **kwargs):
        name = f"{self.__name__}.{method}"
        return self._process.call(self._number, method, name, args, kwargs)

    def predict(self, x, batch_size: int = 256) -> np.ndarray:
        """Return the model's outputs for x."""
        got = self._method("predict", x, batch_size=batch_size, verbose=0)
        return _demand(got, np.ndarray, f"{self.__name__}.predict", "an array")

    def get_weights(self) -> list:
        """Return the weights, each an array."""
        return _demand(self._method("get_weights"), list, f"{self.__name__}.get_weights", "a list")

    def count_params(self) -> int:
        """Return how many numbers the model has learnt."""
        got = self._method("count_params")
        return _demand(got, int, f"{self.__name__}.count_params", "a whole number")


class Other:
    """Stands in for an object that does not travel."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __repr__(self) -> str:
        return f"an object of type {self._kind}"


def _demand(got, kind: type, what: str, words: str):
    if not isinstance(got, kind):
        raise StudentError(f"{what} does not return {words}.")
    return got


def _shape(said) -> tuple | None:
    if not isinstance(said, list) or not all(n is None or type(n) is int for n in said):
        return None
    return tuple(said)


def _leaving(value, arrays: list, variables: list):
    """Turn TensorFlow's kinds and stand-ins into what the student's process makes them from."""
    if isinstance(value, Function):
        return {"handle": value._number}
    if hasattr(value, "assign") and hasattr(value, "numpy"):
        variables.append(value)
        return {"variable": pack(np.asarray(value.numpy()), arrays)}
    if hasattr(value, "numpy"):
        return {"tensor": pack(np.asarray(value.numpy()), arrays)}
    return None
