"""The general autoencoder: what it computes, how it trains, what it keeps and refuses."""

import io
import itertools
import math
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import libs.autoencoder
from libs import ROOT
from libs.autoencoder import Autoencoder, load
from libs.datasets import Dataset, FashionMNIST

SMALL = {"shape": (8, 8), "layers": [12], "code": 3}


@pytest.fixture(scope="module")
def pictures():
    """Real pictures, ``[200, 784]``."""
    return FashionMNIST().test.images[:200]


def noise(n, *shape, seed=0):
    return np.random.default_rng(seed).random((n, *shape), np.float32)


@st.composite
def options(draw):
    """Arguments that go together, for small images of any shape."""
    kind = draw(st.sampled_from(["dense", "conv"]))
    least = 1 if kind == "dense" else 4  # two strides can halve it
    sides = draw(st.tuples(st.integers(least, 19), st.integers(least, 19)))
    shape = draw(st.sampled_from([sides, (*sides, 1), (*sides, 3)]))
    few = st.lists(st.integers(1, 6), min_size=kind == "conv", max_size=2)
    variational = draw(st.booleans())
    codes = st.integers(1, 5)
    if kind == "conv" and not variational:
        codes = st.none() | codes
    stride = draw(st.integers(1, 2))
    return {
        "shape": shape,
        "layers": draw(few),
        "code": draw(codes),
        "kind": kind,
        "kernel_size": draw(st.integers(stride, 5)),
        "stride": stride,
        "tied": draw(st.booleans()),
        "variational": variational,
        "noise": draw(st.sampled_from([0.0, 0.5])),
        "beta": draw(st.sampled_from([0.0, 1.0, 4.0])) if variational else 1.0,
        "activation": draw(st.sampled_from(["relu", "gelu", "linear"])),
        "output": "sigmoid" if variational else draw(st.sampled_from(["sigmoid", "linear"])),
    }


# --- what it computes -------------------------------------------------------------------------


@given(options())
@settings(max_examples=25)
def test_any_shape_comes_out_as_it_went_in(given_options):
    model = Autoencoder(**given_options)
    height, width, channels = (*given_options["shape"], 1)[:3]
    images = noise(3, height, width, channels)
    codes = model.encode(images)
    assert codes.ndim == 2
    assert codes.shape[1] == given_options["code"] or given_options["code"] is None
    made = model.reconstruct(images)
    assert made.shape == images.shape
    assert made.dtype == codes.dtype == np.float32
    np.testing.assert_allclose(made, model.decode(codes), atol=1e-6)
    # flat and, for gray, channel-less images are the same images
    np.testing.assert_array_equal(model.encode(images.reshape(3, -1)), codes)
    if channels == 1:
        np.testing.assert_array_equal(model.encode(images[..., 0].astype(np.float64)), codes)
    if given_options["tied"]:
        assert all(
            ours is theirs
            for ours, theirs in zip(
                model.decoder_kernels, reversed(model.encoder_kernels), strict=True
            )
        )


@pytest.mark.parametrize("shape", [(29, 29), (30, 17, 3), (5, 64)])
def test_odd_sizes_survive_strides(shape):
    model = Autoencoder(shape, [4, 4, 4], None, kind="conv")
    images = noise(2, *shape)
    halves = [math.ceil(side / 8) for side in shape[:2]]
    assert model.encode(images).shape == (2, halves[0] * halves[1] * 4)
    assert model.reconstruct(images).shape == (2, *(*shape, 1)[:3])


@given(
    sides=st.tuples(st.integers(3, 12), st.integers(3, 12)),
    kernel_size=st.integers(3, 5),
    stride=st.integers(1, 3),
)
@settings(max_examples=25)
def test_the_way_back_is_the_transpose_of_the_way_there(sides, kernel_size, stride):
    """<down(x), y> = <x, up(y)> for all x and y says that up is down's transpose."""
    model = Autoencoder(
        sides, [5], None, kind="conv", kernel_size=kernel_size, stride=stride,
        activation="linear", output="linear",
    )  # fmt: skip
    images = noise(1, *sides)
    codes = model.encode(images)
    others = noise(1, codes.shape[1], seed=1)
    there = np.vdot(codes, others)
    back = np.vdot(images, model.decode(others))
    np.testing.assert_allclose(there, back, rtol=1e-4, atol=1e-4)


