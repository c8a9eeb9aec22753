import numpy as np
import pytest

from tlhelpers.images import glyphs


@pytest.mark.parametrize("script", glyphs.SCRIPTS)
def test_alphabets_hold_letters_only(script):
    """Letters of each script, no digit among them, all different."""
    letters = glyphs.alphabet(script)
    assert len(letters) > 20
    assert len(set(letters)) == len(letters)
    assert all(letter.isalpha() and not letter.isdigit() for letter in letters)


@pytest.mark.parametrize("font", glyphs.FONTS)
def test_every_font_draws_digits_and_latin(font):
    """Fonts are inside the installed matplotlib, and each draws distinct characters."""
    characters = "0123456789AZaz"
    images = glyphs.render(characters, font)
    assert images.shape == (14, 32, 32)
    assert images.dtype == np.float32
    assert len({image.tobytes() for image in images}) >= 12
    assert (images.max((1, 2)) > 0.9).all()


def test_ink_fills_the_frame_up_to_the_margin():
    """The longer side of the ink has `size - 2 * margin` pixels."""
    image = glyphs.render("l", size=32, margin=3)[0]
    rows = np.flatnonzero(image.max(1))
    assert (rows[0], rows[-1]) == (3, 28)


def test_space_stays_black():
    """A character without ink is an empty picture, not an error."""
    assert glyphs.render(" ").max() == 0


def test_warp_is_seeded_and_changes_shape():
    """Same seed, same pictures; another seed, others; values stay in range."""
    images = glyphs.render("RSTU")
    one, again, other = (glyphs.warp(images, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).mean() > 0.01
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 1


def test_warped_letters_keep_their_identity():
    """A warped letter is nearer its own print than other prints, far more often than chance."""
    letters = "ABEHKLMNOPRSTXZ"
    prints = glyphs.render(letters).reshape(15, -1)
    warps = glyphs.warp(np.repeat(glyphs.render(letters), 20, 0), 0).reshape(300, -1)
    nearest = np.corrcoef(warps, prints)[:300, 300:].argmax(1)
    assert (nearest == np.repeat(np.arange(15), 20)).mean() > 0.5


def test_strength_0_keeps_the_shape():
    """Without strength a warp only refits and restrokes."""
    images = glyphs.render("RST")
    same = glyphs.warp(images, 0, strength=0, margin=(0.06, 0.06))
    assert (
        min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(images, same, strict=True))
        > 0.8
    )


def test_refit_fills_the_frame():
    """Ink in a corner is enlarged until it touches two opposite sides."""
    image = np.zeros((1, 32, 32), np.float32)
    image[0, 2:10, 3:9] = 1
    rows = np.flatnonzero(glyphs.refit(image)[0].max(1) > 0.5)
    assert rows[0] <= 1
    assert rows[-1] >= 30


def test_refit_leaves_an_empty_picture_empty():
    """No ink, no crash."""
    assert glyphs.refit(np.zeros((2, 32, 32), np.float32)).max() == 0


def test_degrade_leaves_8x8_cells_of_17_greys():
    """What is left can be stored in 8x8 cells, and pixels vary between neighbouring cells only."""
    images = glyphs.render("AB")
    coarse = glyphs.degrade(images)
    cells = np.round(images.reshape(2, 8, 4, 8, 4).mean((2, 4)) * 16) / 16
    np.testing.assert_allclose(coarse, glyphs.enlarge(cells, 32), atol=1e-6)
    flat = glyphs.degrade(np.full((1, 32, 32), 0.5, np.float32))
    np.testing.assert_allclose(flat, 0.5, atol=1e-6)
    assert len(np.unique(np.round(glyphs.degrade(images, 32) * 16, 4))) <= 17


def test_enlarge_keeps_the_mean():
    """Resampling moves no ink in or out."""
    small = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32)
    assert abs(glyphs.enlarge(small, 32).mean() - small.mean()) < 0.02


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: glyphs.alphabet("klingon"), "Unknown script 'klingon'. Valid scripts: latin"),
        (lambda: glyphs.render("A", "Comic"), "Unknown font 'Comic'. Valid fonts: DejaVuSans"),
        (lambda: glyphs.render("ש", "cmr10"), "Font 'cmr10' does not draw 'ש'. Fonts that do"),
        (lambda: glyphs.degrade(np.zeros((1, 32, 32)), 5), "size 32 is not a multiple of pixels=5"),
    ],
)
def test_bad_input(call, text):
    """Unknown names are answered with the valid ones."""
    with pytest.raises(ValueError, match=text):
        call()
