"""Proxies, in the trusted process, for what lives in a student's process."""

import builtins
import contextlib
import re

import numpy as np

from grader import imports
from grader.check import StudentError
from grader.shared.wire import WireError, pack, unpack
from grader.trusted.sandbox import ProcessDied, Session, TimedOut
from grader.trusted.sanitise import readable

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,59}")
# kinds of error that are not Python's own and may be named whoever raises them
_KNOWN = {"InvalidArgumentError", "OperatorNotAllowedInGraphError", "UnimplementedError"}
_KNOWN |= {"ResourceExhaustedError", "FailedPreconditionError", "NotFoundError", "LinAlgError"}


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
    given : dict of str to str
        The names of the cells among them that are not the student's, by their labels.
    """

    def __init__(self, session: Session, sources: dict, given: dict | None = None) -> None:
        self.session, self.sources, self.given = session, sources, given or {}
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

    def stop(self, why: str) -> None:
        """End the process."""
        self.session.end()
        self.dead = why

    def ask(self, message: dict, arrays=(), seconds: float | None = None):
        """Send a request; raise ProcessDied, TimedOut or WireError."""
        if self.dead:
            raise ProcessDied(self.dead)
        seconds = min(self.seconds if seconds is None else seconds, self.left())
        if seconds <= 0:
            raise TimedOut("not run: your notebook has used up all its time")
        try:
            reply, blobs = self.session.request(message, arrays, seconds)
        except ProcessDied as error:
            self.dead = str(error)
            raise
        if not isinstance(reply, dict):
            raise WireError("sent a malformed answer")
        return reply, blobs

    def keep(self, place: str) -> None:
        """Let the student's process remember what its names stand for in a place."""
        with contextlib.suppress(ProcessDied, TimedOut, WireError):
            self.ask({"do": "keep", "at": place})

    def names(self, names: list[str], place: str = "") -> dict:
        """Return what the student's names stood for in a place: plain values, and proxies."""
        try:
            reply, blobs = self.ask({"do": "names", "names": names, "at": place})
        except (ProcessDied, TimedOut, WireError):
            return {}
        found = {}
        for name in names:
            if name in reply:
                with contextlib.suppress(WireError):
                    found[name] = unpack(reply[name], blobs, lambda p, n=name: self.proxy(p, n))
        return found

    def proxy(self, packed: dict, name: str):
        """Return a proxy for an object that can't be sent, None if the message is malformed."""
        match packed:
            case {"handle": int(number), "kind": "function"}:
                uses = packed.get("uses")
                told = uses if isinstance(uses, list) else []
                return FunctionProxy(self, number, name, {u for u in told if isinstance(u, str)})
            case {"handle": int(number), "kind": "model"}:
                shapes = [packed.get(s) for s in ("input_shape", "output_shape")]
                return ModelProxy(self, number, name, *map(_shape, shapes))
            case {"other": str(text)}:
                return OpaqueProxy(readable(text, 60))
        return None

    def call(self, number: int, method: str, name: str, args, kwargs):
        """Call a student's function; return plain values and proxies."""
        arrays, variables = [], []

        def special(value):
            return _pack_special(value, arrays, variables)

        message = {
            "do": "call",
            "handle": number,
            "method": method,
            "args": pack(args, arrays, special),
            "kwargs": pack(kwargs, arrays, special),
        }
        try:
            reply, blobs = self.ask(message, arrays)
            if reply.get("error") is not None:
                full, quiet = self.describe(reply["error"])
                raise Failure(f"{name} raises {full}", f"{name} raises {quiet}")
            if "result" not in reply:
                raise WireError("sent a malformed answer")
            for variable, new in zip(variables, reply.get("variables") or [], strict=True):
                variable.assign(unpack(new, blobs))
            return unpack(reply["result"], blobs, lambda p: self.proxy(p, f"what {name} returns"))
        except TimedOut as error:
            raise Failure(f"{name}: {error}", f"{name}: {error}") from None
        except ProcessDied as error:
            why = f"while running {name}, Python {error}."
            raise Failure(why, why) from None
        except (WireError, ValueError, TypeError) as error:
            what = error if isinstance(error, WireError) else "sent a malformed answer"
            why = f"{name}: your process {what}."
            raise Failure(why, why) from None

    def describe(self, error) -> tuple[str, str]:
        """Say where and why the student's code failed; with and without its own words."""
        from libs.check import reason  # only now: with libs comes matplotlib

        error = error if isinstance(error, dict) else {}

        def text(key: str) -> str:
            return error[key] if isinstance(error.get(key), str) else ""

        name = text("type") if _WORD.fullmatch(text("type")) else "an exception"
        found = getattr(builtins, name, None)
        known = name in _KNOWN or (isinstance(found, type) and issubclass(found, BaseException))
        message = readable(reason(text("message")))
        message += imports.why(name, message)
        full = f"{name}{self._where(error.get('frames'))}{': ' if message else ''}{message}"
        return full, name if known else "an exception"

    def _where(self, frames) -> str:
        """Say in which line an error was: the last of the student's own, if it came through one."""
        places = []
        for frame in frames[-60:] if isinstance(frames, list) else []:
            match frame:
                case [str(label), int(line)] if label in self.sources:
                    lines = self.sources[label].split("\n")
                    if 1 <= line <= len(lines):
                        places.append((label, line, lines[line - 1]))
        own = [place for place in places if place[0] not in self.given]
        if not places:
            return ""
        label, line, code = (own or places)[-1]
        cell = f"the cell {self.given[label]}" if label in self.given else "your cell"
        return f" in line {line} of {cell}, `{readable(code, 100)}`"


class FunctionProxy:
    """Stands in for a student's function.

    Attributes
    ----------
    uses : frozenset of str
        The names in its code, as its process says.
    """

    def __init__(self, process: Process, number: int, name: str, uses=()) -> None:
        self._process, self._number, self.__name__ = process, number, name
        self.uses = frozenset(uses)

    def __call__(self, *args, **kwargs):
        """Call it."""
        return self._process.call(self._number, "", self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the function {self.__name__}>"


class ModelProxy(FunctionProxy):
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
        """Return how many numbers the model has learned."""
        got = self._method("count_params")
        return _demand(got, int, f"{self.__name__}.count_params", "a whole number")


class OpaqueProxy:
    """Stands in for an object that can't be sent."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"an object of type {self.kind}"


def _demand(got, kind: type, what: str, words: str):
    if not isinstance(got, kind):
        raise StudentError(f"{what} does not return {words}.")
    return got


def _shape(packed) -> tuple | None:
    if not isinstance(packed, list) or not all(n is None or type(n) is int for n in packed):
        return None
    return tuple(packed)


def _pack_special(value, arrays: list, variables: list):
    """Turn TensorFlow's kinds and proxies into what the student's process makes them from."""
    if isinstance(value, FunctionProxy):
        return {"handle": value._number}
    if hasattr(value, "assign") and hasattr(value, "numpy"):
        variables.append(value)
        return {"variable": pack(np.asarray(value.numpy()), arrays)}
    if hasattr(value, "numpy"):
        return {"tensor": pack(np.asarray(value.numpy()), arrays)}
    return None
