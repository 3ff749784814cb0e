"""A live view of training: curves, and which held-out digits are misread; at the end, a film of it.

Python sends numbers and the page draws: a picture costs little, a look at held-out images more.
"""

import html
import io
import json
import math
from array import array
from pathlib import Path
from time import perf_counter

import keras
import numpy as np
from anywidget import AnyWidget
from IPython import get_ipython
from IPython.display import display
from matplotlib.figure import Figure
from PIL import Image
from traitlets import Dict, Unicode

from libs import validate
from libs.notebook import Picture, address
from libs.utils import montage

_PAUSE = 0.25  # seconds from picture to picture, at least
_SENDING, _LOOKING = 0.02, 0.04  # share of the time for pictures, and for looks at held-out images
_HELD_OUT, _SHOWN = 1000, 48  # images that are predicted, and misread ones in a picture, at most
_POINTS, _FRAMES = 300, 100  # of a curve and of the film, at most
_FRONT = Path(__file__).with_name("front")


class Dashboard(keras.callbacks.Callback):
    """Watch a training loop, or ``model.fit`` as one of its ``callbacks``.

    In a notebook the picture is redrawn in place, several times a second; in the end a film takes
    its place, with a slider over the training, which needs no kernel. Elsewhere nothing is shown.
    Wrong arguments raise TypeError or ValueError.

    Parameters
    ----------
    valid : libs.datasets.Split, optional
        Held-out images of 784 pixels, and their labels; at most 1,000, evenly spread, are used.
        Without them only the loss is shown.
    predict : callable
        Takes images ``[m, 784]``, returns probabilities ``[m, classes]``. It must not draw random
        numbers, because how often it is called depends on the machine.
    total : int, optional
        The last step, if it is known: where the horizontal axes end.
    title : str
        What is trained.

    References
    ----------
    M. Görner, *TensorFlow and deep learning, without a PhD*, 2016 (curves and misread digits).

    Examples
    --------
    >>> from libs.datasets import Dataset
    >>> valid = Dataset(np.zeros((4, 784)), np.array([0, 1, 0, 1])).train
    >>> with Dashboard(valid, lambda images: np.full((4, 2), 0.5)) as board:
    ...     for step in range(1, 4):
    ...         board.update(step, loss=1 / step)
    >>> board.history["steps"], board.history["valid_accuracy"][-1].item()
    (array([1, 2, 3]), 0.5)
    """

    def __init__(self, valid=None, predict=None, total: int | None = None, title: str = "") -> None:
        super().__init__()
        self._images, self._labels, self._of = np.zeros((0, 784)), np.zeros(0, int), 0
        if valid is not None:
            if not callable(predict):
                raise TypeError(f"predict must be a function, got {type(predict).__name__}.")
            self._images, self._labels, self._of = _held_out(valid)
        self._predict, self._title = predict, title
        self.total = None if total is None else validate.whole(total, "total")
        self._step, self._finished, self._done, self._means = 0, False, 0, {}
        self._training, self._looks = array("d"), []  # rows of step, loss, accuracy
        self._frames = []  # of the film: step, seconds, count of mistakes, [(image, read as), …]
        self._look_due = began = perf_counter()
        self._seconds = lambda: round(perf_counter() - began, 1)
        self._costs = [math.inf, math.inf]  # of two looks, for one traces, or meets a busy machine
        self._all, self._page = list(range(len(self._labels))), None
        if hasattr(get_ipython(), "kernel"):
            self._page = _Page(film=self._film(self._all), sheet=self._sheet(self._all))
            view = {"version_major": 2, "version_minor": 0, "model_id": self._page.model_id}
            bundle = {"text/plain": self._alt(), "application/vnd.jupyter.widget-view+json": view}
            self._handle = display(bundle, raw=True, display_id=True)
        self._show()

    def __enter__(self) -> "Dashboard":
        return self

    def __exit__(self, kind, error, trace) -> None:
        # what went wrong in the block may go wrong again in predict: then show what is known
        self.finish(measure=kind is None)

    def update(self, step: int, loss, accuracy=math.nan) -> None:
        """Record training up to a step, and redraw if it is time.

        Parameters
        ----------
        step : int
            Number of the step; it grows from one update to the next.
        loss : float, array or tensor
            One number, of the current batch; or ``[n]``, of the last n steps.
        accuracy : float, array or tensor of one number
            Of the current batch, in ``[0, 1]``; NaN if it is not known.
        """
        if self._finished:
            raise ValueError("this dashboard is finished. Make a new Dashboard to go on.")
        if validate.whole(step, "step") <= self._step:
            hint = "In a second epoch, go on counting from the first."
            raise ValueError(f"step must grow, got {step} after {self._step}. {hint}")
        many = len(getattr(loss, "shape", ())) == 1 and 0 < len(loss) <= step - self._step
        losses = np.asarray(loss).tolist() if many else [_number(loss, "loss")]
        accuracy, first = _number(accuracy, "accuracy"), step + 1 - len(losses)
        self._training.extend(x for k, v in enumerate(losses) for x in (first + k, v, accuracy))
        self._step = step
        if perf_counter() >= self._due:
            self._show()

    def finish(self, measure: bool = True) -> None:
        """Look, unless told not to, and put the film in place; called again, do nothing."""
        if not self._finished:
            self._finished, self._look_due = True, 0 if measure else math.inf
            self._show()
            if self._page:
                self._handle.update(self.picture)
                self._page.close()

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        """Record what Keras reports: the mean since its last report, so that nothing lags."""
        steps = self.params["steps"]
        self.total = steps * self.params["epochs"] if steps else None
        if batch < self._done:  # a new epoch
            self._done, self._means = 0, {}
        done = min(batch + 1, steps or batch + 1)  # Keras counts whole executions
        new = {
            name: (done * mean - self._done * self._means.get(name, 0)) / (done - self._done)
            for name, mean in logs.items()
        }
        step = self._step + done - self._done
        self._done, self._means = done, dict(logs)  # of this epoch
        accuracy = next((new[name] for name in new if name.endswith(("acc", "accuracy"))), math.nan)
        self.update(step, new["loss"], accuracy)

    def on_train_end(self, logs=None) -> None:
        """Put the film in place."""
        self.finish()

    @property
    def history(self) -> dict[str, np.ndarray]:
        """What was recorded: one entry per step, and one per look at the held-out images.

        ``steps``, ``loss``, ``accuracy``; ``valid_steps``, ``valid_loss``, ``valid_accuracy``, the
        first of them at step 0, before training.
        """
        history = {}
        for prefix, rows in zip(("", "valid_"), self._rows(), strict=True):
            steps, loss, accuracy = rows.T
            history[f"{prefix}steps"] = steps.astype(int)
            history |= {f"{prefix}loss": loss, f"{prefix}accuracy": accuracy}
        return history

    @property
    @np.errstate(all="ignore")
    def picture(self) -> "Film":
        """What stands in the notebook in the end."""
        used = sorted({i for *_, shown in self._frames for i, _ in shown})
        return Film(self._film(used) | {"sheet": self._sheet(used)}, self._still(), self._alt())

    def _show(self) -> None:
        """Look at the held-out images if it is time, and show what is known."""
        began, before = perf_counter(), self._looks[-1][0] if self._looks else -1
        if len(self._images) and began >= self._look_due and before < self._step:
            self._look()
            self._costs = [self._costs[1], perf_counter() - began]
            self._look_due = perf_counter() + min(self._costs) / _LOOKING
        elif not len(self._images):
            self._frames.append((self._step, self._seconds(), 0, []))
        if len(self._frames) > _FRAMES:
            del self._frames[1:-1:2]
        began = perf_counter()
        if self._page:
            self._page.film = self._film(self._all)
        self._due = perf_counter() + max(_PAUSE, (perf_counter() - began) / _SENDING)

    @np.errstate(all="ignore")  # a training that diverges is shown, not warned about
    def _look(self) -> None:
        """Predict the held-out images."""
        p = _probabilities(self._predict(self._images), self._labels)
        read = np.where(np.isnan(p).any(axis=1), -1, p.argmax(axis=1))
        loss = -np.log(np.clip(p[np.arange(len(p)), self._labels], 1e-7, 1)).mean()  # as Keras
        wrong = np.flatnonzero(read != self._labels)
        self._looks.append((self._step, float(loss), 1 - len(wrong) / len(p)))
        shown = [(int(i), int(read[i])) for i in wrong[:_SHOWN]]
        self._frames.append((self._step, self._seconds(), len(wrong), shown))

    def _rows(self) -> list[np.ndarray]:
        return [np.array(rows, float).reshape(-1, 3) for rows in (self._training, self._looks)]

    def _film(self, used) -> dict:
        """Return what the page draws, the digits numbered as in ``used``: JSON without NaN."""
        parts = dict(zip(("training", "held-out"), self._rows(), strict=True))
        broken = [
            f"The {name} loss is {loss} at step {step:,.0f}."
            for name, rows in parts.items()
            for step, loss, _ in rows[~np.isfinite(rows[:, 1])][:1]
        ]
        place = {i: k for k, i in enumerate(used)}
        frames = [
            [*rest, [n for i, read in shown for n in (place[i], read)]]
            for *rest, shown in self._frames
        ]
        return {
            **{"title": self._title or "Training", "total": self.total, "step": self._step},
            **{"seconds": self._seconds(), "done": self._finished, "broken": " ".join(broken)},
            **{"curves": {name: _thinned(rows) for name, rows in parts.items()}, "frames": frames},
            **{"held": len(self._labels), "of": self._of, "truth": self._labels[used].tolist()},
        }

    def _sheet(self, used) -> str:
        """Return digits, ten in a row, as a PNG's address; 16 greys are enough."""
        buffer = io.BytesIO()
        page = _wall(self._images[used], 10, padding=0) if used else np.zeros((1, 1))
        Image.fromarray(np.uint8(page)).quantize(16).save(buffer, "PNG")
        return address(buffer.getvalue())

    def _alt(self) -> str:
        of = f" of {self._title}" if self._title else ""
        more = ", and the accuracy; held-out digits that are misread" if len(self._images) else ""
        return f"Training dashboard{of}: the loss over the steps{more}."

    def _still(self) -> Figure:
        """Draw the last frame, for where no script runs."""
        figure = Figure((9, 2.8), layout="none")
        figure.subplots_adjust(left=0.05, right=0.99, bottom=0.17, top=0.9)  # a layout takes time
        held, curves = len(self._labels), self._film(self._all)["curves"].items()
        *panels, wall = figure.subplots(1, 3) if held else [figure.subplots(), None]
        looks = {"lw": 1.3, "color": "#1a8fe3"}, {"lw": 0.4, "color": "#d55e00", "marker": "."}
        for column, panel in enumerate(panels, 1):
            for (part, rows), look in zip(curves, looks, strict=True):
                panel.plot(*np.array(rows, float)[[0, column]], label=part, **look)
            panel.set(title=("Loss", "Accuracy")[column - 1], xlabel="step")
        panels[0].legend(handles=[line for line in panels[0].lines if line.get_xdata().size])
        *_, count, shown = self._frames[-1]
        if held:
            wall.set_axis_off()
            part = f" (of {self._of:,})" if held < self._of else ""
            wall.set_title(f"{count:,} of {held:,} misread{part}", fontsize=10)
        if shown:
            wall.imshow(_wall(self._images[[i for i, _ in shown]], 12))
        return figure


