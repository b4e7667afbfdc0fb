from kyanite.optimization.toshiba import SimulatedBifurcationMachine


def test_parameters_lie_flat():
    solver = SimulatedBifurcationMachine(None, steps=100, C=0.5, algo="1.5", auto=False, timeout=2.5)
    assert solver.name == "toshiba.sbm.ising"
    assert solver.provider_id == "toshiba"
    assert solver.params == {"steps": 100, "C": 0.5, "algo": "1.5", "auto": False, "timeout": 2.5}
    assert SimulatedBifurcationMachine(None).params == {}
