"""Each rule of the house finds what it forbids, and lets pass what it does not."""

import sys
from functools import partial
from pathlib import PurePosixPath

import pytest

from tests.house import rules

kernels = partial(rules.foreign_to_kernels, standard_library=sys.stdlib_module_names)


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (rules.words, "index = 'https://" + "pypi" + ".org/simple'"),
        (rules.words, "path = '/" + "work/main'"),
        (rules.words, "x = 1  # TO" + "DO: later"),
        (rules.length, "x = 1\n" * (rules.LINES_MAX + 1)),
        (rules.module_docstring, "x = 1"),
        (rules.swallowed_errors, "try:\n    f()\nexcept:\n    pass"),
        (rules.swallowed_errors, "try:\n    f()\nexcept OSError:\n    ..."),
        (rules.swallowed_errors, "with contextlib.suppress(OSError, Exception):\n    f()"),
        (rules.code_from_input, "eval(text)"),
        (rules.code_from_input, "import pickle"),
        (rules.code_from_input, "from marshal import loads"),
        (rules.code_from_input, "yaml.load(text)"),
        (rules.code_from_input, "numpy.load(path, allow_pickle=True)"),
        (rules.impurity, "import time"),
        (rules.impurity, "from random import Random"),
        (rules.impurity, "import kyanite.ports"),
        (rules.impurity, "from datetime import datetime\nx = datetime.now()"),
        (rules.impurity, "x = f().utcnow()"),
        (rules.impurity, "open('x')"),
        (kernels, "import scipy"),
        (kernels, "from kyanite.core.job import Status"),
        (rules.undocumented_port, "class Store:\n    '''Keeps.'''\n    async def get(self): ..."),
        (rules.undocumented_port, "class Store:\n    pass"),
    ],
)
def test_breach_is_found(rule, source):
    assert list(rule(source))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (rules.words, "see docs/network/main and https://www.apache.org/licenses"),
        (rules.length, "x = 1\n" * rules.LINES_MAX),
        (rules.module_docstring, '"""A module."""'),
        (rules.swallowed_errors, "try:\n    f()\nexcept OSError:\n    log()"),
        (rules.swallowed_errors, "with contextlib.suppress(FileNotFoundError):\n    f()"),
        (rules.code_from_input, "yaml.safe_load(text)\nmodel.eval()\nload(path, allow_pickle=False)"),
        (
            rules.impurity,
            "from datetime import datetime\nfrom kyanite.core.job import Status\nimport msgspec.structs",
        ),
        (kernels, "import math\nimport numpy as np\nfrom numba import njit"),
        (rules.undocumented_port, "class Store:\n    '''Keeps.'''\n    def _hidden(self): ..."),
    ],
)
def test_good_source_passes(rule, source):
    assert list(rule(source)) == []


@pytest.mark.parametrize("name", ["kyanite/utils.py", "kyanite/base/job.py", "kyanite/job_info.py"])
def test_vague_name_is_found(name):
    assert list(rules.vague_name(PurePosixPath(name)))


@pytest.mark.parametrize("name", ["kyanite/database.py", "kyanite/core/job.py", "tests/conftest.py"])
def test_noun_passes(name):
    assert list(rules.vague_name(PurePosixPath(name))) == []
