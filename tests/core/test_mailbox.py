"""What one subscriber is to take: of each key in order, at most so many at once, and nothing before its time."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kyanite.core.letters import Letter
from kyanite.core.mailbox import Item, Mailbox
from kyanite.testing.stores import START

AT_ONCE = 3


def an_item(position, key=None, **fields):
    item = Item(position, "default", f"job{key}", 1, key)
    for name, value in fields.items():
        setattr(item, name, value)
    return item


def a_letter(position):
    return Letter(subscriber="s", position=position, workspace="w", job_id="j", version=1, attempts=1, first_time=START)


def test_of_one_key_the_first_goes_before():
    mailbox = Mailbox(16)
    first, second, other = an_item(1, "a"), an_item(2, "a"), an_item(3, "b")
    for item in (first, second, other):
        mailbox.add(item)
    assert [mailbox.take(0.0), mailbox.take(0.0), mailbox.take(0.0)] == [first, other, None]
    mailbox.put_off(first, 5.0)
    assert mailbox.take(4.9) is None
    assert mailbox.next_due_s == 5.0
    assert mailbox.take(5.0) is first
    mailbox.settle(first)
    assert mailbox.take(5.0) is second


def test_what_was_hastened_is_offered_once():
    mailbox = Mailbox(16)
    item = an_item(1, attempts=3)
    mailbox.add(item)
    mailbox.take(0.0)
    mailbox.put_off(item, 100.0)
    mailbox.hasten(item)
    assert mailbox.take(0.0) is item
    assert item.attempts == 0
    assert mailbox.take(200.0) is None
    mailbox.hasten(item)  # under way: its next attempt will be the first again
    assert mailbox.take(200.0) is None
    mailbox.put_off(item, 300.0)
    assert mailbox.take(300.0) is item


def test_the_log_is_read_up_to_what_is_not_settled_nor_kept():
    mailbox = Mailbox(16)
    assert mailbox.read_up_to(9) == 9
    kept, open_ = an_item(3, letter=a_letter(3)), an_item(5)
    mailbox.add(kept)
    assert mailbox.read_up_to(9) == 9
    mailbox.add(open_)
    assert mailbox.read_up_to(9) == 4
    mailbox.take(0.0)
    mailbox.settle(kept)
    mailbox.take(0.0)
    mailbox.settle(open_)
    assert mailbox.read_up_to(9) == 9


def test_the_bound_can_be_lowered():
    mailbox = Mailbox(AT_ONCE)
    for position in range(1, 6):
        mailbox.add(an_item(position, position))
    assert mailbox.take(0.0, 1) is not None
    assert mailbox.take(0.0, 1) is None
    assert [mailbox.take(0.0) is None for _ in range(3)] == [False, False, True]


class Machine(RuleBasedStateMachine):
    """Against a list of all items, looked through from the start each time."""

    def __init__(self):
        super().__init__()
        self.mailbox, self.now_s, self.position = Mailbox(AT_ONCE), 1.0, 0
        self.open, self.offered = [], []

    def due(self):
        firsts = {}
        for item in self.open:
            firsts.setdefault(item.key, item)
        return [item for item in firsts.values() if item not in self.offered and self.times[item] <= self.now_s]

    times: dict = {}

    @rule(key=st.integers(0, 3), wait_s=st.sampled_from([0.0, 0.0, 2.0, 7.0]))
    def add(self, key, wait_s):
        self.position += 1
        item = an_item(self.position, key, due_s=self.now_s + wait_s if wait_s else 0.0)
        self.times = {**self.times, item: self.now_s + wait_s}
        self.open.append(item)
        self.mailbox.add(item)

    @rule(wait_s=st.sampled_from([0.5, 3.0]))
    def wait(self, wait_s):
        self.now_s += wait_s

    @rule()
    def take(self):
        due = self.due()
        item = self.mailbox.take(self.now_s)
        if len(self.offered) == AT_ONCE or not due:
            assert item is None
        else:
            assert item in due
            self.offered.append(item)

    @precondition(lambda self: self.offered)
    @rule(data=st.data(), wait_s=st.sampled_from([1.0, 4.0]), again=st.booleans())
    def end(self, data, wait_s, again):
        item = data.draw(st.sampled_from(self.offered))
        self.offered.remove(item)
        if again:
            self.times = {**self.times, item: self.now_s + wait_s}
            self.mailbox.put_off(item, self.now_s + wait_s)
        else:
            self.open.remove(item)
            self.mailbox.settle(item)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def hasten(self, data):
        item = data.draw(st.sampled_from(self.open))
        if item not in self.offered:
            self.times = {**self.times, item: 0.0}
        self.mailbox.hasten(item)

    @invariant()
    def agrees(self):
        assert self.mailbox.under_way == len(self.offered)
        assert set(self.mailbox.items.values()) == set(self.open)
        if self.due():
            assert self.mailbox.next_due_s is not None
            assert self.mailbox.next_due_s <= self.now_s


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=40)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=30))
def test_everything_is_offered(script):
    mailbox = Mailbox(AT_ONCE)
    for position, (key, _) in enumerate(script, start=1):
        mailbox.add(an_item(position, key))
    fails = {position for position, (_, fails) in enumerate(script, start=1) if fails}
    seen, now_s = [], 1.0
    while mailbox.items:
        item = mailbox.take(now_s)
        if item is None:
            now_s = mailbox.next_due_s
        elif item.position in fails:
            fails.discard(item.position)
            mailbox.put_off(item, now_s + 1.0)
        else:
            seen.append(item)
            mailbox.settle(item)
    assert sorted(item.position for item in seen) == list(range(1, len(script) + 1))
    for key in range(3):
        own = [item.position for item in seen if item.key == key]
        assert own == sorted(own)