def test_a_tied_decoder_holds_no_kernels_of_its_own():
    kernels = 784 * 512 + 512 * 256 + 256 * 128 + 128 * 64
    biases = 512 + 256 + 128 + 64 + 128 + 256 + 512 + 784
    assert Autoencoder().count_params() == kernels + biases
    assert Autoencoder(tied=False).count_params() == 2 * kernels + biases


@pytest.mark.parametrize("tied", [True, False])
def test_weights_copied_in_by_the_documented_order_give_the_same_network(tied):
    rng = np.random.default_rng(0)
    W1, W2, V1, V2 = (rng.normal(size=s) for s in [(64, 12), (12, 3), (12, 3), (64, 12)])
    b1, b2, c1, c2 = (rng.normal(size=n) for n in [12, 3, 12, 64])
    model = Autoencoder(**SMALL, tied=tied)
    model.set_weights([W1, b1, W2, b2, c1, c2] if tied else [W1, b1, W2, b2, V1, c1, V2, c2])
    if tied:
        V1, V2 = W2, W1
    x = noise(5, 64)
    code = np.maximum(x @ W1 + b1, 0) @ W2 + b2
    hidden = np.maximum(code @ V1.T + c1, 0)
    images = 1 / (1 + np.exp(-(hidden @ V2.T + c2)))
    np.testing.assert_allclose(model.encode(x), code, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.reconstruct(x).reshape(5, 64), images, atol=1e-5)


def test_the_order_of_a_variational_models_weights_is_as_documented():
    model = Autoencoder((8, 8), [4], 2, kind="conv", variational=True, tied=False)
    layers = ["encoder_0", "encoder_1", "log_variance", "decoder_0", "decoder_1"]
    assert [w.name for w in model.weights] == [
        f"{layer}_{part}" for layer in layers for part in ("kernel", "bias")
    ]


# --- the variational part ---------------------------------------------------------------------


@given(
    means=st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=2),
    log_variances=st.lists(st.floats(-4, 2, width=32), min_size=2, max_size=2),
)
@settings(max_examples=25)
def test_kl_divergence_agrees_with_numerical_integration(means, log_variances):
    z = np.linspace(-30, 30, 200_001)
    expected = 0
    for mean, log_variance in zip(means, log_variances, strict=True):
        log_q = -0.5 * (np.log(2 * np.pi) + log_variance + (z - mean) ** 2 / np.exp(log_variance))
        log_p = -0.5 * (np.log(2 * np.pi) + z**2)
        expected += np.trapezoid(np.exp(log_q) * (log_q - log_p), z)
    got = libs.autoencoder._kl(tf.constant([means]), tf.constant([log_variances]))
    np.testing.assert_allclose(got, [expected], rtol=1e-4, atol=1e-5)


def test_the_loss_is_minus_the_bound_and_its_parts_are_reported(pictures):
    model = Autoencoder(layers=[32], code=2, variational=True, beta=3.0)
    loss, reconstruction, kl = model.evaluate(pictures, verbose=0)
    assert model.metrics_names == ["loss", "reconstruction", "kl"]
    np.testing.assert_allclose(loss, reconstruction + 3 * kl, rtol=1e-5)
    mean, log_variance = model.posterior(pictures)
    np.testing.assert_allclose(mean, model.encode(pictures))
    expected_kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1).mean()
    np.testing.assert_allclose(kl, expected_kl, rtol=1e-4)
    # the bound by hand, from one draw of the same seed; beta has no part in it
    draw = np.random.default_rng(7).standard_normal((200, 2), np.float32)
    z = mean + np.exp(log_variance / 2) * draw
    p = model.decode(z).reshape(200, 784).astype(float)
    log_p = (pictures * np.log(p) + (1 - pictures) * np.log(1 - p)).sum(1)
    kls = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1)
    np.testing.assert_allclose(model.elbo(pictures, seed=7), log_p - kls, rtol=1e-3)


