"""Animations: what is written is read back."""

import base64
import io
import re

import hypothesis.extra.numpy as hnp
import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from libs.gif import build_gif

SIDES = hnp.array_shapes(min_dims=3, max_dims=3, max_side=12)
GREY = st.one_of(
    SIDES.flatmap(lambda shape: hnp.arrays(np.uint8, shape)),
    SIDES.flatmap(
        lambda shape: hnp.arrays(np.float32, (*shape, 1), elements=st.floats(0, 1, width=32))
    ),
)


def read_back(path):
    """Return RGB frames, as often as their time asks for, and the time of one frame in ms."""
    with Image.open(path) as image:
        frames = [
            (frame.convert("RGB"), frame.info.get("duration"))
            for frame in ImageSequence.Iterator(image)
        ]
    step = min(duration for _, duration in frames)
    return np.stack([f for f, duration in frames for _ in range(duration // step)]), step


@given(frames=GREY, scale=st.integers(1, 3))
def test_grey_frames_come_back_exactly(frames, scale, tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "grey.gif"
    gif = build_gif(frames, saveto=path, scale=scale)
    assert gif.path == path
    pixels = frames if frames.dtype == np.uint8 else np.rint(frames[..., 0] * 255)
    expected = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    if (expected == expected[0]).all():  # a still picture
        got = iio.imread(path, mode="RGB")
        np.testing.assert_array_equal(
            got.reshape(-1, *expected.shape[1:], 3)[0, ..., 0], expected[0]
        )
        return
    got, step = read_back(path)
    # equal frames at the start make the shortest time a multiple: compare without repeats
    keep = [0] + [i for i in range(1, len(expected)) if (expected[i] != expected[i - 1]).any()]
    distinct = [0] + [i for i in range(1, len(got)) if (got[i] != got[i - 1]).any()]
    np.testing.assert_array_equal(got[distinct][..., 0], expected[keep])
    assert step % 100 == 0
    with Image.open(path) as image:
        total = sum(f.info["duration"] for f in ImageSequence.Iterator(image))
    assert total == 100 * len(frames)


@pytest.mark.slow
@given(
    frames=SIDES.flatmap(
        lambda shape: hnp.arrays(np.uint8, (*shape, 3), elements=st.sampled_from([0, 90, 180, 255]))
    )
)
def test_few_colours_come_back_exactly(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("gif") / "few.gif"
    build_gif(frames, saveto=path)
    with Image.open(path) as image:
        first = np.asarray(image.convert("RGB"))
    np.testing.assert_allclose(first, frames[0], atol=8)  # 64 colours at most: room for all


def test_many_colours_stay_within_the_palettes_error(tmp_path):
    y, x, t = np.meshgrid(*[np.linspace(0, 1, 48)] * 2, np.linspace(0, 1, 6), indexing="ij")
    frames = np.stack([y, x, t], axis=-1).transpose(2, 0, 1, 3)
    build_gif(frames, saveto=tmp_path / "many.gif")
    got, _ = read_back(tmp_path / "many.gif")
    assert got.shape == frames.shape
    error = np.abs(got / 255 - frames)
    assert error.mean() < 0.04  # 256 colours for a whole cube: steps of 1/6.3, off by a quarter
    with Image.open(tmp_path / "many.gif") as image:
        palettes = {bytes(f.getpalette()) for f in ImageSequence.Iterator(image) if f.mode == "P"}
    assert len(palettes) <= 1  # one shared palette


def test_it_plays_for_ever_at_the_pace_asked_for(tmp_path):
    frames = np.stack([np.zeros((4, 4)), np.ones((4, 4))])
    build_gif(frames, saveto=tmp_path / "a.gif", interval=0.25)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.info.get("loop") == 0
        assert image.info["duration"] == 250


def test_a_notebook_shows_it_with_its_text(tmp_path):
    gif = build_gif(np.zeros((2, 3, 3)), saveto=tmp_path / "a.gif", alt='A "black" square <still>')
    shown = gif._repr_html_()
    assert re.search(r'<img src="data:image/webp;base64,[A-Za-z0-9+/=]+" alt="', shown)
    assert 'alt="A &quot;black&quot; square &lt;still&gt;"' in shown
    assert repr(gif) == """Gif('a.gif'): A "black" square <still>"""


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
def test_its_last_frame_stands_for_it_where_nothing_moves(colours, tmp_path):
    """On paper and for who asked for less motion; and anyone can fold it."""
    frames = np.random.default_rng(0).integers(0, 256, (5, 6, 7, *colours), np.uint8)
    gif = build_gif(frames, saveto=tmp_path / "a.gif", alt="Noise moves about.")
    png, about = gif._repr_png_()
    assert about == {"alt": "Noise moves about."}
    with Image.open(tmp_path / "a.gif") as image:
        image.seek(4)
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(Image.open(io.BytesIO(png)).convert("RGB"), expected)
    shown = gif._repr_html_()
    still = base64.b64encode(png).decode()
    assert f'(prefers-reduced-motion: reduce)" srcset="data:image/png;base64,{still}"' in shown
    assert shown.startswith("<details open><summary>Animation (fold to stop)</summary>")


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "colour"])
def test_a_notebook_holds_the_very_frames_in_fewer_bytes(colours, tmp_path):
    """As WebP, without loss: of smooth pictures a half or less; each as long as in the GIF."""
    places = np.linspace(0, 6, 60)
    frames = np.stack([np.outer(np.sin(places + t), np.cos(places)) for t in (0, 0, 1, 2, 3)])
    frames = (frames[..., None] if colours else frames) * np.ones(colours) / 2 + 0.5
    gif = build_gif(frames, saveto=tmp_path / "a.gif", interval=0.3)
    content = re.search(r'<img src="data:image/webp;base64,([^"]+)"', gif._repr_html_())[1]
    moving = base64.b64decode(content)
    assert len(moving) < 0.8 * gif.path.stat().st_size
    with Image.open(gif.path) as one, Image.open(io.BytesIO(moving)) as other:
        assert one.n_frames == other.n_frames == 4
        assert other.info["loop"] == 0
        times = []
        for k in range(4):
            one.seek(k), other.seek(k)
            np.testing.assert_array_equal(one.convert("RGB"), other.convert("RGB"))
            other.load()
            times.append((one.info["duration"], other.info["duration"]))
    assert times[0] == (600, 600)
    assert {*times[1:]} == {(300, 300)}


def test_lists_of_frames_and_new_folders_are_fine(tmp_path):
    build_gif([np.zeros((3, 3)), np.ones((3, 3))], saveto=str(tmp_path / "new" / "a.gif"))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.gif"]


@pytest.mark.parametrize(
    ("frames", "options", "error", "message"),
    [
        ([], {}, ValueError, r"imgs must have shape"),
        (np.zeros((0, 3, 3)), {}, ValueError, r"imgs is empty"),
        (np.zeros((3, 3)), {}, ValueError, r"got \[3, 3\]"),
        ([np.zeros((2, 2)), np.zeros((3, 3))], {}, ValueError, r"must all have the same shape"),
        (np.full((2, 3, 3), 1.5), {}, ValueError, r"imgs must lie in \[0, 1\], got 1.5 to 1.5"),
        (np.full((2, 3, 3), np.nan), {}, ValueError, r"imgs must be finite, got nan"),
        (np.full((2, 3, 3), 256), {}, ValueError, r"integers from 0 to 255, .* got int64 from 256"),
        (
            np.zeros((2, 3, 3)),
            {"interval": 0},
            ValueError,
            r"interval must be a finite number from 0\.02 to 600",
        ),
        (
            np.zeros((4, 3, 3)),
            {"interval": 300},
            ValueError,
            r"4 frames of 300 seconds last longer",
        ),
        (np.zeros((2, 3, 3)), {"scale": 0}, ValueError, r"scale .* got 0"),
    ],
)
def test_bad_input_is_named_and_leaves_the_old_file(tmp_path, frames, options, error, message):
    path = tmp_path / "a.gif"
    path.write_bytes(b"old")
    with pytest.raises(error, match=message):
        build_gif(frames, saveto=path, **options)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.gif"]
