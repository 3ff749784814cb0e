"""What the live widgets share: a page that asks, answers that keep up, a still that remains."""

import base64
from pathlib import Path

from anywidget import AnyWidget
from traitlets import Dict

FRONT = Path(__file__).with_name("front")


class Live(AnyWidget):
    """A widget whose page, a module in ``front``, sets what it asks and is told an answer.

    A child names ``_esm`` and ``_css``, files of ``FRONT``, and defines: traits that the page sets;
    ``_answer()``, what the page makes of ``answer``; and ``_still()``, a Picture for where there is
    no kernel.
    """

    answer = Dict().tag(sync=True)

    def _update(self) -> None:
        """Answer now."""
        self.answer = self._numbered(self._answer())

    def set_state(self, sync_data: dict) -> None:
        """Answer what a page set; an exception, which would go unseen here, is told there."""
        super().set_state(sync_data)
        try:
            self._update()
        except Exception as error:  # whatever the learner's function raises
            self.answer = self._numbered({"error": f"{type(error).__name__}: {error}"})

    def _numbered(self, answer: dict) -> dict:
        """Make an answer differ from the last one, or the page would wait for it."""
        return {**answer, "number": self.answer.get("number", 0) + 1}

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        # by hand: ipywidgets 7, which Colab has, makes no bundle
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        still = self._still()
        return {
            "application/vnd.jupyter.widget-view+json": view,
            "text/plain": repr(self),
            "text/html": still._repr_html_(),
            "image/png": base64.b64encode(still.png).decode(),
        }
