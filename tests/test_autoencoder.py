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
from project import complaints

import libs.autoencoder
from libs import ROOT
from libs.autoencoder import Autoencoder
from libs.datasets import FashionMNIST

SMALL = {"layers": [12], "code": 3}


@pytest.fixture(scope="module")
def pictures():
    """Real pictures, ``[200, 784]``."""
    return FashionMNIST().test.images[:200]


def noise(n, *shape, seed=0):
    return np.random.default_rng(seed).random((n, *shape), np.float32)


@st.composite
def options(draw):
    """Arguments that go together."""
    kind = draw(st.sampled_from(["dense", "conv"]))
    variational = draw(st.booleans())
    codes = st.integers(1, 5)
    if kind == "conv" and not variational:
        codes = st.none() | codes
    stride = draw(st.integers(1, 3))
    return {
        "layers": draw(st.lists(st.integers(1, 6), min_size=kind == "conv", max_size=6)),
        "code": draw(codes),
        "kind": kind,
        "kernel_size": draw(st.integers(stride, 5)),
        "stride": stride,
        "tied": draw(st.booleans()),
        "variational": variational,
        "noise": draw(st.sampled_from([0.0, 0.5])),
    }


# --- what it computes -------------------------------------------------------------------------


@given(options())
@settings(max_examples=25)
def test_images_come_out_as_they_went_in(given_options):
    model = Autoencoder(**given_options)
    images = noise(3, 28, 28, 1)
    codes = model.encode(images)
    assert codes.ndim == 2
    assert codes.shape[1] == given_options["code"] or given_options["code"] is None
    made = model.reconstruct(images)
    assert made.shape == images.shape
    assert made.dtype == codes.dtype == np.float32
    np.testing.assert_allclose(made, model.decode(codes), atol=1e-6)
    # flat and channel-less images are the same images
    np.testing.assert_array_equal(model.encode(images.reshape(3, -1)), codes)
    np.testing.assert_array_equal(model.encode(images[..., 0].astype(np.float64)), codes)
    if given_options["tied"]:
        pairs = zip(model.decoder_kernels, reversed(model.encoder_kernels), strict=True)
        assert all(ours is theirs for ours, theirs in pairs)


@given(kernel_size=st.integers(4, 6), stride=st.integers(1, 4))
@settings(max_examples=10)
def test_the_way_back_is_the_transpose_of_the_way_there(kernel_size, stride):
    """<down(x), y> = <x, up(y)> for all x and y says that up is down's transpose."""
    model = Autoencoder([5], None, kind="conv", kernel_size=kernel_size, stride=stride)
    images = noise(1, 28, 28)
    codes = model.encode(images)
    others = noise(1, codes.shape[1], seed=1)
    there = np.vdot(codes, others)
    back = np.vdot(images, model._logits(others))
    np.testing.assert_allclose(there, back, rtol=1e-4, atol=1e-4)


def test_a_tied_decoder_holds_no_kernels_of_its_own():
    kernels = 784 * 512 + 512 * 256 + 256 * 128 + 128 * 64
    biases = 512 + 256 + 128 + 64 + 128 + 256 + 512 + 784
    assert Autoencoder().count_params() == kernels + biases
    assert Autoencoder(tied=False).count_params() == 2 * kernels + biases


@pytest.mark.parametrize("tied", [True, False])
def test_weights_copied_in_by_the_documented_order_give_the_same_network(tied):
    rng = np.random.default_rng(0)
    W1, W2, V1, V2 = (rng.normal(size=s) for s in [(784, 12), (12, 3), (12, 3), (784, 12)])
    b1, b2, c1, c2 = (rng.normal(size=n) for n in [12, 3, 12, 784])
    model = Autoencoder(**SMALL, tied=tied)
    model.set_weights([W1, b1, W2, b2, c1, c2] if tied else [W1, b1, W2, b2, V1, c1, V2, c2])
    if tied:
        V1, V2 = W2, W1
    x = noise(5, 784)
    code = np.maximum(x @ W1 + b1, 0) @ W2 + b2
    hidden = np.maximum(code @ V1.T + c1, 0)
    images = 1 / (1 + np.exp(-(hidden @ V2.T + c2)))
    np.testing.assert_allclose(model.encode(x), code, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model.reconstruct(x).reshape(5, 784), images, atol=1e-4)


def test_the_order_of_a_variational_models_weights_is_as_documented():
    model = Autoencoder([4], 2, kind="conv", variational=True, tied=False)
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
    model = Autoencoder([], 2, variational=True)
    for bias, value in zip(
        (model.weights[1], model.weights[3]), (means, log_variances), strict=True
    ):
        bias.assign(value)  # of black images code and log-variance are the biases
    _, got = model._parts(tf.zeros((1, 28, 28, 1)), tf.zeros((1, 2)))
    np.testing.assert_allclose(got, [expected], rtol=1e-4, atol=1e-5)


