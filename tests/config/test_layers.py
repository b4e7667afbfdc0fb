"""What each layer gives, and how its mistakes are named."""

from fnmatch import fnmatchcase

import pytest

from kyanite.config import load, resolve
from kyanite.config.layers import RESERVED, from_environment, variable
from kyanite.config.notation import TEXT_LENGTH_MAX
from kyanite.config.schema import leaves
from kyanite.errors import ConfigError


def refused(call, *arguments, **options):
    with pytest.raises(ConfigError) as error:
        call(*arguments, **options)
    return str(error.value).removeprefix("The configuration is not valid: ")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[limits]\ncoers = 2", "limits.coers is not a setting; did you mean limits.cores?"),
        ("cores = 2", "cores is not a setting; did you mean limits.cores?"),
        ("[limts]\ncores = 2", "limts is not a setting; did you mean limits?"),
        ("[limits]\ncores.max = 2", "limits.cores must be a number of at least 0, not a table"),
        ("[store.more]\nx = 1", "store.more is not a setting; did you mean store.url?"),
        ("['a b']\nx = 1", '"a b" is not a setting'),
        ("queue = 3", "queue must be a table, not 3"),
        ("providers = 3", "providers must be a table, not 3"),
        ("[providers]\nlocal = 3", "providers.local must be a table, not 3"),
    ],
)
def test_an_unknown_key_is_named_with_the_file(tmp_path, text, problem):
    path = tmp_path / "kyanite.toml"
    path.write_text(text + "\n")
    assert refused(load, path) == f"{path}: {problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limits.cores = 'two'", 'limits.cores must be a number of at least 0, not "two"'),
        ("limits.cores = '2'", 'limits.cores must be a number of at least 0, not "2"'),
        ("limits.cores = -1", "limits.cores must be a number of at least 0, not -1"),
        ("limits.cores = inf", "limits.cores must be a number of at least 0, not inf"),
        ("limits.cores = nan", "limits.cores must be a number of at least 0, not nan"),
        ("limits.cores = true", "limits.cores must be a number of at least 0, not true"),
        ("limits.gpus = 1.5", "limits.gpus must be a whole number of at least 0, not 1.5"),
        ("limits.input_max_bytes = 0", "limits.input_max_bytes must be a whole number of at least 1, not 0"),
        ("limits.cancel_grace_s = -0.1", "limits.cancel_grace_s must be seconds, from 0 to a century, not -0.1"),
        ("limits.cancel_grace_s = 1e30", "limits.cancel_grace_s must be seconds, from 0 to a century, not 1e+30"),
        ("limits.orphan_age_s = 1", "limits.orphan_age_s must be seconds, from 60 to a century, not 1"),
        ("queue.window = 0", "queue.window must be a whole number of at least 1, not 0"),
        ("blobs.inline_max_bytes = 9999999", "blobs.inline_max_bytes must be a number of bytes from 0 to 1048576,"),
        ("retry.jitter = 1.5", "retry.jitter must be a number from 0 to 1, not 1.5"),
        ("retry.factor = 0.5", "retry.factor must be a number from 1 to 1000, not 0.5"),
        ("retry.first_s = -1", "retry.first_s must be seconds, from 0 to a century, not -1"),
        ("store.synchronous = 'OFF'", 'store.synchronous must be "FULL" or "NORMAL", not "OFF"'),
        ("store.url = 3", "store.url must be text, not 3"),
        ("store.url = 2026-01-01", "store.url must be text, not 2026-01-01"),
        ("data_dir = ''", 'data_dir must be the path of a folder, not ""'),
        ("workspace = 'a b'", "workspace must be a name of up to 128 letters"),
        ("data_dir = [1, 2]", "data_dir must be the path of a folder, not [1, 2]"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(tmp_path, text, problem):
    path = tmp_path / "kyanite.toml"
    path.write_text(text + "\n")
    assert refused(load, path).startswith(f"{path}: {problem}")


def test_a_broken_file_is_named(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text("[queue\n")
    assert refused(load, path).startswith(f"{path}: Expected ']'")
    path.write_bytes(b"workspace = '\xff'\n")
    assert refused(load, path).startswith(f"{path}: ")
    assert refused(load, tmp_path) == f"{tmp_path}: Is a directory"


def test_a_long_value_is_shown_in_part(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text(f"limits.cores = '{'x' * 500}'\n")
    assert len(refused(load, path)) < len(str(path)) + 160


def test_a_variable_is_read_by_the_type_of_its_setting():
    settings = resolve(
        environ={
            "KYANITE_DATA_DIR": "3",
            "KYANITE_STORE__URL": "memory:",
            "KYANITE_LIMITS__CORES": "2",
            "kyanite_limits__Gpus": "1",
            "KYANITE_RETRY__FIRST_S": "0.25",
            "KYANITE_LOG__LEVEL": "DEBUG",
            "PATH": "/bin",
        }
    ).settings
    assert (settings.data_dir, settings.store.url) == ("3", "memory:")
    assert (settings.limits.cores, settings.limits.gpus) == (2.0, 1)
    assert type(settings.limits.cores) is float
    assert (settings.retry.first_s, settings.log.level) == (0.25, "DEBUG")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", 2),
        ("2.5", 2.5),
        ("true", True),
        ('"2"', "2"),
        ("[1, 2]", [1, 2]),
        ("/var/cache", "/var/cache"),
        ("", ""),
        ("1\nother = 2", "1\nother = 2"),
        ("a = b", "a = b"),
    ],
)
def test_an_option_of_a_provider_is_read_as_toml_or_else_as_text(text, value):
    settings = resolve(environ={"KYANITE_PROVIDERS__LOCAL__SOME_OPTION": text}).settings
    assert settings.providers == {"local": {"some_option": value}}


def test_options_of_a_provider_can_be_given_as_a_table():
    environ = {"KYANITE_PROVIDERS__LOCAL": "{ workers_max = 2 }", "KYANITE_PROVIDERS__ACME__AUTH__USER": "me"}
    assert resolve(environ=environ).settings.providers == {
        "local": {"workers_max": 2},
        "acme": {"auth": {"user": "me"}},
    }


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("KYANITE_LIMITS__COERS", "2", "KYANITE_LIMITS__COERS is not a setting; did you mean KYANITE_LIMITS__CORES?"),
        ("KYANITE_LIMITS_CORES", "2", "KYANITE_LIMITS_CORES is not a setting; did you mean KYANITE_LIMITS__CORES?"),
        ("KYANITE_DATADIR", "x", "KYANITE_DATADIR is not a setting; did you mean KYANITE_DATA_DIR?"),
        ("KYANITE_ZZZZZZ", "x", "KYANITE_ZZZZZZ is not a setting"),
        ("KYANITE_", "x", "KYANITE_ is not a setting"),
        ("KYANITE_PROVIDERS__", "{}", "KYANITE_PROVIDERS__ is not a setting"),
        (
            "KYANITE_LIMITS",
            "2",
            "KYANITE_LIMITS is a group of settings; name one of them, such as KYANITE_LIMITS__CORES",
        ),
        ("KYANITE_PROVIDERS__LOCAL", "2", "KYANITE_PROVIDERS__LOCAL: providers.local must be a table, not 2"),
        (
            "KYANITE_LIMITS__CORES",
            "two",
            'KYANITE_LIMITS__CORES: limits.cores must be a number of at least 0, not "two"',
        ),
        ("KYANITE_LIMITS__GPUS", "", 'KYANITE_LIMITS__GPUS: limits.gpus must be a whole number of at least 0, not ""'),
        ("KYANITE_LIMITS__CORES", "nan", "KYANITE_LIMITS__CORES: limits.cores must be a number of at least 0"),
        ("KYANITE_DATA_DIR", "", 'KYANITE_DATA_DIR: data_dir must be the path of a folder, not ""'),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(name, text, problem):
    assert refused(resolve, environ={name: text}).startswith(problem)


def test_two_spellings_of_one_variable_are_refused():
    environ = {"KYANITE_DATA_DIR": "a", "Kyanite_data_dir": "b"}
    assert refused(resolve, environ=environ) == "KYANITE_DATA_DIR and Kyanite_data_dir are the same setting"


def test_reserved_names_are_no_settings():
    environ = dict.fromkeys([name.replace("*", "X") for name in RESERVED if name != "KYANITE_CONFIG"], "x")
    environ |= {"_KYANITE_COMPLETE": "bash_source", "kyanite_api_key": "x", "KYANITE_PORT_80_TCP": "x"}
    assert from_environment(environ) == []


def test_no_setting_is_reserved():
    names = [variable(parts) for parts in leaves()]
    assert [name for name in names if any(fnmatchcase(name, pattern) for pattern in RESERVED)] == []
    assert "KYANITE_LIMITS__CORES" in names


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"limits.coers": 2}, "argument: limits.coers is not a setting; did you mean limits.cores?"),
        ({"limits.cores": "x"}, 'argument: limits.cores must be a number of at least 0, not "x"'),
        ({"limits": 2}, "argument: limits must be a table, not 2"),
    ],
)
def test_a_mistake_in_an_argument_is_named(flags, problem):
    assert refused(resolve, environ={}, flags=flags) == problem


def test_a_file_that_is_no_settings_file_by_its_length_is_refused(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text("# " + "x" * TEXT_LENGTH_MAX)
    with pytest.raises(ConfigError, match="characters; at most 262,144 are allowed"):
        resolve(path, environ={})
    path.write_text("# " + "x" * (TEXT_LENGTH_MAX - 2))
    resolve(path, environ={})
