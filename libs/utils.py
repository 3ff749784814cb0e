"""Small tools that several lessons use: montages, a linear layer, noise, the latent plane."""

import math
import os

import imageio.v3 as iio
import keras
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.special import ndtri
from scipy.stats import rankdata

from libs import SEED, validate
from libs.files import replacing


def montage(
    images,
    padding: int = 1,
    fill: float = 0.5,
    columns: int | None = None,
    saveto: str | os.PathLike | None = None,
) -> np.ndarray:
    """Lay images out on one canvas, row by row, in a grid.

    Raises TypeError if the images are not numbers, ValueError if another argument is not as below.

    Parameters
    ----------
    images : array
        ``[n, height, width]``, ``[n, height, width, 1]`` or ``[n, height, width, 3]``, floats or
        integers of any range.
    padding : int
        Pixels between the images and around them.
    fill : float
        What padding and empty places hold, as a share of full brightness: of 1.0 for floats, of
        255 for integers.
    columns : int, optional
        Images in a row; by default the grid is as square as it can be.
    saveto : path, optional
        PNG file to write as well (only floats in ``[0, 1]`` or integers from 0 to 255).

    Returns
    -------
    numpy.ndarray
        ``[rows·(height + padding) + padding, columns·(width + padding) + padding]``, with a last
        axis of 3 for RGB, of the images' own type and range.

    Examples
    --------
    >>> montage(np.ones((4, 28, 28))).shape
    (59, 59)
    """
    images = validate.images(images, "images")
    n, height, width, channels = images.shape
    padding = validate.whole(padding, "padding", least=0)
    columns = math.ceil(math.sqrt(n)) if columns is None else validate.whole(columns, "columns")
    fill = validate.number(fill, "fill", 0, 1)
    if images.dtype.kind in "iu":
        fill = round(fill * min(255, np.iinfo(images.dtype).max))
    rows = math.ceil(n / columns)
    step_y, step_x = height + padding, width + padding
    size = rows * step_y + padding, columns * step_x + padding, channels
    canvas = np.full(size, fill, images.dtype)
    # every place of the grid, as a view of the canvas: [rows, columns, height, width, channels]
    places = canvas[padding:, padding:].reshape(rows, step_y, columns, step_x, channels)
    places = places[:, :height, :, :width].swapaxes(1, 2)
    full = n // columns  # rows without an empty place
    places[:full] = images[: full * columns].reshape(full, columns, height, width, channels)
    if full < rows:
        places[full, : n - full * columns] = images[full * columns :]
    canvas = canvas[..., 0] if channels == 1 else canvas
    if saveto is not None:
        with replacing(saveto) as file:
            iio.imwrite(file, validate.pixels(canvas, "images"), extension=".png")
    return canvas


def montage_filters(W) -> np.ndarray:
    """Lay the kernels of a convolution layer out on one canvas, a pixel apart.

    A layer that reads one channel gives a grid as square as it can be; one that reads several
    gives a row per input channel and a column per filter. The canvas is
    ``[rows·(height + 1) + 1, columns·(width + 1) + 1]``.

    Parameters
    ----------
    W : array
        Kernels, ``[height, width, in, out]``, else ValueError. Nothing is rescaled: weights keep
        their sign, for a diverging colour map. The pixels between and around them hold 0.

    Examples
    --------
    >>> montage_filters(np.ones((5, 5, 1, 4))).shape, montage_filters(np.ones((5, 5, 3, 4))).shape
    ((13, 13), (19, 25))
    """
    W = np.asarray(W)
    if W.ndim != 4:
        hint = "A Keras layer keeps it in layer.kernel."
        raise ValueError(f"W must have shape [height, width, in, out], got {list(W.shape)}. {hint}")
    height, width, n_in, n_out = W.shape
    kernels = W.transpose(2, 3, 0, 1).reshape(n_in * n_out, height, width)
    return montage(kernels, fill=0, columns=None if n_in == 1 else n_out)


