"""How often each client may ask, and how little is kept of them."""

from hypothesis import given
from hypothesis import strategies as st

from kyanite.core.bucket import FULL, spend
from kyanite.http.rates import Rates


def test_each_client_has_a_bucket_of_its_own():
    rates = Rates(2.0)
    assert [rates.ask("a", 0.0) for _ in range(10)] == [0.0] * 10
    assert rates.ask("a", 0.0) == 0.5
    assert rates.ask("b", 0.0) == 0.0
    assert rates.ask("a", 0.25) == 0.25
    assert rates.ask("a", 0.5) == 0.0


def test_without_a_bound_nothing_is_kept():
    rates = Rates(0.0)
    assert {rates.ask(str(number), 0.0) for number in range(1000)} == {0.0}
    assert len(rates) == 0


def test_the_table_is_bounded_and_forgets_the_quietest():
    rates = Rates(1.0, clients_max=100)
    while rates.ask("busy", 0.0) == 0.0:
        pass
    for number in range(1000):
        assert rates.ask(f"client {number}", 0.0) == 0.0
        assert rates.ask("busy", 0.0) == 1.0
        assert len(rates) <= 100


def test_who_is_gone_is_forgotten():
    rates = Rates(10.0)
    for number in range(1000):
        rates.ask(str(number), 0.0)
    assert len(rates) == 1000
    for number in range(1000):
        rates.ask("last", 60.0 + number)
    assert len(rates) <= 1


@given(
    st.sampled_from([0.5, 3.0, 20.0]),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 2)), max_size=200),
)
def test_forgetting_those_that_are_as_good_as_new_changes_nothing(per_s, asked):
    rates, model, now = Rates(per_s, clients_max=3), {}, 0.0
    for client, pause_s in asked:
        now += pause_s
        model[client], wait_s = spend(model.get(client, FULL), now, per_s)
        assert rates.ask(client, now) == wait_s
