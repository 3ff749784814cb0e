"""What could run a lesson's network in a page: sizes, seconds, answers, side by side.

    python -m benchmarks.runtimes            # the course's own script, and its size
    python -m benchmarks.runtimes FOLDER     # and the others, where npm has put them:

    npm install onnxruntime-web @litertjs/core @tensorflow/tfjs @tensorflow/tfjs-backend-wasm

Lesson 07's fast network reads 100 test digits, one by one, in headless Chromium on one thread of
the CPU. All of them get the same weights. What is printed: bytes to load before the first answer
without the network's own, milliseconds from the page to the first answer, those of each later digit
(ten in a row, the quickest ten), and how far an answer is from Keras'.
"""

import argparse
import contextlib
import functools
import http.server
import json
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

from tools.site import write_alive
from tools.site_weights import in_keras

LESSON = "07-convolutional-classifiers"
# name: files that are loaded (the course's or npm's), and code that defines `read`
RUNTIMES = {
    "plain JavaScript": (
        ["ours/alive.js"],
        """
        await script("ours/alive.js"); await script("ours/NETWORK.js");
        const { layers: packed } = courseAlive.networks["NETWORK"];
        const layers = await Promise.all(packed.map(courseAlive.unpack));
        const read = (digit) => courseAlive.run(layers, digit);""",
    ),
    "TensorFlow.js, JavaScript": (["@tensorflow/tfjs/dist/tf.min.js"], "TFJS cpu"),
    "TensorFlow.js, WebAssembly": (
        [
            "@tensorflow/tfjs/dist/tf.min.js",
            "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
            "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
        ],
        "TFJS wasm",
    ),
    "LiteRT.js": (
        [
            "@litertjs/core/dist/index.js",
            "@litertjs/wasm-utils/dist/index.js",
            "@litertjs/core/wasm/litert_wasm_internal.js",
            "@litertjs/core/wasm/litert_wasm_internal.wasm",
        ],
        """
        const lite = await import("/@litertjs/core/dist/index.js");
        await lite.loadLiteRt("/@litertjs/core/wasm/");
        const model = await lite.loadAndCompile("/ours/network.tflite", { accelerator: "wasm" });
        const read = async (digit) => {
            const input = new lite.Tensor(Float32Array.from(digit), [1, 784]);
            const [output] = await model.run(input);
            const answer = [...await output.data()];
            input.delete(); output.delete();
            return answer;
        };""",
    ),
    "ONNX Runtime Web": (
        [
            "onnxruntime-web/dist/ort.wasm.min.mjs",
            "onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
            "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
        ],
        """
        const ort = await import("/onnxruntime-web/dist/ort.wasm.min.mjs");
        ort.env.wasm.wasmPaths = "/onnxruntime-web/dist/"; ort.env.wasm.numThreads = 1;
        const model = await ort.InferenceSession.create("/ours/network.onnx");
        const [name] = model.inputNames, [out] = model.outputNames;
        const tensor = (digit) => new ort.Tensor("float32", Float32Array.from(digit), [1, 784]);
        const read = async (digit) => (await model.run({ [name]: tensor(digit) }))[out].data;""",
    ),
}
TFJS = """
for (const file of FILES) if (file.endsWith(".js")) await script(file);
if (BACKEND === "wasm") tf.wasm.setWasmPaths("/@tensorflow/tfjs-backend-wasm/dist/");
await tf.setBackend(BACKEND); await tf.ready();
const made = await (await fetch("/ours/network.json")).json();
const model = tf.sequential();
for (const [kind, options, weights] of made) {
    const layer = tf.layers[kind](options);
    model.add(layer);
    layer.setWeights(weights.map(([shape, numbers]) => tf.tensor(numbers, shape)));
}
const read = (digit) => tf.tidy(() => model.predict(tf.tensor2d([digit])).dataSync());
"""
PAGE = """async ([code, digits, FILES, BACKEND]) => {
    globalThis.script ??= (source) => new Promise((done, failed) => {
        const tag = Object.assign(document.createElement("script"), { src: "/" + source });
        tag.onload = done; tag.onerror = () => failed(source);
        document.head.append(tag);
    });
    const begin = performance.now();
    const read = await new Function("FILES", "BACKEND",
        "return (async () => {" + code + "; return read; })()")(FILES, BACKEND);
    const answers = [[...await read(digits[0])]];
    const ready = performance.now() - begin;
    for (let k = 0; k < 20; k++) await read(digits[k]); // warm
    let each = Infinity; // a browser's clock is coarse, and other programs may be in the way
    for (let k = 0; k < digits.length; k += 10) {
        const start = performance.now();
        for (const digit of digits.slice(k, k + 10)) answers.push([...await read(digit)]);
        each = Math.min(each, (performance.now() - start) / 10);
    }
    return { ready, each, answers: answers.slice(1) };
}"""


