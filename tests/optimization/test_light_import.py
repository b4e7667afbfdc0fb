from tests.house.test_light_import import HEAVY, modules_after


def test_the_optimization_api_loads_nothing_heavy():
    loaded = modules_after("import kyanite.optimization.toshiba")
    assert "kyanite.optimization.problem" in loaded
    assert HEAVY & loaded == set()
