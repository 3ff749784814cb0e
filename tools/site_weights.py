"""Train what the site's pages run, by the lessons' own cells, and store it: ``docs/alive/*.json``.

    python -m tools.site_weights

A lesson runs up to the cell that shows or trains its network, which is written, a byte for each
weight, deflated. How far these bytes' answers are from those of the network as trained is measured
then, stored with it and printed. A test names what is older than the cells that it comes from.
"""

import hashlib
import json
import sys
from pathlib import Path

import nbformat
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
more = {}


def answers():
    return model.predict(data.valid.images, batch_size=500, verbose=0)
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
        layers[-1]["gain"] = [float(f"{g:.7g}") for g in gain]
        layers[-1]["weights"][1] = shift - mean * gain
    elif kind == "ReLU":
        layers[-1]["then"] = "relu"
layers[-1]["then"] = "softmax"  # the lesson's network ends with scores
more = {}


def answers():
    scores = fast.predict(data.valid.images.reshape(-1, 28, 28, 1), batch_size=500, verbose=0)
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
# a byte a weight, from -127 to 127, times one number for each column
STORE = """
import base64, json, zlib
before = answers()
for layer, variable in zip(layers, rounded, strict=True):
    W, b = layer.pop("weights")
    scale = abs(W).max(axis=tuple(range(W.ndim - 1))) / 127
    bytes_ = np.round(W / np.where(scale, scale, 1)).astype(np.int8)
    layer |= {
        "shape": list(W.shape),
        "scale": [float(f"{s:.7g}") for s in scale],
        "bias": [float(f"{s:.7g}") for s in b],
        "weights": base64.b64encode(zlib.compress(bytes_.tobytes(), 9)).decode(),
    }
    variable.assign(bytes_ * np.array(layer["scale"], np.float32))
apart = abs(answers() - before)
rounding = {"answers": len(before), "largest": float(apart.max()), "mean": float(apart.mean())}
print(json.dumps({"rounding": rounding, "layers": layers, **more}))
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


def main() -> int:
    """Train and store the networks that are named, or all."""
    FOLDER.mkdir(exist_ok=True)
    for lesson in sys.argv[1:] or RECIPES:
        path = FOLDER / f"{lesson}.json"
        network = train(lesson)
        with replacing(path) as file:
            file.write(f"{json.dumps(network)}\n".encode())
        of = network["rounding"]
        print(
            f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB. In {of['answers']:,} "
            f"answers a byte a weight changes a number from 0 to 1 by {of['mean']:.6f} on average, "
            f"by {of['largest']:.4f} at most.",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
