from kyanite.cli.session import Session


def test_commands_that_meet_the_same_workspace():
    assert Session().again("job", "wait", "1") == "kyanite job wait 1"
    session = Session(data_dir="my jobs", workspace="team", config="a.toml")
    assert session.again("job", "list") == "kyanite job list --data-dir 'my jobs' --workspace team --config a.toml"
    there = Session(endpoint="http://127.0.0.1:8473", workspace="team")
    assert there.again("job", "list") == "kyanite job list --endpoint http://127.0.0.1:8473 --workspace team"


def test_what_is_kept():
    session = Session()
    assert session.kept("1") == "job 1 is kept: `kyanite job wait 1` goes on, `kyanite job cancel 1` gives up"
    assert session.kept("1", "2").startswith("2 jobs are kept: `kyanite job wait 1 2` goes on")
    assert session.kept(*"12345") == "5 jobs are kept: `kyanite job watch` goes on with all that have not ended"


def test_talk_goes_to_stderr_unless_quiet(capsys):
    Session().say("hello")
    Session(quiet=True).say("nothing")
    assert capsys.readouterr() == ("", "hello\n")