def linear(x, n_output: int, name: str | None = None):
    """Apply a new fully connected layer: ``h = x W + b``.

    Source: X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward
    neural networks*, 2010.

    Parameters
    ----------
    x : keras.Input, Keras tensor or TensorFlow tensor
        ``[batch, features]``, else ValueError.
    n_output : int
        Number of units; ValueError if it is not a positive whole number.
    name : str, optional
        Name of the layer.

    Returns
    -------
    h : Keras tensor or TensorFlow tensor
        ``[batch, n_output]``, logits: no activation follows.
    W : keras.Variable
        The kernel, ``[features, n_output]``, drawn Glorot-uniform. The bias starts at zero.

    Examples
    --------
    >>> h, W = linear(keras.Input((784,)), 10)
    >>> print(h.shape, W.shape)
    (None, 10) (784, 10)
    """
    if len(x.shape) != 2 or x.shape[1] is None:
        raise ValueError(f"x must have shape [batch, features], got {[*x.shape]}. Flatten it.")
    layer = keras.layers.Dense(validate.whole(n_output, "n_output"), name=name)
    return layer(x), layer.kernel


def corrupt(images, noise: float = 0.5, seed: int = SEED) -> np.ndarray:
    """Return a copy of images with a share of their pixels set to 0, each by its own toss.

    Source: P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol, *Extracting and composing
    robust features with denoising autoencoders*, 2008.

    Parameters
    ----------
    images : array
        Floats or integers of any shape, else TypeError; every number counts as a pixel. The copy
        has their shape and type.
    noise : float
        How likely a pixel is lost, 0 (none) to 1 (all), else ValueError.
    seed : int
        The same seed masks the same pixels.

    Examples
    --------
    >>> images = np.ones((100, 784), np.float32)
    >>> print(f"{(corrupt(images, noise=0.25) == 0).mean():.2f}")
    0.25
    """
    images = validate.numeric(images, "images").copy()
    noise = validate.number(noise, "noise", 0, 1)
    images[np.random.default_rng(seed).random(images.shape, np.float32) < noise] = 0
    return images


def _grid(line: np.ndarray) -> np.ndarray:
    """Return the points of a square grid, ``[n·n, 2]``, row by row from the upper left."""
    columns, rows = np.meshgrid(line, line[::-1])
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def latent_grid(n: int = 20) -> np.ndarray:
    """Lay a square grid of codes, ``[n·n, 2]`` float32, over the latent plane.

    The codes run as a montage does, row by row from the upper left, with y pointing up:
    ``montage(decode(latent_grid(20)))`` is a map of what the plane decodes to. Each axis holds the
    quantiles ``(i + 0.5) / n`` of a standard Gaussian. Source: D. P. Kingma and M. Welling,
    *Auto-encoding variational Bayes*, 2014.

    Parameters
    ----------
    n : int
        Codes in a row, and rows. ValueError if it is not a positive whole number.

    Examples
    --------
    >>> print(latent_grid(2).round(2))
    [[-0.67  0.67]
     [ 0.67  0.67]
     [-0.67 -0.67]
     [ 0.67 -0.67]]
    """
    n = validate.whole(n, "n")
    return _grid(ndtri((np.arange(n) + 0.5) / n)).astype(np.float32)


def grid_assignment(codes) -> np.ndarray:
    """Give each point its own place on a square grid, so that neighbours stay neighbours.

    Coordinates are replaced by their ranks, which spreads the points over the square; then the
    assignment with the least sum of squared distances is found (H. W. Kuhn, 1955; D. F. Crouse,
    *On implementing 2D rectangular assignment algorithms*, 2016): a second for 1,600 points.

    Parameters
    ----------
    codes : array
        ``[n, 2]`` finite numbers, else TypeError or ValueError; n a square such as 1,600.

    Returns
    -------
    numpy.ndarray
        ``[n]`` integers: which point goes to each place, in the order of :func:`latent_grid`.
        ``montage(images[grid_assignment(codes)])`` shows the points' images in their places.

    Examples
    --------
    >>> upper_right, lower_left, lower_right, upper_left = [9, 5], [-2, -3], [7, 0], [0, 8]
    >>> grid_assignment([upper_right, lower_left, lower_right, upper_left])
    array([3, 0, 1, 2])
    """
    codes = validate.codes(codes, "codes")
    n, side = len(codes), math.isqrt(len(codes))
    if side**2 != n:
        raise ValueError(f"{n:,} points fill no square grid. Take the first: codes[:{side**2}].")
    # the share of points to the left of each point, or below it; equals share a rank
    ranks = (rankdata(codes, axis=0) - 0.5) / n
    distance = cdist(_grid((np.arange(side) + 0.5) / side), ranks, "sqeuclidean")
    return linear_sum_assignment(distance)[1]
