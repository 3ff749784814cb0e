"""Train what the site's pages run, by the lessons' own cells, and store it: ``docs/alive/*.json``.

    python -m tools.site_weights

A lesson runs up to the cell that shows or trains its network, which is written, its weights as
whole numbers times a scale: two bytes each, where a page must answer as Keras does; one in lesson
05, whose pictures' greys nobody reads. How far this moves the network's answers is measured then,
stored with it and printed. What Keras itself answered to 100 test digits and to 60 drawn ones
(``keras/drawn.json``: two hands' digits, each off the centre, thick and thin, as strokes and as
pages see them) lies in ``keras/`` for the tests, not in pages. A test names what is older than the
cells that it comes from.
"""

import base64
import hashlib
import json
import sys
import zlib
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient

from libs.files import replacing

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "alive"
# lesson: where it has made its network, what cells do that, and the code that hands its layers over
RECIPES = {
    "00-start-here": (
        "DigitPad(model)",
        ("model = keras.Sequential(", "model.fit("),
        """
layers, rounded = [], []
for layer in model.layers:
    if kept := layer.get_weights():
        convolution = isinstance(layer, keras.layers.Conv2D)
        layers.append({
            "kind": "convolution" if convolution else "dense",
            "stride": layer.strides[0] if convolution else 1,
            "then": layer.activation.__name__,
            "weights": kept,
        })
        rounded.append(layer.kernel)
width, more = 2, {}


def answers(images=data.valid.images):
    return model.predict(images, batch_size=500, verbose=0)
""",
    ),
    "07-convolutional-classifiers": (
        "fast = pooled(",
        ("def pooled(", "fast = pooled("),
        """
layers, rounded = [], []
for layer in fast.layers:
    kind = type(layer).__name__
    if kind in ("Conv2D", "Dense"):
        rounded.append(layer.kernel)
        W, b = (*layer.get_weights(), np.zeros(layer.get_weights()[0].shape[-1]))[:2]
        layers.append({"kind": "dense", "stride": 1, "then": "linear", "weights": [W, b]})
        if kind == "Conv2D":
            assert layer.padding == "same" and layer.strides == (1, 1)
            layers[-1] |= {"kind": "convolution", "pad": layer.kernel_size[0] // 2}
    elif kind == "MaxPooling2D":
        layers[-1]["pool"] = layer.pool_size[0]
    elif kind == "BatchNormalization":  # what was learned and counted: times gain, plus bias
        scale, shift, mean, variance = layer.get_weights()
        gain = scale / np.sqrt(variance + layer.epsilon)
        layers[-1]["gain"] = gain
        layers[-1]["weights"][1] = shift - mean * gain
    elif kind == "ReLU":
        layers[-1]["then"] = "relu"
layers[-1]["then"] = "softmax"  # the lesson's network ends with scores
width, more = 2, {}


def answers(images=data.valid.images):
    scores = fast.predict(images.reshape(-1, 28, 28, 1), batch_size=500, verbose=0)
    return keras.ops.softmax(scores).numpy()
""",
    ),
    "05-variational-autoencoders": (
        "LatentExplorer(",
        (
            "def new_layers(",
            "def lessons_elbo(",
            "def new_vae(",
            "def new_trainer(",
            "def train_vae(",
            "= train_vae(vae,",
        ),
        """
layers = [
    {"kind": "dense", "stride": 1, "then": "relu", "weights": [W.numpy(), b.numpy()]}
    for W, b in vae[1]
]
layers[-1]["then"] = "sigmoid"
rounded = [W for W, _ in vae[1]]
width = 1


def answers():
    return tf.sigmoid(forward(codes, vae[1])).numpy()


# the picture in 64 colours, which no eye tells from all of them
import base64, io
from PIL import Image
plane = _.plane  # of what the last cell showed
png = base64.b64decode(plane["src"].partition(",")[2])
file = io.BytesIO()
Image.open(io.BytesIO(png)).convert("RGB").quantize(64).save(file, "PNG", optimize=True)
src = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
more = {"plane": dict(plane) | {"src": src}}
""",
    ),
}
# whole numbers of `width` bytes, times one number a column; all high bytes, then all low ones
STORE = """
import base64, json, zlib
from libs.datasets import MNIST


def text(array, level=0):
    content = array.tobytes()
    return base64.b64encode(zlib.compress(content, level) if level else content).decode()


before = answers()
keras_says = {}
if width == 2:
    packed = json.loads(open("../docs/alive/keras/drawn.json").read())
    drawn = [np.frombuffer(zlib.decompress(base64.b64decode(d["image"])), np.uint8) for d in packed]
    asked = {"test": MNIST().test.images[:100], "drawn": np.float32(drawn) / 255}
    keras_says = {
        name: [[float(f"{p:.7g}") for p in answer] for answer in answers(images)]
        for name, images in asked.items()
    }
for layer, variable in zip(layers, rounded, strict=True):
    W, b = layer.pop("weights")
    scale = abs(W).max(axis=tuple(range(W.ndim - 1))) / (256**width // 2 - 1)
    scale = np.where(scale, scale, 1).astype(np.float32)
    whole = np.round(W / scale).astype(np.int16)
    high = [np.right_shift(whole, 8).astype(np.int8), (whole & 255).astype(np.uint8).view(np.int8)]
    layer |= {
        "shape": list(W.shape),
        "weights": text(np.stack(high) if width == 2 else whole.astype(np.int8), 9),
        "scale": text(scale),
        "bias": text(np.float32(b)),
    }
    if "gain" in layer:
        layer["gain"] = text(np.float32(layer["gain"]))
    variable.assign(whole * scale)
apart = abs(answers() - before)
rounding = {"answers": len(before), "largest": float(apart.max()), "mean": float(apart.mean())}
print(json.dumps({"rounding": rounding, "layers": layers, "keras": keras_says, **more}))
"""


