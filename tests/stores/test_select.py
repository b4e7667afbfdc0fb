from kyanite.stores import select


def test_the_least_text_past_a_prefix():
    """Code points in their order, over the gap that half a surrogate pair would stand in, and past the last one."""
    past = {"": "", "a": "b", "ab": "ac", "aX": "aY", "a\x7f": "a\x80", "\ud7ff": "\ue000", "\uffff": "\U00010000"}
    past |= {"a\U0010ffff": "b", "a\U0010ffff\U0010ffff": "b", "\U0010ffff": ""}
    assert {prefix: select._past(prefix) for prefix in past} == past
