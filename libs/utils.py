"""Small tools that several lessons use: image montages and the course's linear layer."""

import math
import os

import imageio.v3 as iio
import keras
import numpy as np

from libs.files import replacing


def check_images(images, name: str) -> np.ndarray:
    """Check a stack of images and give it a channel axis.

    Parameters
    ----------
    images : array or list of arrays
        Shape ``[n, height, width]``, ``[n, height, width, 1]`` or ``[n, height, width, 3]``.
    name : str
        What the caller's argument is called, for the error message.

    Returns
    -------
    numpy.ndarray
        The same images, ``[n, height, width, channels]``, not copied where that can be helped.

    Raises
    ------
    TypeError
        If the images are not numbers.
    ValueError
        If there is no image, images differ in shape, or the shape is none of the three.
    """
    try:
        images = np.asarray(images)
    except ValueError as error:
        raise ValueError(f"{name} must all have one shape; {error}.") from None
    if images.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be float or integer, got {images.dtype}.")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            f"{name} must have shape [n, height, width], [n, height, width, 1] or "
            f"[n, height, width, 3], got {list(images.shape)}. "
            f"Flat images need .reshape(-1, height, width) first."
        )
    if 0 in images.shape:
        raise ValueError(f"{name} is empty: its shape is {list(images.shape)}.")
    return images


def as_uint8(images: np.ndarray, name: str) -> np.ndarray:
    """Turn float pixels in ``[0, 1]`` into uint8 in ``[0, 255]``; uint8 passes unchanged.

    Parameters
    ----------
    images : numpy.ndarray
        Float in ``[0, 1]`` or uint8, any shape.
    name : str
        What the caller's argument is called, for the error message.

    Returns
    -------
    numpy.ndarray
        uint8, same shape.

    Raises
    ------
    TypeError
        If the images are neither float nor uint8.
    ValueError
        If a float pixel is NaN or outside ``[0, 1]``.
    """
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise TypeError(f"{name} must be float in [0, 1] or uint8, got {images.dtype}.")
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):  # written so that NaN fails too
        raise ValueError(
            f"{name} must lie in [0, 1], got {low:.4g} to {high:.4g}. "
            f"Scale first: (x - x.min()) / (x.max() - x.min())."
        )
    levels = np.asarray(images * 255)
    return np.rint(levels, out=levels).astype(np.uint8)  # in place: memory costs more than sums


def montage(
    images,
    padding: int = 1,
    fill: float = 0.5,
    columns: int | None = None,
    saveto: str | os.PathLike | None = None,
) -> np.ndarray:
    """Lay images out on one canvas, row by row, in a grid.

    Parameters
    ----------
    images : array
        Shape ``[n, height, width]``, ``[n, height, width, 1]`` or ``[n, height, width, 3]``,
        any float or integer type and range.
    padding : int
        Pixels between the images and around them.
    fill : float
        What padding and empty places hold, as a share of full brightness: 1.0 for floats, the
        type's largest value for integers.
    columns : int, optional
        Images in a row; by default the grid is as square as it can be.
    saveto : path, optional
        PNG file to write as well (float in ``[0, 1]`` or uint8 only), never half written.

    Returns
    -------
    numpy.ndarray
        ``[rows·(height + padding) + padding, columns·(width + padding) + padding]``, with a last
        axis of 3 for RGB, of the images' own type and range.

    Raises
    ------
    TypeError
        If the images are not numbers.
    ValueError
        If the shape is none of the three, there is no image, or an argument is out of range.

    Examples
    --------
    >>> montage(np.ones((4, 28, 28))).shape
    (59, 59)
    """
    images = check_images(images, "images")
    n, height, width, channels = images.shape
    if padding < 0 or int(padding) != padding:
        raise ValueError(f"padding must be a whole number of at least 0, got {padding!r}.")
    if columns is None:
        columns = math.ceil(math.sqrt(n))
    elif columns < 1 or int(columns) != columns:
        raise ValueError(f"columns must be a whole number of at least 1, got {columns!r}.")
    if not 0 <= fill <= 1:
        raise ValueError(f"fill must be 0 to 1, a share of full brightness, got {fill!r}.")
    if images.dtype.kind in "iu":
        fill = round(fill * np.iinfo(images.dtype).max)
    rows = math.ceil(n / columns)
    step_y, step_x = height + padding, width + padding
    canvas = np.full(
        (rows * step_y + padding, columns * step_x + padding, channels), fill, images.dtype
    )
    # every place of the grid at once, as a view of the canvas: [rows, columns, height, width, c]
    places = np.lib.stride_tricks.as_strided(
        canvas[padding:, padding:],
        (rows, columns, height, width, channels),
        (step_y * canvas.strides[0], step_x * canvas.strides[1], *canvas.strides),
    )
    full = n // columns  # rows without an empty place
    places[:full] = images[: full * columns].reshape(full, columns, height, width, channels)
    if full < rows:
        places[full, : n - full * columns] = images[full * columns :]
    canvas = canvas[..., 0] if channels == 1 else canvas
    if saveto is not None:
        with replacing(saveto) as file:
            iio.imwrite(file, as_uint8(canvas, "images"), extension=".png")
    return canvas


