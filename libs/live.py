"""What the live widgets share: a canvas that a hand moves on, answers that keep up, a still."""

import asyncio
import html
import io
from pathlib import Path

import numpy as np
from ipycanvas import Canvas
from ipywidgets import HTML
from PIL import Image

from libs import validate
from libs.notebook import img

STYLE = f"<style>{Path(__file__).with_name('widgets.css').read_text('utf-8')}</style>"
_WAIT = 0.015  # seconds in which a hand's moves are gathered before they are answered


class Live:
    """A widget that answers a hand on a canvas, be it with a mouse, a pen or a finger.

    A child makes ``box``, the live widget, and defines: ``_down(x, y)`` and ``_move(x, y)``, where
    the hand begins and goes, in pixels of the canvas; ``_key(key, shift)`` (ipycanvas keeps every
    key to itself: for Tab the canvas has to let go); ``_paint()``, the whole canvas; ``_answer()``,
    HTML beside the canvas; and ``_still()``, a Picture for where there is no kernel.
    """

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._view = HTML()  # where the answer stands
        self._timer = None
        self._held = False  # is the hand down?
        canvas.on_mouse_down(self._press)
        canvas.on_mouse_move(self._drag)
        canvas.on_touch_start(lambda touches: touches and self._press(*touches[0]))
        canvas.on_touch_move(lambda touches: touches and self._drag(*touches[0]))
        for lifted in (canvas.on_mouse_up, canvas.on_mouse_out):
            lifted(lambda x, y: self._lift())
        for lifted in (canvas.on_touch_end, canvas.on_touch_cancel):
            lifted(lambda touches: self._lift())
        canvas.on_key_down(lambda key, shift, control, meta: self._key(key, shift))
        canvas.on_client_ready(self._appear)

    def _press(self, x: float, y: float) -> None:
        self._held = True
        self._down(x, y)
        self._soon()

    def _drag(self, x: float, y: float) -> None:
        if self._held:
            self._move(x, y)
            self._soon()

    def _lift(self) -> None:
        self._held = False

    def _appear(self) -> None:
        """Paint for a page that was opened or loaded anew, whose canvas is blank."""
        # ipycanvas names only another canvas than its last one, which was of another page
        self._canvas._canvas_manager._current_canvas = None
        self._paint()

    def _update(self) -> None:
        """Answer now."""
        if self._timer:
            self._timer.cancel()
        self._timer = None
        self._view.value = self._answer()

    def _try(self) -> None:
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
                self._timer = asyncio.get_running_loop().call_later(_WAIT, self._try)
            except RuntimeError:  # outside a kernel
                self._try()

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        # by hand: ipywidgets 7, which Colab has, makes no bundle
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/plain": repr(self),
            "text/html": self._still()._repr_html_(),
        }


def pixels_img(image: np.ndarray, alt: str, class_: str) -> str:
    """Return an image ``[height, width]``, float in ``[0, 1]`` or uint8, as an HTML element."""
    buffer = io.BytesIO()
    Image.fromarray(validate.pixels(image, "image")).save(buffer, "PNG", compress_level=1)
    return img(buffer.getvalue(), alt, class_=class_)
