import io
import tarfile

import pytest

from kyanite.errors import ProviderError
from kyanite_providers.local.archive import files, is_archive
from tests.providers.local.messages import archive

CONTENTS = [b"x" * 10, b"", b"y" * 512, b"z" * 2000]


@pytest.mark.parametrize("length", [1, 100, 512, 10**6])
def test_files_come_in_order_whatever_the_pieces(length):
    whole = archive(*CONTENTS)
    assert list(files(whole[at : at + length] for at in range(0, len(whole), length))) == CONTENTS


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_is_no_file_is_gone_over(form):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, kind in (("folder", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member)
        member = tarfile.TarInfo("n" * 90 if form == tarfile.USTAR_FORMAT else "ü" * 300)
        member.size, member.mtime = 3, 1 if form == tarfile.USTAR_FORMAT else 1.5
        tar.addfile(member, io.BytesIO(b"abc"))
    assert is_archive(out.getvalue())
    assert list(files([out.getvalue()])) == [b"abc"]


def test_json_is_no_archive():
    assert not is_archive(b'{"cost_function": {}}' * 100)
    assert not is_archive(b"")


def damaged(change):
    whole = bytearray(archive(b"abc" * 400, b"d"))
    change(whole)
    return bytes(whole)


def put(at, content):
    return lambda whole: whole.__setitem__(slice(at, at + len(content)), content)


def cut(at):
    return lambda whole: whole.__delitem__(slice(at, None))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put(0, b"G"), "another sum"),
        (put(124, b"\x80"), "another sum"),
        (put(148, b"x"), "no octal number"),
        (put(148, b"\0" * 8), "no octal number"),
        (cut(300), "ends too early"),
        (cut(700), "ends too early"),
        (cut(512 + 1536), "ends too early"),
        (cut(512 + 1536 + 1024), "ends too early"),
    ],
)
def test_damage_is_refused(change, problem):
    with pytest.raises(ProviderError, match=f"AZQ105: the archive is damaged: .*{problem}") as caught:
        list(files([damaged(change)]))
    assert caught.value.error.code == "InvalidInputData"


def test_a_size_beyond_all_measure_is_refused_when_the_input_ends():
    whole = bytearray(archive(b"abc"))
    whole[124:136] = b"77777777777\0"
    whole[148:156] = b"%06o\0 " % (sum(whole[:512]) - sum(whole[148:156]) + 8 * 32)
    with pytest.raises(ProviderError, match="ends too early"):
        list(files([bytes(whole)]))
    whole[124:136] = b"\x80" + bytes(10) + b"\x03"
    whole[148:156] = b"%06o\0 " % (sum(whole[:512]) - sum(whole[148:156]) + 8 * 32)
    with pytest.raises(ProviderError, match="no octal number"):
        list(files([bytes(whole)]))