def test_the_gradient_flows_through_the_draw():
    """The gradient of the reconstruction reaches mean and variance, as finite differences say."""
    model = Autoencoder((4, 4), [], 2, variational=True, tied=False)
    images, state = tf.constant(noise(8, 4, 4, 1)), model._seeds.state.numpy()

    def reconstruction():
        model._seeds.state.assign(state)  # the same draw each time
        return model._loss_parts(images, training=True)[1]

    biases = [model.encoder_biases[-1], model.weights[3]]
    assert [bias.name for bias in biases] == ["encoder_0_bias", "log_variance_bias"]
    with tf.GradientTape() as tape:
        value = reconstruction()
    for bias, gradient in zip(biases, tape.gradient(value, biases), strict=True):
        start, step = bias.numpy(), 1e-2
        for i in range(2):
            both = []
            for sign in (1, -1):
                bias.assign(start + sign * step * np.eye(2)[i])
                both.append(float(reconstruction()))
            bias.assign(start)
            assert abs(gradient[i]) > 1e-3
            np.testing.assert_allclose(
                gradient[i], (both[0] - both[1]) / (2 * step), rtol=0.02, atol=1e-3
            )


def test_samples_come_from_the_seed():
    model = Autoencoder((9, 6, 3), [8], 2, variational=True)
    images = model.sample(4, seed=1)
    assert images.shape == (4, 9, 6, 3)
    assert ((images >= 0) & (images <= 1)).all()
    np.testing.assert_array_equal(images, model.sample(4, seed=1))
    assert (images != model.sample(4, seed=2)).any()


