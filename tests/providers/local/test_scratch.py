import os

from kyanite_providers.local.scratch import Scratch


def abandon(scratch):
    """What the system does when the owner is killed."""
    os.close(scratch._lock_fd)


def test_folder_goes_with_its_owner(tmp_path):
    scratch = Scratch(tmp_path / "made" / "if need be")
    (scratch.path / "output.json").write_text("{}")
    scratch.close()
    assert not scratch.path.exists()


def test_next_owner_removes_what_a_killed_one_left(tmp_path):
    killed = Scratch(tmp_path)
    (killed.path / "output.json").write_text("{}")
    abandon(killed)
    following = Scratch(tmp_path)
    assert not killed.path.exists()
    following.close()


def test_folders_in_use_or_in_the_making_or_of_others_stay(tmp_path):
    live = Scratch(tmp_path)
    (tmp_path / "kyanite-in-the-making").mkdir()
    (tmp_path / "kyanite-file").write_text("")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner.lock").write_text("")
    (tmp_path / "kyanite-link").symlink_to(elsewhere)
    Scratch(tmp_path).close()
    assert {path.name for path in tmp_path.iterdir()} == {
        live.path.name,
        "kyanite-in-the-making",
        "kyanite-file",
        "kyanite-link",
        "elsewhere",
    }
    assert (elsewhere / "owner.lock").exists()
    live.close()
