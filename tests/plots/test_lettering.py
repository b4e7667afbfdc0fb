import pytest

from kyanite.plots.lettering import fitted, printable, width_pt


def test_letters_that_the_font_lacks_are_replaced():
    assert printable("a 最大 \n\t $x$ é\ud800") == "a �� $x$ é�"


@pytest.mark.parametrize("weight", ["normal", "bold"])
@pytest.mark.parametrize("text", ["W" * 300, "i" * 300, "word " * 60])
def test_long_text_is_cut_where_the_room_ends(text, weight):
    cut = fitted(text, 400, 14, weight)
    assert cut.endswith("…")
    assert text.startswith(cut[:-1])
    assert 370 < width_pt(cut, 14, weight) <= 400


def test_short_text_stays_and_no_room_leaves_an_ellipsis():
    assert fitted("three spins", 400, 14) == "three spins"
    assert fitted("three spins", 0, 14) == "…"
