"""Animations: a list of images in, a GIF file and something a notebook displays out."""

import os
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from libs import validate
from libs.files import replacing
from libs.notebook import img


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
        return img(self.path.read_bytes(), self.alt)


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
        Seconds each frame is shown, 0.02 to 600, rounded to hundredths (all a GIF can hold);
        at most 655 for all frames together.
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
    frames = validate.pixels(validate.images(imgs, "imgs"), "imgs")
    if not 0.02 <= interval <= 600:
        raise ValueError(
            f"interval must be 0.02 to 600 seconds (browsers play faster GIFs slower), "
            f"got {interval!r}."
        )
    if len(frames) * interval > 655:
        raise ValueError(
            f"{len(frames)} frames of {interval} seconds last longer than 655 seconds, the most "
            f"that a GIF can show one picture if they are equal. Make interval smaller."
        )
    scale = validate.whole(scale, "scale")
    loop = validate.whole(loop, "loop", least=0)
    if frames.shape[-1] == 3:
        if cmap is not None:
            raise ValueError("cmap colours gray images; these are RGB. Leave cmap out.")
        pages, palette = _quantize(frames)
    else:
        pages, palette = [Image.fromarray(frame[..., 0]) for frame in frames], None
        if cmap is not None:
            palette = matplotlib.colormaps[cmap](np.linspace(0, 1, 256), bytes=True)[
                :, :3
            ].tobytes()
            for page in pages:
                page.putpalette(palette)
    if scale > 1:
        size = (pages[0].width * scale, pages[0].height * scale)
        pages = [page.resize(size, Image.Resampling.NEAREST) for page in pages]

    path = Path(saveto)
    with replacing(path) as file:
        pages[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=pages[1:],
            # Pillow writes hundredths of a second and cuts off the rest
            duration=round(interval * 100) * 10,
            # absent means once; N means N repeats after the first time
            **({"loop": 0 if loop == 0 else loop - 1} if loop != 1 else {}),
            palette=palette,
            optimize=False,  # it looks for unused colours, in each frame anew
        )
    return Gif(path, alt or f"Animation of {len(frames)} frames.")


def _quantize(frames: np.ndarray) -> tuple[list[Image.Image], bytes]:
    """Paint RGB frames ``[n, h, w, 3]`` with one palette chosen from pixels of all of them."""
    pixels = frames.reshape(-1, 3)
    # a part of the pixels chooses a palette as well as all of them, sooner
    sample = pixels[:: max(1, len(pixels) // 200_000)]
    chooser = Image.fromarray(np.ascontiguousarray(sample)[None])
    chosen = chooser.quantize(256, method=Image.Quantize.MAXCOVERAGE)
    palette = bytes(chosen.getpalette("RGB"))
    pages = [
        Image.fromarray(frame).quantize(palette=chosen, dither=Image.Dither.NONE)
        for frame in frames
    ]
    return pages, palette
