"""Animations: a list of images in, a GIF file and something a notebook displays out."""

import io
import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from PIL import Image, ImageSequence

from libs import validate
from libs.files import replacing
from libs.notebook import FITS, address, encode, img


class Gif:
    """A GIF file (``path``) that a notebook shows, with its alternative text (``alt``)."""

    def __init__(self, path: Path, alt: str) -> None:
        self.path, self.alt = path, alt

    def __repr__(self) -> str:
        return f"Gif({self.path.name!r}): {self.alt}"

    def _repr_html_(self) -> str:
        # whoever asked the system for less motion sees the last frame; the others can fold it
        still, moving = address(self._repr_png_()[0]), io.BytesIO()
        with Image.open(self.path) as file:  # as WebP without loss: often half of the size or less
            times = [frame.info["duration"] for frame in ImageSequence.Iterator(file)]
            options = {"lossless": True, "method": 4, "duration": times, "loop": 0}
            file.save(moving, "webp", save_all=True, **options)
        return (
            "<details open><summary>Animation (fold to stop)</summary><picture>"
            f'<source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
            f"{img(moving.getvalue(), self.alt, style=FITS)}</picture></details>"
        )

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        with Image.open(self.path) as file:
            file.seek(file.n_frames - 1)
            return encode(file.convert("RGB"), "png", 128, optimize=True), {"alt": self.alt}


def build_gif(
    imgs,
    interval: float = 0.1,
    saveto: str | os.PathLike = "animation.gif",
    scale: int = 1,
    alt: str | None = None,
) -> Gif:
    """Turn a sequence of images into an animated GIF, which plays for ever in a notebook.

    Grey images keep all their 256 levels; colour images share one palette of 256 colours chosen
    from all frames, so that nothing flickers. Equal frames in a row are stored once and shown
    longer. An interrupted run leaves an old file as it was.

    Raises TypeError if the images are not numbers, ValueError if another argument is not as below.

    Parameters
    ----------
    imgs : array or list of arrays
        Frames, ``[n, height, width]``, ``[n, height, width, 1]`` (grey) or
        ``[n, height, width, 3]`` (RGB); float in ``[0, 1]`` or integers from 0 to 255.
    interval : float
        Seconds each frame is shown, 0.02 (browsers play faster ones slower) to 600, rounded to
        hundredths; at most 655 for all frames together.
    saveto : path
        File to write; its folder is made if it is missing.
    scale : int
        Each pixel becomes ``scale × scale`` pixels.
    alt : str, optional
        Alternative text. Say what moves and what to see.

    Examples
    --------
    >>> fade = np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 8, 8))
    >>> build_gif(fade, saveto="fade.gif", alt="A square turns white.")
    Gif('fade.gif'): A square turns white.
    """
    frames = validate.pixels(validate.images(imgs, "imgs"), "imgs")
    interval = validate.number(interval, "interval", 0.02, 600)
    if len(frames) * interval > 655:
        time = f"{len(frames)} frames of {interval:g} seconds"
        raise ValueError(f"{time} last longer than 655 seconds. Make interval smaller.")
    scale = validate.whole(scale, "scale")
    levels, palette = (frames[..., 0], None) if frames.shape[-1] == 1 else _quantize(frames)
    path = Path(saveto)
    with replacing(path) as file:
        iio.imwrite(
            file,
            levels.repeat(scale, axis=1).repeat(scale, axis=2),
            extension=".gif",
            plugin="pillow",
            is_batch=True,
            duration=round(interval * 100) * 10,  # whole hundredths: the rest is cut off
            palette=palette,
            optimize=False,  # it looks for unused colours, in each frame anew
            loop=0,  # for ever
        )
    return Gif(path, alt or f"Animation of {len(frames)} frames.")


def _quantize(frames: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Return RGB frames as places in one palette, ``[n, h, w]`` uint8, and the palette."""
    # a part of the pixels chooses a palette as well as all of them, sooner
    sample = np.ascontiguousarray(frames.reshape(-1, 3)[:: max(1, frames.size // 600_000)])
    chosen = Image.fromarray(sample[None]).quantize(256, method=Image.Quantize.MAXCOVERAGE)
    strip = Image.fromarray(np.ascontiguousarray(frames.reshape(-1, *frames.shape[2:])))
    levels = np.asarray(strip.quantize(palette=chosen, dither=Image.Dither.NONE))
    return levels.reshape(frames.shape[:3]), bytes(chosen.getpalette("RGB"))
