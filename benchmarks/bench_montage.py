"""``montage`` of 1,000 digits beside loops and scikit-image."""

import math

from libs.datasets import MNIST
from libs.utils import montage

# isort: split
import numpy as np
from skimage.util import montage as skimage_montage

from benchmarks import race, row


def pixel_loop(images: np.ndarray) -> np.ndarray:
    """Fill the canvas pixel by pixel: a double loop over its rows and columns."""
    n, height, width = images.shape
    side = math.ceil(math.sqrt(n))
    canvas = np.full((side * (height + 1) + 1, side * (width + 1) + 1), 0.5, images.dtype)
    for y in range(canvas.shape[0]):
        for x in range(canvas.shape[1]):
            (i, v), (j, u) = divmod(y - 1, height + 1), divmod(x - 1, width + 1)
            if y and x and v < height and u < width and i * side + j < n:
                canvas[y, x] = images[i * side + j, v, u]
    return canvas


def grid_loop(images: np.ndarray) -> np.ndarray:
    """Fill the canvas image by image: a double loop over the grid's rows and columns."""
    n, height, width = images.shape
    side = math.ceil(math.sqrt(n))
    canvas = np.full((side * (height + 1) + 1, side * (width + 1) + 1), 0.5, images.dtype)
    for i in range(side):
        for j in range(side):
            if i * side + j < n:
                y, x = 1 + i * (height + 1), 1 + j * (width + 1)
                canvas[y : y + height, x : x + width] = images[i * side + j]
    return canvas


def rows() -> list[dict]:
    """Measure montages of the same size and content; check that they are the same."""
    digits = MNIST().X[:1000].reshape(-1, 28, 28)
    contestants = {
        "montage": lambda: montage(digits),
        "double loop over the canvas, a pixel each": lambda: pixel_loop(digits),
        "double loop over the grid, an image each": lambda: grid_loop(digits),
        "scikit-image montage": lambda: skimage_montage(digits, fill=0.5, padding_width=1),
        "np.copy of the images: the least it can take": digits.copy,
    }
    expected = montage(digits)
    for name in list(contestants)[1:4]:
        np.testing.assert_array_equal(contestants[name](), expected)
    pixels, *quick = list(contestants)[1:]
    slow = race({name: contestants[name] for name in ("montage", pixels)}, 5)
    seconds = race({name: contestants[name] for name in ("montage", *quick)}, 9, 20)
    found = [row("montage, 1,000 digits", slow["montage"], pixels, slow[pixels], 1 / 20)]
    bounds = {quick[0]: 1}  # an image each leaves little to gain
    for name in quick:
        ours = seconds["montage"]
        found.append(row("montage, 1,000 digits", ours, name, seconds[name], bounds.get(name)))
    return found
