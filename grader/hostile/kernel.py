"""The kernel: runs a student's cells and calls the student's functions, in the sandbox.

Everything here shares a process with hostile code: it may be altered at any time, so the grader
believes nothing it says about marks; it only asks what functions return.
"""

import base64
import builtins
import collections
import contextlib
import importlib
import operator
import os
import signal
import socket
import sys
import traceback

import matplotlib.pyplot  # noqa: F401
import matplotlib_inline.backend_inline  # noqa: F401
import numpy as np
import PIL.Image
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.backends import backend_registry

from grader.check import words
from grader.shared.screen import Screen, cut
from grader.shared.wire import Channel, WireError, pack, unpack

# what a shell imports when it is made, and a figure when it is drawn: before the fork, once for all
for _name in (
    *("application", "completerlib", "logger", "magic_arguments", "oinspect"),
    *("magics.ast_mod", "magics.execution", "magics.pylab"),
):
    importlib.import_module(f"IPython.core.{_name}")
importlib.import_module("sqlite3")
PIL.Image.preinit()
backend_registry.list_all()

WORDS = 500  # names in a function, told to the grader
TEXT_LIMIT, RICH_LIMIT, PICTURES_LIMIT = 20_000, 200_000, 8 << 20
FIRST, LAST = 35, 20  # outputs that are kept, of each end
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/svg+xml")  # the best first
RICH = ("text/html", "text/markdown", "text/latex")


