import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite_providers.local import products
from kyanite_providers.local.products import Gathered, starts

IDS = st.integers(0, 9) | st.integers(0, 2**63 - 1)
PARTS = st.lists(st.lists(st.tuples(st.floats(-9, 9), st.lists(IDS, max_size=4)), max_size=9), max_size=9)


@given(parts=PARTS, least=st.integers(1, 5), most=st.integers(1, 9))
def test_parts_become_one(parts, least, most):
    gathered = Gathered()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_BLOCK_MIN", least)
        patch.setattr(products, "_BLOCK_MAX", most)
        for part in parts:
            ids = np.array([i for _, listed in part for i in listed], dtype=np.int64)
            stop = starts([len(listed) for _, listed in part])[1:]
            gathered.add(np.array([c for c, _ in part], dtype=np.float64), stop, ids)
    whole = [term for part in parts for term in part]
    assert gathered.count == len(whole)
    coefficient, start, ids = gathered.products()
    assert coefficient.tolist() == [c for c, _ in whole]
    assert [ids[start[t] : start[t + 1]].tolist() for t in range(len(whole))] == [listed for _, listed in whole]
    assert ids.dtype == (np.int64 if any(i >= 2**31 for _, listed in whole for i in listed) else np.int32)
    assert gathered.products().coefficient.size == 0
