"""Make docs/readme.gif: ten weight images form while a network learns to read digits.

Left, the weights of a softmax layer, one image a digit, and its accuracy; right, digits that it
never trained on, the ones it gets wrong marked. Run it with the environment's own Python:
``.venv/bin/python tools/readme_picture.py``.
"""

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.special import softmax

from libs import ROOT, SEED
from libs.datasets import MNIST
from libs.gif import Gif, build_gif
from libs.utils import montage

SAVE_TO = ROOT / "docs" / "readme.gif"
RATE, BATCH, DIGITS = 0.5, 100, 49
#: Steps after which a frame is taken: each at first, then ever fewer.
STEPS = sorted({round(step) for step in np.geomspace(1, 1100, 56)} | {0})
PAPER, INK, MISTAKE = (255, 255, 255), (60, 60, 60), (213, 94, 0)
WIDTH, HEIGHT, LEFT, TOP = 764, 472, 12, 38


def font(size: int) -> ImageFont.FreeTypeFont:
    """Return matplotlib's own font, which is there on every machine."""
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


def learn(data: MNIST):
    """Train a softmax layer; after each of ``STEPS``, yield the step and the weights so far.

    Yields
    ------
    step : int
    W : numpy.ndarray
        ``[784, 10]``.
    b : numpy.ndarray
        ``[10]``.
    """
    W, b = np.zeros((784, 10), np.float32), np.zeros(10, np.float32)
    batches = iter(())
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            yield step, W, b
        batch = next(batches, None)
        if batch is None:
            batches = data.train.next_batch(BATCH)
            batch = next(batches)
        x, y = batch
        error = (softmax(x @ W + b, axis=1) - y) / len(x)
        W = W - RATE * x.T @ error
        b = b - RATE * error.sum(axis=0)


def weight_images(W: np.ndarray, scale: float) -> np.ndarray:
    """Draw the ten columns of ``W``, red where ink speaks for the digit and blue against."""
    shades = 0.5 + 0.5 * np.clip(W.T.reshape(10, 28, 28) / scale, -1, 1)
    # few levels: a GIF stores runs of equal pixels, and the eye does not miss the rest
    shades = np.round(shades * 24) / 24
    colours = matplotlib.colormaps["coolwarm"](shades)[..., :3]
    return montage(colours.astype(np.float32), padding=2, fill=1.0, columns=5)


def digit_images(images: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Draw digits ``[n, 784]``, white on black, those that are wrong on orange."""
    grey = np.round(images.reshape(-1, 28, 28, 1) * 8) / 8
    ground = np.where(wrong[:, None, None, None], np.array(MISTAKE) / 255, 0.0)
    cells = (ground + (1 - ground) * grey).astype(np.float32)
    return montage(cells, padding=2, fill=1.0, columns=7)


def frame(step, W, accuracy, images, wrong, scale) -> np.ndarray:
    """Put one frame together, ``[HEIGHT, WIDTH, 3]`` uint8."""

    def paste(picture, x, y, zoom):
        picture = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
        size = (round(picture.width * zoom), round(picture.height * zoom))
        page.paste(picture.resize(size, Image.Resampling.NEAREST), (x, y))
        return size

    page = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(page)
    wide, high = paste(weight_images(W, scale), LEFT - 4, TOP, 2)
    draw.text((LEFT, 10), "What it looks for, 0 to 9", INK, font(16))
    # the curve of accuracy, on an axis of steps that is even in frames
    top, bottom = TOP + high + 44, HEIGHT - 34
    right = LEFT + wide - 8
    draw.text((LEFT, top - 32), "How often it is right", INK, font(16))
    for share in (0, 0.5, 1):
        y = round(bottom - share * (bottom - top))
        draw.line((LEFT + 44, y, right, y), (220, 220, 220))
        draw.text((LEFT + 38, y), f"{share:.0%}", INK, font(12), anchor="rm")
    points = [
        (
            round(LEFT + 44 + i * (right - LEFT - 44) / (len(STEPS) - 1)),
            round(bottom - a * (bottom - top)),
        )
        for i, a in enumerate(accuracy)
    ]
    draw.line(points, (0, 114, 178), 3)
    x, y = points[-1]
    draw.ellipse((x - 5, y - 5, x + 5, y + 5), (0, 114, 178))
    text = f"after {step * BATCH:,} digits: {accuracy[-1]:.0%}"
    draw.text((LEFT + 44, bottom + 10), text, INK, font(16))
    x = right + 28
    draw.text((x, 10), "Digits it has never seen", INK, font(16))
    few = int(wrong.sum())
    mistakes = "1 mistake" if few == 1 else f"{few} mistakes"
    draw.text((WIDTH - LEFT, 10), mistakes, MISTAKE, font(16), anchor="ra")
    paste(digit_images(images, wrong), x - 4, TOP, 2)
    return np.asarray(page)


def make(saveto: Path = SAVE_TO) -> Gif:
    """Train, draw every frame, write the GIF."""
    data = MNIST(seed=SEED)
    # validation images: the test set is measured once, at the end of a lesson
    images, labels = data.valid.images, data.valid.labels.argmax(axis=1)
    history = list(learn(data))
    final = np.abs(history[-1][1]).max()
    frames, accuracy = [], []
    for step, W, b in history:
        wrong = (images @ W + b).argmax(axis=1) != labels
        accuracy.append(1 - wrong.mean())
        # between one scale for all frames (the first stay pale) and one for each
        scale = 0.7 * np.sqrt(final * max(np.abs(W).max(), 1e-3))
        frames.append(frame(step, W, accuracy, images[:DIGITS], wrong[:DIGITS], scale))
    frames += [frames[-1]] * 24  # time to look at the end
    alt = "Ten blurred weight images turn into digits while the marked mistakes grow fewer."
    return build_gif(np.stack(frames), interval=0.12, saveto=saveto, alt=alt)


if __name__ == "__main__":
    made = make()
    print(f"{made.path}: {made.path.stat().st_size / 1e6:.2f} MB")