def montage_filters(W, padding: int = 1) -> np.ndarray:
    """Lay the kernels of a convolution layer out on one canvas.

    A layer that reads one channel gives a grid as square as it can be, one kernel a place.
    A layer that reads several gives one row per input channel and one column per filter.

    Parameters
    ----------
    W : array
        Kernels, ``[height, width, in, out]``, any range: nothing is rescaled, so that weights
        keep their sign and can be drawn with a diverging colour map.
    padding : int
        Pixels between the kernels and around them; they hold 0 (no weight).

    Returns
    -------
    numpy.ndarray
        The canvas, ``[rows·(height + padding) + padding, columns·(width + padding) + padding]``.

    Raises
    ------
    ValueError
        If ``W`` is not 4-D.

    Examples
    --------
    >>> montage_filters(np.zeros((5, 5, 1, 32))).shape
    (37, 37)
    """
    W = np.asarray(W)
    if W.ndim != 4:
        raise ValueError(
            f"W must have shape [height, width, in, out], got {list(W.shape)}. "
            f"A Keras layer keeps it in layer.kernel."
        )
    height, width, n_in, n_out = W.shape
    kernels = W.transpose(2, 3, 0, 1).reshape(n_in * n_out, height, width)
    return montage(kernels, padding, fill=0, columns=None if n_in == 1 else n_out)


def linear(x, n_output: int, name: str | None = None, activation=None):
    """Apply a new fully connected layer: ``h = activation(x W + b)``.

    Parameters
    ----------
    x : keras.Input, Keras tensor, TensorFlow tensor or array
        Shape ``[batch, ...]``; whatever is not 2-D is flattened to ``[batch, features]``.
    n_output : int
        Number of units.
    name : str, optional
        Name of the layer.
    activation : str or callable, optional
        Such as ``"relu"``; none by default, so that ``h`` holds logits.

    Returns
    -------
    h : Keras tensor or TensorFlow tensor
        ``[batch, n_output]``.
    W : keras.Variable
        The kernel, ``[features, n_output]``, drawn Glorot-uniform. The bias starts at zero.

    Raises
    ------
    ValueError
        If ``x`` has fewer than two axes or an unknown number of features, or ``n_output`` is not
        a positive whole number.

    References
    ----------
    X. Glorot and Y. Bengio, *Understanding the difficulty of training deep feedforward neural
    networks*, 2010.

    Examples
    --------
    >>> h, W = linear(keras.Input((28, 28)), 10)
    >>> h.shape, tuple(W.shape)
    ((None, 10), (784, 10))
    """
    if not hasattr(x, "shape"):
        x = np.asarray(x)
    if isinstance(x, np.ndarray):
        x = keras.ops.convert_to_tensor(x.astype(keras.config.floatx()))
    if len(x.shape) < 2 or None in tuple(x.shape)[1:]:
        raise ValueError(
            f"x must have shape [batch, ...] with every axis but the first known, "
            f"got {list(x.shape)}."
        )
    if isinstance(n_output, bool) or int(n_output) != n_output or n_output < 1:
        raise ValueError(f"n_output must be a positive whole number, got {n_output!r}.")
    if len(x.shape) > 2:
        x = keras.layers.Flatten()(x)
    layer = keras.layers.Dense(
        int(n_output),
        activation=activation,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        name=name,
    )
    return layer(x), layer.kernel