# --- training ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "bound"),
    # 200 steps reach 0.0002, 0.005 and 215 nats, of which 160 are the gray pixels' own entropy
    [
        ({"layers": [128], "code": 32}, 0.001),
        ({"layers": [16, 16], "code": None, "kind": "conv"}, 0.01),
        ({"layers": [128], "code": 16, "variational": True}, 235),
    ],
    ids=["dense", "conv", "variational"],
)
def test_sixteen_pictures_are_learnt_by_heart(arguments, bound, pictures):
    model = Autoencoder(**arguments)
    model.compile(keras.optimizers.Adam(0.003))
    images = np.repeat(pictures[:16], 8, axis=0)  # eight steps an epoch
    before = model.evaluate(images, verbose=0, return_dict=True)["loss"]
    losses = model.fit(images, epochs=25, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < bound < before / 2


def test_noise_masks_whole_pixels_of_the_input_and_only_in_training():
    # a network that copies its input: its loss is what the noise took away
    model = Autoencoder((8, 8, 3), [], 192, noise=0.3, activation="linear", output="linear")
    model.set_weights([np.eye(192), np.zeros(192), np.zeros(192)])
    ones = np.ones((500, 8, 8, 3), np.float32)
    assert model.evaluate(ones, verbose=0) == 0
    np.testing.assert_array_equal(model.reconstruct(ones), ones)
    losses = [float(model._loss_parts(tf.constant(ones), True)[0]) for _ in range(2)]
    assert losses[0] != losses[1]  # another mask each time
    np.testing.assert_allclose(losses, 0.3, atol=0.02)  # 32,000 pixels: 8 standard deviations
    # all channels of a pixel go together: a loss of one image is a multiple of 1/64
    share = 64 * float(model._loss_parts(tf.constant(ones[:1]), True)[0])
    assert share == pytest.approx(round(share), abs=1e-4)


def test_an_epoch_shows_each_image_once_in_a_new_order():
    rng = np.random.default_rng(0)
    batches = libs.autoencoder._batches(
        np.arange(10, dtype=np.float32), 4, lambda: rng.permutation(10)
    )
    assert len(batches) == 3
    first, second = ([list(batch.numpy()) for batch in batches] for _ in range(2))
    for epoch in (first, second):
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(itertools.chain(*epoch)) == list(range(10))
    assert first != second


def test_training_watches_validation_and_averages_over_images(pictures):
    data = Dataset(pictures, split=[0.8, 0.2, 0])
    model = Autoencoder(layers=[16], code=4)
    model.compile(
        keras.optimizers.SGD(0.0), jit_compile=False
    )  # stands still, so that the losses can be compared
    history = model.fit(data, epochs=1, batch_size=70, verbose=0).history
    for key, images in (("loss", data.train.images), ("val_loss", data.valid.images)):
        by_hand = np.square(model.reconstruct(images).reshape(len(images), -1) - images).mean()
        np.testing.assert_allclose(history[key], [by_hand], rtol=1e-5)


def test_the_seed_decides_everything(pictures):
    def train(seed, ambient):
        keras.utils.set_random_seed(ambient)  # what a notebook sets must not matter
        model = Autoencoder(**SMALL, noise=0.2, variational=True, seed=seed)
        model.compile(jit_compile=False)  # compiling takes longer than training here
        start = model.get_weights()
        model.fit(noise(50, 64), epochs=2, batch_size=20, verbose=0)
        return start, model.get_weights()

    (start, end), (start_again, end_again) = train(5, ambient=1), train(5, ambient=2)
    for one, other in zip(start + end, start_again + end_again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (start[0] != Autoencoder(**SMALL, variational=True, seed=6).get_weights()[0]).any()


def test_early_stopping_ends_with_the_best_weights():
    # noise can only be learnt by heart: validation soon gets worse
    data = Dataset(noise(60, 64), split=[0.5, 0.5, 0])
    model = Autoencoder((8, 8), [32], 16)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(data, epochs=100, batch_size=30, patience=3, verbose=0).history
    losses = history["val_loss"]
    assert len(losses) < 100
    assert len(losses) == np.argmin(losses) + 1 + 3
    np.testing.assert_allclose(model.evaluate(data.valid.images, verbose=0), min(losses), rtol=1e-5)
    assert losses[-1] > min(losses)


class _Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_an_interrupted_training_can_go_on(pictures, tmp_path):
    model = Autoencoder(layers=[16], code=4)
    start = model.evaluate(pictures, verbose=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(pictures, epochs=5, gif=tmp_path / "a.gif", callbacks=[_Interrupt()], verbose=0)
    middle = model.evaluate(pictures, verbose=0)
    assert middle < start
    with Image.open(tmp_path / "a.gif") as film:
        assert film.n_frames >= 2
    model.fit(pictures, epochs=2, verbose=0)
    assert model.evaluate(pictures, verbose=0) < middle


@pytest.mark.parametrize("shape", [(28, 28), (16, 14, 3)])
def test_the_animation_has_a_frame_before_training_and_one_an_epoch(shape, tmp_path, pictures):
    images = pictures if shape == (28, 28) else noise(120, *shape)
    model = Autoencoder(shape, [8], 2)
    model.compile(jit_compile=False)
    path = tmp_path / "new" / "ae.gif"
    model.fit(images, epochs=4, batch_size=50, gif=path, verbose=0)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.size == (10 * (shape[1] + 1) + 1, 10 * (shape[0] + 1) + 1 + 14)
        times = []
        for i in range(5):
            film.seek(i)
            times.append(film.info["duration"])
    assert times[-1] > 3 * times[0]
    assert path.stat().st_size < 2_000_000


def test_the_animation_of_a_long_training_leaves_epochs_out(tmp_path):
    model = Autoencoder((8, 8), [8], 2)
    model.compile(jit_compile=False)
    model.fit(noise(20, 8, 8), epochs=60, gif=tmp_path / "ae.gif", verbose=0)
    with Image.open(tmp_path / "ae.gif") as film:
        assert film.n_frames == 24


QUIET = """
import warnings
from libs.autoencoder import Autoencoder
from libs.datasets import Dataset
import numpy as np
warnings.simplefilter("error")
images = np.random.default_rng(0).random((90, 64), np.float32)
data = Dataset(images, split=[0.8, 0.2, 0])
model = Autoencoder((8, 8), [12], 3, noise=0.1)
for batch_size in (25, 72):
    model.fit(data, epochs=2, batch_size=batch_size, verbose=0)
for n in range(1, 8):
    model.encode(images[:n])
print("so far nothing")
model.fit(data, epochs=2, batch_size=50)
"""


def test_progress_goes_to_standard_output_or_nowhere():
    """Nothing on the error stream: no bar, no warning, no word of retracing."""
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith("so far nothing")
    assert "4/4" in done.stdout
    assert "val_loss" in done.stdout


def test_convolutions_are_never_compiled_with_xla():
    model = Autoencoder((8, 8), [4], None, kind="conv")
    assert model.jit_compile is False
    model.compile(keras.optimizers.SGD())
    assert model.jit_compile is False
    assert Autoencoder(**SMALL).jit_compile is True
    assert Autoencoder(**SMALL).steps_per_execution > 1


# --- files ------------------------------------------------------------------------------------


@given(options())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_a_saved_model_comes_back_the_same(tmp_path_factory, given_options):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    model = Autoencoder(**given_options, seed=3)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    model.save(path)
    again = load(path)
    assert again.get_config() == model.get_config()
    images = noise(2, *given_options["shape"])
    np.testing.assert_array_equal(again.reconstruct(images), model.reconstruct(images))
    assert [p.name for p in path.parent.iterdir()] == ["model.keras"]


def test_a_loaded_model_has_its_optimiser_where_it_stood(tmp_path):
    model = Autoencoder(**SMALL)
    model.compile(keras.optimizers.Adam(0.01), steps_per_execution=7, jit_compile=False)
    model.fit(noise(60, 8, 8), epochs=1, batch_size=20, verbose=0)
    model.save(tmp_path / "half.keras")
    again = load(tmp_path / "half.keras")
    assert int(again.optimizer.iterations) == 3
    assert again.steps_per_execution == 7
    for ours, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.isfinite(again.fit(noise(60, 8, 8), epochs=1, verbose=0).history["loss"][0])


def test_what_is_no_saved_autoencoder_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(FileNotFoundError, match=r"no file .*model.keras"):
        load(path)
    Autoencoder(**SMALL).save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 10):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model.keras is no .keras file, or only a part"):
            load(path)
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes(64) + whole[middle + 64 :])
    with pytest.raises(ValueError, match="is damaged"):
        load(path)
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ValueError, match=r"another kind, .*Sequential"):
        load(path)


