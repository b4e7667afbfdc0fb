from tests.house.test_light_import import HEAVY, modules_after


def test_the_blocking_face_loads_nothing_heavy():
    loaded = modules_after("import kyanite.sync, kyanite.sync.optimization")
    assert "kyanite.sync.optimization" in loaded
    assert HEAVY & loaded == set()
