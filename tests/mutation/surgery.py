"""A mutant put into a running process: its code goes into the functions that are there, wherever they are held."""

import functools
import sys
import types
from importlib.abc import InspectLoader


class Changed(InspectLoader):
    """Loads a module from a syntax tree."""

    def __init__(self, tree, file):
        self._code = compile(tree, file, "exec")

    def get_source(self, fullname):
        return None

    def get_code(self, fullname):
        return self._code


def loaded(name, file, tree):
    """Return a module made from a syntax tree; nobody else can import it."""
    module = types.ModuleType(name)
    module.__file__, module.__package__ = file, name.rpartition(".")[0]
    Changed(tree, file).exec_module(module)
    return module


def operate(module, tree):
    """Make an imported module behave as if it had been compiled from this syntax tree."""
    changed = vars(loaded(module.__name__, module.__file__, tree))
    for name, new in changed.items():
        old = vars(module).get(name)
        if name.startswith("__") or old is new:
            continue
        if isinstance(old, type) and old.__module__ == module.__name__:
            for attribute, member in vars(new).items():
                _replace_code(vars(old).get(attribute), member)
        elif not _replace_code(old, new):
            _replace_value(name, old, new)


def _replace_code(old, new):
    """Give an old function the new one's code and defaults; tell whether it is a function."""
    old, new = _function(old), _function(new)
    if old is None or new is None:
        return False
    if old.__code__ != new.__code__:
        old.__code__ = new.__code__
    old.__defaults__, old.__kwdefaults__ = new.__defaults__, new.__kwdefaults__
    return True


def _function(value):
    """Return the plain function inside of what may be a property, a cached or a decorated one."""
    if isinstance(value, property):
        value = value.fget
    elif isinstance(value, functools.partial):
        value = value.func
    value = getattr(value, "__wrapped__", value)
    return value if isinstance(value, types.FunctionType) else None


def _replace_value(name, old, new):
    """Put a new constant in the place of the old one, in every module that has it by this name."""
    for module in list(sys.modules.values()):
        if vars(module).get(name) is old and not isinstance(old, types.ModuleType | type):
            setattr(module, name, new)