def cells_of(lesson: str) -> list[str]:
    """Return the code of a lesson, cell by cell, up to and with the one that has its network."""
    path = ROOT / "notebooks" / f"{lesson}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    made = RECIPES[lesson][0]
    return code[: next(i for i, source in enumerate(code) if made in source) + 1]


def digest(lesson: str) -> str:
    """Return the digest of the cells that make a lesson's network."""
    parts = RECIPES[lesson][1]
    found = [source for source in cells_of(lesson) if any(part in source for part in parts)]
    missing = [part for part in parts if not any(part in source for source in found)]
    if missing:
        raise ValueError(f"{lesson} has no cell with {missing[0]!r}. Bring RECIPES up to date.")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def train(lesson: str) -> dict:
    """Run a lesson until it has its network; return that."""
    notebook = nbformat.v4.new_notebook()
    handed_over = RECIPES[lesson][2] + STORE
    notebook.cells = list(map(nbformat.v4.new_code_cell, [*cells_of(lesson), handed_over]))
    place = {"metadata": {"path": ROOT / "notebooks"}}
    NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=place).execute()
    stored = json.loads("".join(o.text for o in notebook.cells[-1].outputs if o.name == "stdout"))
    return {"lesson": lesson, "cells": digest(lesson), **stored}


def unpacked(text: str, kind: type, level: int = 0) -> np.ndarray:
    """Return numbers that STORE packed into a text."""
    content = base64.b64decode(text)
    return np.frombuffer(zlib.decompress(content) if level else content, kind)


def in_keras(lesson: str):
    """Return a lesson's network, as pages hold it, made of Keras' own layers."""
    import keras

    stored = json.loads((FOLDER / f"{lesson}.json").read_text("utf-8"))["layers"]
    first = stored[0]["kind"] == "convolution"
    model = keras.Sequential([keras.Input((784,) if first else (stored[0]["shape"][0],))])
    if first:
        model.add(keras.layers.Reshape((28, 28, 1)))
    for layer in stored:
        shape, bias = layer["shape"], unpacked(layer["bias"], np.float32)
        bytes_ = unpacked(layer["weights"], np.int8, 9)
        high, low = bytes_[: np.prod(shape)], bytes_[np.prod(shape) :].view(np.uint8)
        whole = 256 * high.astype(np.int32) + low if low.size else high
        weights = whole.reshape(shape) * unpacked(layer["scale"], np.float32)
        normed = "gain" in layer
        if layer["kind"] == "convolution":
            how = {"padding": "same" if layer.get("pad") else "valid", "use_bias": not normed}
            model.add(keras.layers.Conv2D(len(bias), shape[0], layer["stride"], **how))
        else:
            if len(model.output_shape) > 2:
                model.add(keras.layers.Flatten())
            model.add(keras.layers.Dense(len(bias), use_bias=not normed))
        model.layers[-1].set_weights([weights] if normed else [weights, bias])
        if layer.get("pool"):
            model.add(keras.layers.MaxPooling2D(layer["pool"]))
        if normed:
            gain, zeros, ones = unpacked(layer["gain"], np.float32), 0 * bias, 0 * bias + 1
            model.add(keras.layers.BatchNormalization(epsilon=0))
            model.layers[-1].set_weights([gain, bias, zeros, ones])
        model.add(keras.layers.Activation(layer["then"]))
    return model


def main() -> int:
    """Train and store the networks that are named, or all."""
    FOLDER.mkdir(exist_ok=True)
    for lesson in sys.argv[1:] or RECIPES:
        path = FOLDER / f"{lesson}.json"
        network = train(lesson)
        asked = network.pop("keras")
        for target, content in ((path, network), (FOLDER / "keras" / path.name, asked)):
            if content:
                with replacing(target) as file:
                    file.write(f"{json.dumps(content)}\n".encode())
        of = network["rounding"]
        print(
            f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB. In {of['answers']:,} "
            f"answers rounding changes a number from 0 to 1 by {of['mean']:.7f} on average, by "
            f"{of['largest']:.6f} at most.",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