def test_the_loss_is_minus_the_bound_and_its_parts_are_reported(pictures):
    model = Autoencoder([32], code=2, variational=True)
    losses = model.evaluate(pictures, verbose=0, return_dict=True)
    loss, reconstruction, kl = (losses[name] for name in ("loss", "reconstruction", "kl"))
    np.testing.assert_allclose(loss, reconstruction + kl, rtol=1e-5)
    mean, log_variance = model.posterior(pictures)
    np.testing.assert_allclose(mean, model.encode(pictures))
    expected_kl = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1).mean()
    np.testing.assert_allclose(kl, expected_kl, rtol=1e-4)
    # the bound by hand, from one draw of the same seed
    draw = np.random.default_rng(7).standard_normal((200, 2), np.float32)
    z = mean + np.exp(log_variance / 2) * draw
    p = model.decode(z).reshape(200, 784).astype(float)
    log_p = (pictures * np.log(p) + (1 - pictures) * np.log(1 - p)).sum(1)
    kls = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(1)
    np.testing.assert_allclose(model.elbo(pictures, seed=7), log_p - kls, rtol=1e-3)


def test_the_gradient_flows_through_the_draw():
    """The gradient of the reconstruction reaches mean and variance, as finite differences say."""
    model = Autoencoder([], 2, variational=True, tied=False)
    images = tf.constant(noise(8, 28, 28, 1))
    draw = tf.constant(np.random.default_rng(1).standard_normal((8, 2), np.float32))

    def reconstruction():
        return tf.reduce_mean(model._parts(images, draw)[0])

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


# --- training ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "bound"),
    # 200 steps reach 0.0002, 0.005 and 215 nats, of which 160 are the grey pixels' own entropy
    [
        ({"layers": [128], "code": 32}, 0.001),
        ({"layers": [16, 16], "code": None, "kind": "conv"}, 0.01),
        ({"layers": [128], "code": 16, "variational": True}, 235),
    ],
    ids=["dense", "conv", "variational"],
)
def test_sixteen_pictures_are_learned_by_heart(arguments, bound, pictures):
    model = Autoencoder(**arguments)
    model.compile(keras.optimizers.Adam(0.003))
    images = np.repeat(pictures[:16], 8, axis=0)  # eight steps an epoch
    before = model.evaluate(images, verbose=0, return_dict=True)["loss"]
    losses = model.fit(images, epochs=25, batch_size=16, verbose=False).history["loss"]
    assert losses[-1] < bound < before / 2


def test_noise_masks_a_share_of_the_input_and_only_in_training(monkeypatch):
    model = Autoencoder([], 3, noise=0.3)
    seen, ones = [], tf.ones((50, 28, 28, 1))
    monkeypatch.setattr(model, "call", lambda images: seen.append(images.numpy()) or images)
    losses = [float(model.compute_loss(ones, training=training)) for training in (1, 1, 0)]
    assert (seen[0] != seen[1]).any()  # another mask each time
    for mask, loss in zip(seen[:2], losses, strict=False):
        assert np.isin(mask, [0, 1]).all()
        assert loss == pytest.approx(1 - mask.mean(), abs=1e-4)  # the target is clean
        assert mask.mean() == pytest.approx(0.7, abs=0.02)  # 39,200 pixels: 8 standard deviations
    assert seen[2].all()


def test_the_reported_loss_is_the_mean_over_images(pictures):
    model = Autoencoder([16], code=4)
    model.compile(keras.optimizers.SGD(0.0))  # stands still, so that the losses can be compared
    history = model.fit(pictures, epochs=1, batch_size=70, verbose=False).history
    by_hand = np.square(model.reconstruct(pictures).reshape(200, -1) - pictures).mean()
    np.testing.assert_allclose(history["loss"], [by_hand], rtol=1e-5)


