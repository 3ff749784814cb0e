"""Animations: a list of images in, a GIF file and something a notebook displays out."""

import base64
import html
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image
from PIL.GifImagePlugin import getdata

from libs.files import replacing
from libs.utils import as_uint8, check_images


class Gif:
    """A GIF file that a notebook shows as an animation.

    Attributes
    ----------
    path : pathlib.Path
        Where the file is.
    alt : str
        What the animation shows, in words, for readers who can't see it.
    """

    def __init__(self, path: Path, alt: str) -> None:
        self.path = path
        self.alt = alt

    def __repr__(self) -> str:
        return f"Gif({self.path.name!r}): {self.alt}"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.path.read_bytes()).decode()
        return f'<img src="data:image/gif;base64,{data}" alt="{html.escape(self.alt, quote=True)}">'


def build_gif(
    imgs,
    interval: float = 0.1,
    saveto: str | os.PathLike = "animation.gif",
    cmap: str | None = None,
    loop: int = 0,
    scale: int = 1,
    alt: str | None = None,
) -> Gif:
    """Turn a sequence of images into an animated GIF.

    Gray images keep all their 256 levels. Colour images share one palette of 256 colours chosen
    from all frames, so that nothing flickers. Equal frames in a row are stored once and shown
    longer. The file is written beside its place and then renamed, so an interrupted run leaves
    the old file as it was.

    Parameters
    ----------
    imgs : array or list of arrays
        Frames, shape ``[n, height, width]``, ``[n, height, width, 1]`` (gray) or
        ``[n, height, width, 3]`` (RGB); float in ``[0, 1]`` or uint8.
    interval : float
        Seconds each frame is shown, 0.02 to 600, rounded to hundredths (all a GIF can hold).
    saveto : path
        File to write; its folder is made if it is missing.
    cmap : str, optional
        Name of a matplotlib colour map for gray images, such as ``"coolwarm"``.
    loop : int
        How often the animation plays; 0 means for ever.
    scale : int
        Each pixel becomes ``scale × scale`` pixels.
    alt : str, optional
        Alternative text. Say what moves and what to see.

    Returns
    -------
    Gif
        Displays itself in a notebook; ``.path`` is the file.

    Raises
    ------
    TypeError
        If the images are neither float nor uint8.
    ValueError
        If there is no frame, frames differ in shape, or another argument is out of its range.

    References
    ----------
    CompuServe, *Graphics Interchange Format, version 89a*, 1990.

    Examples
    --------
        >>> import tempfile
    >>> fade = np.linspace(0, 1, 5)[:, None, None] * np.ones((5, 8, 8))
    >>> build_gif(fade, saveto=tempfile.mkdtemp() + "/fade.gif", alt="A square turns white.")
    Gif('fade.gif'): A square turns white.
    """
    frames = as_uint8(check_images(imgs, "imgs"), "imgs")
    if not 0.02 <= interval <= 600:
        raise ValueError(
            f"interval must be 0.02 to 600 seconds (browsers play faster GIFs slower), "
            f"got {interval!r}."
        )
    if scale < 1 or int(scale) != scale:
        raise ValueError(f"scale must be a whole number of at least 1, got {scale!r}.")
    if loop < 0 or int(loop) != loop:
        raise ValueError(f"loop must be 0 (for ever) or a positive whole number, got {loop!r}.")
    if frames.shape[-1] == 3:
        if cmap is not None:
            raise ValueError("cmap colours gray images; these are RGB. Leave cmap out.")
        pages, palette = _quantize(frames)
    else:
        levels = np.arange(256, dtype=np.uint8)
        if cmap is None:
            ramp = np.stack([levels] * 3, axis=1)
        else:
            ramp = matplotlib.colormaps[cmap](levels / 255, bytes=True)[:, :3]
        pages, palette = frames[..., 0], ramp.tobytes()

    path = Path(saveto)
    with replacing(path) as file:
        for block in _encode(pages, palette, round(interval * 100), loop, scale):
            file.write(block)
    return Gif(path, alt or f"Animation of {len(frames)} frames.")


def _encode(
    pages: np.ndarray, palette: bytes, ticks: int, loop: int, scale: int
) -> Iterator[bytes]:
    """Yield the blocks of a GIF file; ``pages [n, h, w]`` hold places in ``palette``.

    Pillow compresses the pixels. It could write the whole file, but takes longer over palettes,
    which are all the same here, than over pixels.
    """
    height, width = pages.shape[1:]
    # 0xF7: a palette of 256 colours of 8 bits for the whole file
    yield b"GIF89a" + struct.pack("<HHBBB", width * scale, height * scale, 0xF7, 0, 0)
    yield palette.ljust(768, b"\0")
    if loop != 1:  # absent means once; N means N repeats after the first time; 0 is for ever
        yield b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", max(loop - 1, 0)) + b"\0"
    shown = None
    for first, last in _runs(pages, most=65_535 // ticks):
        page = pages[first]
        changed = page != shown if shown is not None else np.ones(page.shape, bool)
        # only the rectangle that changed is stored; a frame that only lasts on stores one pixel
        rows, columns = (np.flatnonzero(changed.any(axis)) for axis in (1, 0))
        top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, 1)
        left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, 1)
        image = Image.fromarray(page[top:bottom, left:right])
        if scale > 1:
            size = (image.width * scale, image.height * scale)
            image = image.resize(size, Image.Resampling.NEAREST)
        corner = (int(left) * scale, int(top) * scale)
        yield from getdata(image, corner, duration=(last - first) * ticks * 10)
        shown = page
    yield b";"


def _runs(pages: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Yield ``(first, last + 1)`` of each run of equal pages, cut where it is longer than most."""
    first = 0
    for k in range(1, len(pages) + 1):
        if k == len(pages) or k - first == most or not np.array_equal(pages[k], pages[first]):
            yield first, k
            first = k


def _quantize(frames: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Paint RGB frames ``[n, h, w, 3]`` with one palette chosen from pixels of all of them."""
    pixels = frames.reshape(-1, 3)
    # a part of the pixels chooses a palette as well as all of them, sooner
    sample = pixels[:: max(1, len(pixels) // 200_000)]
    chooser = Image.fromarray(np.ascontiguousarray(sample)[None])
    chosen = chooser.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    palette = bytes(chosen.getpalette("RGB"))
    pages = [
        np.asarray(Image.fromarray(frame).quantize(palette=chosen, dither=Image.Dither.NONE))
        for frame in frames
    ]
    return np.stack(pages), palette