def test_a_save_that_fails_leaves_nothing_behind(tmp_path):
    model = Autoencoder(**SMALL)
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        model.save(tmp_path / "model.h5")
    model.save(tmp_path / "model.keras")
    with pytest.raises(FileExistsError, match="there already"):
        model.save(tmp_path / "model.keras", overwrite=False)
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(OSError, match="folder"):
        model.save(tmp_path / "folder.keras")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.keras", "model.keras"]


# --- what it refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": 28}, r"shape must be \(height, width\).*got 28"),
        ({"shape": (28, 28, 2)}, "1 or 3 channels"),
        ({"shape": (0, 28)}, r"shape must be .*got \(0, 28\)"),
        ({"shape": (28.5, 28)}, "shape must be"),
        ({"layers": 512}, "layers must be a list"),
        ({"layers": "512"}, "layers must be a list"),
        ({"layers": [512, 0]}, r"layers\[1\] must be a whole number of at least 1, got 0"),
        ({"layers": [True]}, r"layers\[0\]"),
        ({"layers": [], "kind": "conv"}, "at least one layer"),
        ({"code": 0}, "code must be"),
        ({"code": None}, 'code=None.*kind="conv"'),
        ({"kind": "rnn"}, 'kind must be "dense" or "conv", got \'rnn\''),
        ({"kind": "conv", "layers": [4], "kernel_size": 0}, "kernel_size must be"),
        ({"kind": "conv", "layers": [4], "stride": 0}, "stride must be"),
        ({"kind": "conv", "layers": [4], "kernel_size": 1}, "kernel_size must be at least stride"),
        ({"kind": "conv", "layers": [4] * 6}, r"layers\[5\] would get feature maps of 1×1"),
        ({"kind": "conv", "layers": [4], "code": None, "variational": True}, "pass code=20"),
        ({"variational": True, "output": "linear"}, 'needs output="sigmoid"'),
        ({"variational": 1}, "variational must be True or False"),
        ({"tied": None}, "tied must be True or False"),
        ({"noise": 1.0}, "noise must be a share"),
        ({"noise": -0.1}, "noise must be a share"),
        ({"noise": math.nan}, "noise must be a share"),
        ({"beta": -1.0, "variational": True}, "beta must be"),
        ({"beta": math.inf, "variational": True}, "beta must be"),
        ({"beta": 2.0}, "only variational=True has"),
        ({"activation": "sofa"}, "activation must be the name.*'sofa'"),
        ({"output": None}, "output must be a name"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**arguments)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((2, 8, 8), np.uint8), TypeError, "float in .*got uint8.*divided by 255"),
        (np.zeros((2, 8, 8), int), TypeError, "got int64"),
        (np.full((2, 8, 8), 1.5), ValueError, r"lie in \[0, 1\], got 1.5 to 1.5"),
        (np.full((2, 8, 8), -0.5), ValueError, r"got -0.5"),
        (np.full((2, 8, 8), np.nan), ValueError, "got nan"),
        (np.zeros((2, 8, 9)), ValueError, r"\[n, 8, 8, 1\] or \[n, 64\] or \[n, 8, 8\], got"),
        (np.zeros((8, 8)), ValueError, r"got \[8, 8\].*image\[None\]"),
        (np.zeros((2, 8, 8, 3)), ValueError, "must have shape"),
        (np.zeros((0, 8, 8)), ValueError, "is empty"),
        (0.5, ValueError, "must have shape"),
    ],
)
def test_images_that_do_not_fit_are_refused_by_all(images, error, message):
    model = Autoencoder(**SMALL)
    for name, use in (("images", model.encode), ("images", model.reconstruct), ("data", model.fit)):
        with pytest.raises(error, match=f"(?s){name}.*{message}"):
            use(images)