class _Page(AnyWidget):
    """The dashboard in a page while it trains."""

    _esm, _css = _FRONT / "dashboard.js", _FRONT / "dashboard.css"
    film, sheet = Dict().tag(sync=True), Unicode().tag(sync=True)


class Film(Picture):
    """A page that needs no kernel; where no script runs, the last picture."""

    def __init__(self, film: dict, figure: Figure, alt: str) -> None:
        super().__init__(figure, alt)
        self._film = html.escape(json.dumps(film, separators=(",", ":")))

    def _repr_html_(self) -> str:
        js, css = ((_FRONT / f"dashboard.{kind}").read_text("utf-8") for kind in ("js", "css"))
        page = f'<div class="dashboard" data-film="{self._film}">{super()._repr_html_()}</div>'
        return f'<style>{css}</style>\n{page}\n<script type="module">{js}</script>'


def _number(value, name: str) -> float:
    try:
        return value if type(value) is float else float(np.asarray(value).item())
    except (TypeError, ValueError, NotImplementedError):
        hint = "Of many, take the mean; inside a tf.function, return it and call update outside."
        raise TypeError(f"{name} must be one number, got {type(value).__name__}. {hint}") from None


@np.errstate(all="ignore")
def _thinned(rows: np.ndarray) -> list:
    """Return columns of means of neighbours, with five digits, None for what can't be drawn."""
    begins = np.arange(0, len(rows), len(rows) // _POINTS + 1)
    counts = np.diff(begins, append=len(rows))
    columns = (np.add.reduceat(rows, begins) / counts[:, None]).T if len(rows) else rows.T
    return [[float(f"{v:.5g}") if abs(v) < 1e99 else None for v in part] for part in columns]


def _wall(images, columns: int, padding: int = 1) -> np.ndarray:
    pixels = 255 * np.clip(np.nan_to_num(np.asarray(images).reshape(-1, 28, 28)), 0, 1)
    return montage(pixels.astype(np.uint8), padding, columns=columns)


def _held_out(valid) -> tuple[np.ndarray, np.ndarray, int]:
    """Return images and classes, evenly spread, for a set may be sorted; and how many there are."""
    if not hasattr(valid, "images") or getattr(valid, "labels", None) is None:
        raise TypeError(f"valid must be a Split of images and labels, got {type(valid).__name__}.")
    shape = np.shape(valid.images)
    if math.prod(shape[1:]) != 784 or shape[0] == 0:
        raise ValueError(f"valid must hold images of 784 pixels, [n, 784], got {list(shape)}.")
    chosen = np.linspace(0, shape[0] - 1, min(shape[0], _HELD_OUT)).round().astype(int)
    labels = np.asarray(valid.labels)[chosen]
    labels = labels.argmax(axis=1) if labels.ndim == 2 else labels.astype(int)
    return valid.images[chosen], labels, shape[0]


def _probabilities(answer, labels: np.ndarray) -> np.ndarray:
    """Return what predict made of the held-out images, ``[n, classes]``; NaN may be among it."""
    p = validate.numeric(answer, "what predict returns")
    if p.ndim != 2 or len(p) != len(labels) or p.shape[1] <= labels.max():
        shape = f"[{len(labels)}, classes] for labels up to {labels.max()}"
        raise ValueError(f"predict must return {shape}, got {list(p.shape)}.")
    if (p < 0).any() or (np.abs(p.sum(axis=1) - 1) > 0.01).any():
        got = f"{np.nanmin(p):.4g} to {np.nanmax(p):.4g}. Return tf.nn.softmax(logits)."
        raise ValueError(f"predict must return probabilities, which sum to 1 an image, got {got}")
    return p
