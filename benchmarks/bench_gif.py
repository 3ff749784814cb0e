"""``build_gif`` of 30 montages beside matplotlib's animation with its Pillow writer."""

import tempfile
from pathlib import Path

from libs.datasets import MNIST
from libs.gif import build_gif
from libs.utils import montage

# isort: split
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure
from PIL import Image

from benchmarks import race, row


def matplotlib_gif(frames: np.ndarray, path: Path) -> None:
    """Draw each frame as a figure of its own pixels, nothing around it, and write the GIF."""
    height, width = frames[0].shape
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    picture = axes.imshow(frames[0], cmap="gray", vmin=0, vmax=1, interpolation="nearest")

    def draw(k):
        picture.set_data(frames[k])
        return (picture,)

    FuncAnimation(figure, draw, frames=len(frames)).save(path, writer=PillowWriter(fps=10))


def rows() -> list[dict]:
    """Measure seconds and bytes of the same animation, of the same size in pixels."""
    digits = MNIST().X[:3000].reshape(30, 100, 28, 28)
    frames = np.stack([montage(page) for page in digits])
    what, peer = "build_gif, 30 frames of 100 digits", "matplotlib FuncAnimation, PillowWriter"
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "ours.gif", Path(folder) / "theirs.gif"
        seconds = race(
            {
                what: lambda: build_gif(frames, saveto=ours),
                peer: lambda: matplotlib_gif(frames, theirs),
            }
        )
        with Image.open(ours) as a, Image.open(theirs) as b:
            same = (a.size, a.n_frames) == (b.size, b.n_frames)
        if not same:
            raise RuntimeError("the two animations differ in size or number of frames")
        kilobytes = [path.stat().st_size / 1e3 for path in (ours, theirs)]
    return [
        row(what, seconds[what], peer, seconds[peer], 1 / 10),
        row("the file", kilobytes[0], peer, kilobytes[1], 1, "kB"),
    ]