def test_other_arguments_are_checked_too(tmp_path):
    model, images = Autoencoder(**SMALL), noise(10, 64)
    for name, value in itertools.product(("epochs", "batch_size"), (0, -1, 1.5, True, None)):
        with pytest.raises(ValueError, match=f"{name} must be a whole number"):
            model.fit(images, **{name: value})
    with pytest.raises(ValueError, match=r"patience watches .* data has none"):
        model.fit(images, patience=2)
    with pytest.raises(ValueError, match="patience must be"):
        model.fit(Dataset(images, split=[0.5, 0.5, 0]), patience=0)
    with pytest.raises(ValueError, match=r"data.train.images is empty"):
        model.fit(Dataset(images, split=[0, 0, 1]))
    with pytest.raises(ValueError, match=r"data.train.images must have shape .*64.*got \[10, 9\]"):
        model.fit(Dataset(noise(10, 9)))
    for codes in (np.zeros((2, 4)), np.zeros(3), np.zeros((0, 3)), np.array([["a", "b", "c"]])):
        with pytest.raises(ValueError, match=r"codes must be numbers of shape \[n, 3\]"):
            model.decode(codes)
    with pytest.raises(ValueError, match="codes must be finite"):
        model.decode([[0, np.nan, 0]])
    for use in (
        lambda: model.sample(2, seed=0),
        lambda: model.elbo(images, seed=0),
        lambda: model.posterior(images),
    ):
        with pytest.raises(ValueError, match="variational=True"):
            use()
    variational = Autoencoder(**SMALL, variational=True)
    with pytest.raises(ValueError, match="n must be"):
        variational.sample(0, seed=0)
    with pytest.raises(ValueError, match="seed must be"):
        variational.sample(1, seed=-1)


def test_a_constructor_argument_can_be_reused():
    layers = [12]
    one, other = (Autoencoder((8, 8), layers, 3) for _ in range(2))
    layers.append(4)
    assert one.get_config()["layers"] == other.get_config()["layers"] == [12]
    out = io.StringIO()
    one.summary(print_fn=lambda line: out.write(str(line)))
    assert f"{one.count_params():,}" in out.getvalue()