def for_tfjs(model) -> list:
    """Return a Keras model's layers as TensorFlow.js names them, with their weights."""
    kinds = {"Conv2D": "conv2d", "Dense": "dense", "Flatten": "flatten", "Reshape": "reshape"}
    kinds |= {"MaxPooling2D": "maxPooling2d", "BatchNormalization": "batchNormalization"}
    kinds |= {"Activation": "activation"}
    made = []
    for layer in model.layers:
        names = {
            "filters": "filters",
            "kernel_size": "kernelSize",
            "strides": "strides",
            "padding": "padding",
            "use_bias": "useBias",
            "units": "units",
            "target_shape": "targetShape",
            "pool_size": "poolSize",
            "epsilon": "epsilon",
            "activation": "activation",
        }
        config = layer.get_config()
        options = {there: config[here] for here, there in names.items() if here in config}
        if not made:
            options["inputShape"] = [784]
        weights = [(list(w.shape), w.ravel().tolist()) for w in layer.get_weights()]
        made.append((kinds[type(layer).__name__], options, weights))
    return made


@contextlib.contextmanager
def served(folder: Path):
    """Serve a folder on this machine; yield its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
            ".mjs": "text/javascript",
            ".wasm": "application/wasm",
        }

        def log_message(self, *_):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def measure(folder: Path | None) -> list[dict]:
    """Return a row for each runtime that is there."""
    import tensorflow as tf
    from playwright.sync_api import sync_playwright

    from libs.datasets import MNIST
    from tools.book import find_browser

    model, digits = in_keras(LESSON), MNIST().test.images[:100]
    expected = model.predict(digits, verbose=0)
    rows = []
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        write_alive(root / "ours")
        for package in (folder / "node_modules").glob("*") if folder else ():
            (root / package.name).symlink_to(package.resolve())
        if folder:
            (root / "ours" / "network.json").write_text(json.dumps(for_tfjs(model)), "utf-8")
            model.export(root / "ours" / "network.onnx", format="onnx", verbose=False)
            one = tf.function(model).get_concrete_function(tf.TensorSpec((1, 784)))
            lite = tf.lite.TFLiteConverter.from_concrete_functions([one]).convert()
            (root / "ours" / "network.tflite").write_bytes(lite)
        imports = {"imports": {"@litertjs/wasm-utils": "/@litertjs/wasm-utils/dist/index.js"}}
        page_text = f'<!doctype html><script type="importmap">{json.dumps(imports)}</script>'
        (root / "index.html").write_text(page_text, "utf-8")
        with served(root) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=find_browser(), args=["--no-sandbox"]
            )
            for name, (files, code) in RUNTIMES.items():
                if not all((root / file).is_file() for file in files):
                    print(f"{name}: not there", file=sys.stderr)
                    continue
                page = browser.new_page()
                page.goto(f"{address}/index.html")
                backend = code.removeprefix("TFJS ")
                code = TFJS if code.startswith("TFJS") else code.replace("NETWORK", LESSON)
                said = page.evaluate(PAGE, [code, digits.tolist(), files, backend])
                page.close()
                apart = abs(np.array(said.pop("answers")) - expected).max()
                size = sum((root / file).stat().st_size for file in files)
                rows.append({"name": name, "bytes": size, **said, "apart": float(apart)})
            browser.close()
    return rows


def main() -> int:
    """Measure and print a table, and what the course's own pages load."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where npm has put the others")
    folder = parser.parse_args().folder
    for row in measure(folder):
        print(
            f"{row['name']:28}{row['bytes'] / 1e3:10,.0f} kB{row['ready']:8.0f} ms to the first "
            f"answer{row['each']:8.2f} ms a digit; from Keras' {row['apart']:.1e}"
        )
    with tempfile.TemporaryDirectory() as made:
        write_alive(alive := Path(made, "alive"))
        sizes = {path.name: path.stat().st_size for path in sorted(alive.iterdir())}
    listed = ", ".join(f"{name} {size / 1e3:,.0f} kB" for name, size in sizes.items())
    print(f"in pages: {listed}; together {sum(sizes.values()) / 1e3:,.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
