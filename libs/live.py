"""What the live widgets share: answers that keep up with a hand, and a still picture."""

import asyncio
import base64
import html
import io

import numpy as np
from ipycanvas import Canvas
from ipywidgets import HTML
from PIL import Image

from libs import validate
from libs.notebook import Picture

_WAIT = 0.015  # seconds in which a hand's moves are gathered before they are answered


class Live:
    """A widget that answers the hand: base class, with what its children share.

    A child has ``box`` (the live widget) and tells its answer in ``_answer`` and its still picture
    in ``_still``.
    """

    def __init__(self) -> None:
        self._timer = None
        self._view = HTML()  # where the answer stands

    def _answer(self) -> str:
        """Return the answer to what the hand has done so far, as HTML."""
        raise NotImplementedError

    def _still(self) -> Picture:
        """Return the widget as a picture."""
        raise NotImplementedError

    def _update(self) -> None:
        """Answer now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._view.value = self._answer()

    def _live(self) -> None:
        """Answer from a callback, where an exception would go unseen."""
        try:
            self._update()
        except Exception as error:  # whatever the learner's function raises
            text = html.escape(f"{type(error).__name__}: {error}")
            self._view.value = f'<p class="live-error" role="alert">{text}</p>'

    def _soon(self) -> None:
        """Answer in a moment, once for all moves that have come by then."""
        if self._timer is None:
            try:
                self._timer = asyncio.get_running_loop().call_later(_WAIT, self._live)
            except RuntimeError:  # outside a kernel
                self._live()

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        # by hand: ipywidgets 7, which Colab has, makes no bundle
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/plain": repr(self),
            "text/html": self._still()._repr_html_(),
        }


def listen(canvas: Canvas, down, move, up) -> None:
    """Have functions called by a hand on ``canvas``, be it with a mouse, a pen or a finger.

    Parameters
    ----------
    canvas : ipycanvas.Canvas
        Where to listen.
    down, move : callable
        Take x and y, in pixels of the canvas from its upper left corner.
    up : callable
        Takes nothing; leaving the canvas lifts the hand, too.
    """
    canvas.on_mouse_down(down)
    canvas.on_mouse_move(move)
    canvas.on_mouse_up(lambda x, y: up())
    canvas.on_mouse_out(lambda x, y: up())
    canvas.on_touch_start(lambda touches: touches and down(*touches[0]))
    canvas.on_touch_move(lambda touches: touches and move(*touches[0]))
    canvas.on_touch_end(lambda touches: up())
    canvas.on_touch_cancel(lambda touches: up())


def forget_page(canvas: Canvas) -> None:
    """Have ``canvas`` painted anew for a page that was opened or loaded again.

    ipycanvas names the canvas only when it differs from the last one it painted on, but that was
    for another page: it has to forget.
    """
    canvas._canvas_manager._current_canvas = None


def img(image: np.ndarray, alt: str, name: str) -> str:
    """Return an image, ``[height, width]`` or ``[height, width, 3]``, as an HTML element.

    Parameters
    ----------
    image : numpy.ndarray
        Float in ``[0, 1]`` or uint8.
    alt : str
        What it shows, in words.
    name : str
        The element's CSS class.

    Returns
    -------
    str
        ``<img …>`` with the pixels inside.

    Examples
    --------
    >>> img(np.zeros((28, 28)), "Nothing", "seen")[:38]
    '<img class="seen" alt="Nothing" src="d'
    """
    buffer = io.BytesIO()
    Image.fromarray(validate.pixels(image, "image")).save(buffer, "PNG", compress_level=1)
    data = base64.b64encode(buffer.getvalue()).decode()
    alt = html.escape(alt, quote=True)
    return f'<img class="{name}" alt="{alt}" src="data:image/png;base64,{data}">'
