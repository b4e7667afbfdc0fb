"""Problems and terms that several tests use."""

from hypothesis import strategies as st

from kyanite.optimization import Problem, ProblemType, SlcTerm, Term

NUMBERS = st.integers(-9, 9) | st.floats(-9, 9, width=16)
IDS = st.integers(0, 5)
MONOMIALS = st.builds(Term, st.lists(IDS, max_size=4), st.none(), NUMBERS)


@st.composite
def groups(draw):
    inner = [Term([variable], None, draw(NUMBERS)) for variable in draw(st.sets(IDS))]
    return SlcTerm(inner + [Term([], None, draw(NUMBERS))] * draw(st.integers(0, 1)), draw(NUMBERS))


PROBLEMS = st.builds(
    Problem,
    st.text(max_size=5),
    st.lists(MONOMIALS | groups(), max_size=6),
    st.none() | st.dictionaries(st.integers(0, 5).map(str), st.sampled_from([-1, 1])),
    st.sampled_from([ProblemType.ising, ProblemType.pubo]),
)


def three_spins():
    return Problem("three spins", [Term([0], c=-9), Term([1, 0], c=-3), Term([2, 0], c=5)])