def test_randomness_comes_from_the_model_alone():
    def train(ambient):
        keras.utils.set_random_seed(ambient)  # what a notebook sets must not matter
        model = Autoencoder(**SMALL, noise=0.2, variational=True)
        model.compile()  # XLA takes longer than training here
        start = model.get_weights()
        model.fit(noise(50, 784), epochs=2, batch_size=20, verbose=False)
        return start + model.get_weights()

    for one, other in zip(train(1), train(2), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interrupted_training_can_go_on(pictures, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    model = Autoencoder([16], code=4)
    start = model.evaluate(pictures, verbose=0)
    with monkeypatch.context() as patch:
        patch.setattr(libs.autoencoder.tqdm, "set_postfix", interrupt)  # an epoch is over
        with pytest.raises(KeyboardInterrupt):
            model.fit(pictures, epochs=5, verbose=False)
    middle = model.evaluate(pictures, verbose=0)
    assert middle < start
    model.fit(pictures, epochs=2, verbose=False)
    assert model.evaluate(pictures, verbose=0) < middle


QUIET = """
import warnings
from libs.autoencoder import Autoencoder
import numpy as np
warnings.simplefilter("error")
images = np.random.default_rng(0).random((72, 784), np.float32)
model = Autoencoder([12], 3, noise=0.1)
for batch_size in (25, 72):
    model.fit(images, epochs=2, batch_size=batch_size, verbose=False)
for n in range(1, 8):
    model.encode(images[:n])
print("so far nothing")
model.fit(images, epochs=2, batch_size=50)
"""


@pytest.mark.slow
def test_progress_goes_to_standard_output_or_nowhere():
    """Nothing on the error stream: no bar, no warning, no word of retracing."""
    done = subprocess.run(
        [sys.executable, "-c", QUIET], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert complaints(done.stderr) == []
    assert done.stdout.startswith("so far nothing")
    assert "4/4" in done.stdout
    assert "loss=" in done.stdout


def test_only_dense_networks_are_compiled_with_xla():
    assert Autoencoder([4], None, kind="conv").jit_compile is False
    assert Autoencoder(**SMALL).jit_compile is True
    assert Autoencoder(**SMALL).steps_per_execution > 1


# --- files ------------------------------------------------------------------------------------


@given(options())
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_a_saved_model_comes_back_the_same(tmp_path_factory, given_options):
    path = tmp_path_factory.mktemp("models") / "model.keras"
    model = Autoencoder(**given_options)
    model.set_weights([w + 0.1 for w in model.get_weights()])
    model.save(path)
    again = keras.saving.load_model(path)
    assert again.get_config() == model.get_config()
    images = noise(2, 784)
    np.testing.assert_array_equal(again.reconstruct(images), model.reconstruct(images))
    assert [p.name for p in path.parent.iterdir()] == ["model.keras"]


def test_a_loaded_model_has_its_optimiser_where_it_stood(tmp_path):
    model = Autoencoder(**SMALL)
    model.compile(keras.optimizers.Adam(0.01), steps_per_execution=7, jit_compile=False)
    model.fit(noise(60, 784), epochs=1, batch_size=20, verbose=0)
    model.save(tmp_path / "half.keras")
    again = keras.saving.load_model(tmp_path / "half.keras")
    assert int(again.optimizer.iterations) == 3
    assert again.steps_per_execution == 7
    for ours, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.isfinite(again.fit(noise(60, 784), epochs=1, verbose=False).history["loss"][0])


# --- what it refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
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
        ({"kind": "conv", "layers": [4], "kernel_size": 1}, "kernel_size must be .*at least 2"),
        ({"kind": "conv", "layers": [4], "code": None, "variational": True}, "pass code=20"),
        ({"noise": 1.0}, "noise must be a share"),
        ({"noise": -0.1}, "noise must be a share"),
        ({"noise": math.nan}, "noise must be a share"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Autoencoder(**arguments)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((2, 28, 28), np.uint8), TypeError, "float in .*got uint8.*by 255"),
        (np.full((2, 28, 28), 1.5), ValueError, r"lie in \[0, 1\], got 1.5 to 1.5"),
        (np.full((2, 28, 28), np.nan), ValueError, "must be finite, got nan"),
        (np.zeros((2, 28, 27)), ValueError, r"\[n, 784\], \[n, 28, 28\] or .*got \[2, 28, 27\]"),
        (np.zeros((28, 28)), ValueError, r"got \[28, 28\].*image\[None\]"),
        (np.zeros((2, 28, 28, 3)), ValueError, "must have shape"),
        (np.zeros((0, 28, 28)), ValueError, "is empty"),
        (0.5, ValueError, "must have shape"),
    ],
)
def test_images_that_do_not_fit_are_refused_by_all(images, error, message):
    model = Autoencoder(**SMALL, variational=True)
    for use in (model.encode, model.reconstruct, model.posterior, model.fit):
        with pytest.raises(error, match=f"(?s)images.*{message}"):
            use(images)


def test_other_arguments_are_checked_too():
    model, images = Autoencoder(**SMALL), noise(10, 784)
    for name, value in itertools.product(("epochs", "batch_size"), (0, -1, 1.5, True, None)):
        with pytest.raises(ValueError, match=f"{name} must be a whole number"):
            model.fit(images, **{name: value})
    for codes in (np.zeros((2, 4)), np.zeros(3), np.zeros((0, 3))):
        with pytest.raises(ValueError, match=r"codes must have shape \[n, 3\]"):
            model.decode(codes)
    with pytest.raises(ValueError, match="codes must be finite"):
        model.decode([[0, np.nan, 0]])
    for use in (lambda: model.elbo(images, seed=0), lambda: model.posterior(images)):
        with pytest.raises(ValueError, match="variational=True"):
            use()


def test_a_constructor_argument_can_be_reused():
    layers = [12]
    one, other = (Autoencoder(layers, 3) for _ in range(2))
    layers.append(4)
    assert one.get_config()["layers"] == other.get_config()["layers"] == [12]
    out = io.StringIO()
    one.summary(print_fn=lambda line: out.write(str(line)))
    assert f"{one.count_params():,}" in out.getvalue()