class Outputs:
    """The outputs of a cell as they stand on the page, up to a limit."""

    def __init__(self) -> None:
        self.clear()
        self.clear_next = False

    def clear(self, wait: bool = False) -> None:
        """Take away what is shown, now or when more comes."""
        self.clear_next = wait
        if not wait:
            self.first, self.last, self.lost, self.pictures = [], collections.deque(), 0, 0

    @property
    def items(self) -> list:
        """What the grader gets."""
        gap = f"… {self.lost:,} outputs are left out here …\n"
        middle = [{"output_type": "stream", "name": "stdout", "text": gap}] * bool(self.lost)
        return [self._settled(item) for item in [*self.first, *middle, *self.last]]

    @staticmethod
    def _settled(item: dict) -> dict:
        if "screen" not in item:
            return {key: item[key] for key in ("output_type", "data")} if "data" in item else item
        return {"output_type": "stream", "name": item["name"], "text": item["screen"].text()}

    def _add(self, item: dict) -> None:
        if len(self.first) < FIRST:
            self.first.append(item)
            return
        self.last.append(item)
        if len(self.last) > LAST:
            dropped = self.last.popleft()
            self.lost += 1
            self.pictures -= sum(len(dropped.get("data", {}).get(kind, "")) for kind in PICTURES)

    def stream(self, name: str, text: str) -> None:
        """Add printed text."""
        if not text:
            return
        if self.clear_next:
            self.clear()
        latest = (self.last or self.first or [{}])[-1]
        if latest.get("name") != name:
            latest = {"name": name, "screen": Screen(TEXT_LIMIT // 2)}
            self._add(latest)
        latest["screen"].write(text)

    def show(self, kind: str, data: dict, named=None, update: bool = False) -> None:
        """Add what a cell displays, or change what it displayed under a name."""
        if self.clear_next:
            self.clear()
        there = [i for i in [*self.first, *self.last] if named and i.get("named") == named]
        self.pictures -= sum(len(i["data"].get(k, "")) for i in there[:1] for k in PICTURES)
        kept = self._kept(data)
        for item in there:
            item["data"] = kept
        if kept and not update:
            self._add({"output_type": kind, "data": kept, "named": named})

    def _kept(self, data: dict) -> dict:
        """Return what of an output's forms is kept, and a line about what is not."""
        text, kept, lost = data.get("text/plain"), {}, []
        for kind in PICTURES:
            picture = data.get(kind)
            if isinstance(picture, bytes):  # as an object's own method gives it
                picture = base64.b64encode(picture).decode()
            if not isinstance(picture, str):
                continue
            if self.pictures + len(picture) > PICTURES_LIMIT:
                lost.append(f"a picture of {len(picture) / 1e6:.1f} MB")
                continue
            self.pictures += len(picture)
            kept[kind] = picture
            break
        for kind in RICH if not kept else ():  # the course's figures are pages with a picture
            if isinstance(rich := data.get(kind), str):
                if len(rich) <= RICH_LIMIT:
                    kept[kind] = rich
                    break
                lost.append(f"{kind} of {len(rich) / 1e6:.1f} MB")
        if isinstance(text, str) or lost:
            notes = "".join(f"\n… left out: {what} …" for what in lost)
            kept["text/plain"] = cut(text if isinstance(text, str) else "", TEXT_LIMIT) + notes
        return kept


class Stream:
    """Stands in for ``sys.stdout`` or ``sys.stderr``."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, name: str, shell: "Shell") -> None:
        self.name, self.shell = name, shell

    def write(self, text: str) -> int:
        """Add text to the outputs of the cell that runs."""
        self.shell.outputs.stream(self.name, str(text))
        return len(text)

    def writelines(self, lines) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Do nothing."""

    def isatty(self) -> bool:
        """Return False."""
        return False


class Display(DisplayPublisher):
    """Takes what ``display`` shows."""

    def publish(self, data, metadata=None, *, transient=None, update=False, **_) -> None:
        """Add to the outputs of the cell that runs."""
        named = (transient or {}).get("display_id")
        self.shell.outputs.show("display_data", data, named, update)

    def clear_output(self, wait=False) -> None:
        """Take away the outputs of the cell that runs."""
        self.shell.outputs.clear(wait)


class Result(DisplayHook):
    """Takes the value of a cell's last line."""

    def write_output_prompt(self) -> None:
        """Write none."""

    def write_format_data(self, format_dict, md_dict=None) -> None:
        """Add to the outputs of the cell that runs."""
        self.shell.outputs.show("execute_result", format_dict)


class Shell(InteractiveShell):
    """IPython without a terminal or a kernel."""

    def __init__(self, **settings) -> None:
        self.outputs = Outputs()
        super().__init__(**settings)
        self.label = ""
        self.compile.get_code_name = lambda raw, transformed, number: self.label
        self.system = self.system_piped
        # the course's figures are pages, which are not kept, nor made; their PNG is
        formatters, picture = self.display_formatter.formatters, ("libs.notebook", "Picture")
        formatters["image/png"].for_type_by_name(*picture, operator.attrgetter("png"))
        formatters["text/html"].for_type_by_name(*picture, lambda _: None)

    def enable_gui(self, gui=None) -> None:
        """Windows: there are none."""

    def _tee(self, channel: str):
        """Keep no second copy of what is printed, which would fill the memory."""
        return contextlib.nullcontext()

    def showtraceback(self, *_, **__) -> None:
        """Leave it to :meth:`run`; to lay one out takes long."""

    showsyntaxerror = showtraceback

    def run(self, source: str, label: str) -> dict:
        """Run a cell; return its outputs and, if it failed, where and why."""
        self.outputs, self.label = Outputs(), label
        result = self.run_cell(source, store_history=True, cell_id=None)
        error = result.error_before_exec or result.error_in_exec
        return {"outputs": self.outputs.items, "error": error and explain(error)}


def explain(error: BaseException) -> dict:
    """Name an exception, and the lines of cells that it came through."""
    found = {"type": type(error).__name__, "message": "", "frames": []}
    with contextlib.suppress(Exception):
        found["message"] = _ends(str(error))
    if isinstance(error, SyntaxError):
        found.update(message=_ends(str(error.msg)), frames=[[str(error.filename), error.lineno]])
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename.startswith("cell:"):
            found["frames"] = [*found["frames"][-50:], [frame.f_code.co_filename, line]]
    return found


def _ends(text: str) -> str:
    """Return a text; of a long one, start and end: TensorFlow's frames stand between."""
    return text if len(text) <= 8000 else f"{text[:4000]}\n{text[-4000:]}"


class Kernel:
    """Answers the grader's requests.

    Parameters
    ----------
    ready : dict or None
        What the setup cells defined, if they have run before the fork.
    """

    def __init__(self, ready: dict | None) -> None:
        self.kept, self.ready, self.spaces = [], ready, {}
        self.shell = Shell.instance(display_pub_class=Display, displayhook_class=Result)
        self.shell.user_ns["__name__"] = "__main__"
        sys.stdout, sys.stderr = Stream("stdout", self.shell), Stream("stderr", self.shell)
        self.shell.run_line_magic("matplotlib", "inline")

    def answer(self, request: dict, blobs: list) -> tuple:
        """Return the reply to a request, and the arrays that go with it."""
        arrays = []
        if request["do"] == "run" and request.get("setup") and self.ready is not None:
            self.shell.user_ns.update(self.ready)  # all setup cells at once, run before the fork
            return {"outputs": [], "error": None}, arrays
        if request["do"] == "run":
            return self.shell.run(request["source"], request["label"]), arrays
        if request["do"] == "keep":
            self.spaces[request["at"]] = dict(self.shell.user_ns)
            return {}, arrays
        if request["do"] == "names":
            space = self.shell.user_ns
            if request["at"] in self.spaces:  # functions find what they call as it was there
                space.clear()
                space.update(self.spaces[request["at"]])
            return {
                n: self.try_pack(space[n], arrays) for n in request["names"] if n in space
            }, arrays
        self.shell.outputs = Outputs()
        variables = []
        function = self.kept[request["handle"]]
        if request["method"]:
            function = getattr(function, request["method"])

        def special(packed):
            return self.unpack_special(packed, blobs, variables)

        args = unpack(request["args"], blobs, special)
        kwargs = unpack(request["kwargs"], blobs, special)
        result = function(*args, **kwargs)
        reply = {"result": self.try_pack(result, arrays)}
        reply["variables"] = [pack(v.numpy(), arrays) for v in variables]
        return reply, arrays

    def unpack_special(self, packed: dict, blobs: list, variables: list):
        """Make TensorFlow's own kinds from what the grader sent."""
        match packed:
            case {"tensor": part}:
                import tensorflow as tf

                return tf.constant(unpack(part, blobs))
            case {"variable": part}:
                import tensorflow as tf

                variables.append(tf.Variable(unpack(part, blobs)))
                return variables[-1]
            case {"handle": int(index)}:
                return self.kept[index]
        return None

    def try_pack(self, value, arrays: list):
        """Pack a value; what can't be sent is only named."""
        before = len(arrays)
        try:
            return pack(value, arrays, self.pack_special)
        except (TypeError, RecursionError):
            del arrays[before:]
            return {"other": type(value).__name__}

    def pack_special(self, value):
        """Turn functions and models into handles, tensors into arrays."""
        if hasattr(value, "count_params") and hasattr(value, "predict"):
            return self.handle(value, "model", value)
        if callable(getattr(value, "numpy", None)):
            array = np.asarray(value.numpy())
        elif callable(value) and not isinstance(value, np.ndarray):
            return self.handle(value, "function", None)
        elif hasattr(value, "__array__") and not isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
        else:
            return None
        return array.astype("float32") if array.dtype.name == "bfloat16" else array

    def handle(self, value, kind: str, model) -> dict:
        """Keep an object, and give the grader its number."""
        self.kept.append(value)
        packed = {"handle": len(self.kept) - 1, "kind": kind}
        if kind == "function":
            packed["uses"] = sorted(words(value))[:WORDS]
        if model is not None:
            for name in ("input_shape", "output_shape"):
                shape = getattr(model, name, None)
                packed[name] = list(shape) if isinstance(shape, tuple) else None
        return packed


def serve(connection: socket.socket, ready: dict | None = None) -> None:
    """Answer requests until the connection closes.

    Parameters
    ----------
    connection : socket.socket
    ready : dict, optional
        What the setup cells defined, if they have run before the fork.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    builtins.exit = builtins.quit = None
    channel = Channel(connection)
    kernel = Kernel(ready)
    busy = False

    def interrupt(*_):
        if busy:  # one that comes late must not end the process
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    connection.send(b"+")
    while True:
        try:
            request, blobs = channel.receive()
        except WireError:
            return
        try:
            try:
                busy = True
                reply, arrays = kernel.answer(request, blobs)
            finally:
                busy = False  # before anything else: an interrupt now would end the process
        except BaseException as error:  # the student's: SystemExit and KeyboardInterrupt too
            reply, arrays = {"error": explain(error)}, []
        try:
            channel.send(reply, arrays)
        except ValueError as error:  # too large; nothing is sent yet
            channel.send({"error": explain(error)})
