from hypothesis import given
from hypothesis import strategies as st

from kyanite_providers.local.window import Window


@given(
    pieces=st.lists(st.binary(max_size=40), max_size=20),
    steps=st.lists(st.integers(0, 50), max_size=60),
    size=st.integers(1, 30),
)
def test_what_is_read_is_the_text(pieces, steps, size):
    text, read, window = b"".join(pieces), bytearray(), Window(pieces, size)
    going = True
    for step in [*steps, *[50] * 20]:
        kept = window.end - window.at
        if kept <= step:
            going = window.more()
            assert window.end - window.at >= min(max(2 * kept, 1), len(text) - len(read))
        assert window.text[window.end] == 0
        assert window.offset + window.at == len(read)
        taken = min(step, window.end - window.at)
        read += window.text[window.at : window.at + taken].tobytes()
        window.at += taken
    rest = window.text[window.at : window.end].tobytes()
    assert text.startswith(bytes(read) + rest)
    assert going or bytes(read) + rest == text
