import string
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyanite.http.gateway.signing import PERMISSIONS, Refused, Signer, signer_in

NOW = datetime(2026, 11, 21, 20, 0, 0, 900_000, tzinfo=UTC)
SIGNER = Signer(bytes(range(32)))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20)


def signed(path="c/b", permissions="racwl", life_s=60, **options):
    expires = NOW + timedelta(seconds=life_s)
    return SIGNER.sign(path, permissions=permissions, expires=expires, **{"container": False, **options})


def test_a_link_has_the_shape_that_the_clients_look_at():
    query = signed(container=True, permissions="lwacr")
    fields = parse_qs(query, strict_parsing=True)
    assert set(fields) == {"sv", "sr", "sp", "se", "sig"}
    assert (fields["sr"], fields["sp"], fields["se"]) == (["c"], ["racwl"], ["2026-11-21T20:01:00Z"])
    assert "%" not in query  # it survives being copied from a terminal


def test_a_signature_of_a_container_opens_all_in_it():
    query = signed("c", container=True)
    for path in ("c", "c/b", "c/a/b"):
        assert SIGNER.check(path, query, now=NOW, permission="r").container == "c"
    for path in ("d", "d/b", "cc", "c2/b", ""):
        with pytest.raises(Refused, match="not one for this address"):
            SIGNER.check(path, query, now=NOW, permission="r")


def test_a_signature_of_a_blob_opens_nothing_else():
    query = signed("c/a/b")
    assert SIGNER.check("c/a/b", query, now=NOW, permission="r").blob == "a/b"
    for path in ("c", "c/a", "c/a/b/c", "c/a/bb", "c/A/b"):
        with pytest.raises(Refused, match="not one for this address"):
            SIGNER.check(path, query, now=NOW, permission="r")


def test_a_link_ends():
    query = signed(life_s=60)
    SIGNER.check("c/b", query, now=NOW + timedelta(seconds=59), permission="r")
    for late_s in (59.1, 60, 1e9):  # cut to the whole second
        with pytest.raises(Refused, match="expired at 2026-11-21T20:01:00Z") as refused:
            SIGNER.check("c/b", query, now=NOW + timedelta(seconds=late_s), permission="r")
        assert refused.value.code == "AuthenticationFailed"


def test_a_link_grants_what_it_says():
    for permissions in ("r", "cw", "", "racwdl"):
        query = signed(permissions=permissions)
        for letter in PERMISSIONS:
            if letter in permissions:
                assert SIGNER.check("c/b", query, now=NOW, permission=letter).permissions == permissions
            else:
                with pytest.raises(Refused) as refused:
                    SIGNER.check("c/b", query, now=NOW, permission=letter)
                assert refused.value.code == "AuthorizationPermissionMismatch"
    assert SIGNER.check("c/b", signed(permissions="w"), now=NOW, permission="cw").permissions == "w"


@given(field=st.sampled_from(["sv", "sr", "sp", "se", "sig"]), value=st.text(max_size=50))
def test_a_changed_field_is_refused(field, value):
    fields = dict(parse_qsl(signed(permissions="r")))
    if fields[field] == value:
        return
    with pytest.raises(Refused):
        SIGNER.check("c/b", urlencode(fields | {field: value}), now=NOW, permission="r")


@given(data=st.data(), container=st.booleans(), character=st.sampled_from(string.printable))
def test_a_changed_character_is_refused(data, container, character):
    query = signed(container=container, permissions="r")
    at = data.draw(st.integers(0, len(query) - 1))
    changed = query[:at] + character + query[at + 1 :]
    if parse_qsl(changed) == parse_qsl(query):
        return
    with pytest.raises(Refused):
        SIGNER.check("c/b", changed, now=NOW, permission="r")


@given(path=st.text(max_size=20), other=st.text(max_size=20))
def test_a_changed_path_is_refused(path, other):
    query = signed(path)
    assert SIGNER.check(path, query, now=NOW, permission="r").expires == NOW.replace(microsecond=0) + timedelta(
        seconds=60
    )
    if path != other:
        with pytest.raises(Refused):
            SIGNER.check(other, query, now=NOW, permission="r")


@given(query=st.text() | st.lists(st.sampled_from([*"=&%+", "sv", "sr=c", "se", "sp=r", "sig="])).map("".join))
def test_nothing_else_is_raised(query):
    with pytest.raises(Refused):
        SIGNER.check("c/b", query, now=NOW, permission="r")


def test_fields_given_twice_are_refused():
    for field in ("&sp=racwdl", "&se=2100-01-01T00:00:00Z", "&sig="):
        with pytest.raises(Refused, match="twice"):
            SIGNER.check("c/b", signed() + field, now=NOW, permission="r")
    with pytest.raises(Refused, match="too many"):
        SIGNER.check("c/b", "&".join(f"a{i}=" for i in range(100)), now=NOW, permission="r")
    assert SIGNER.check("c/b", f"comp=list&{signed()}&timeout=5", now=NOW, permission="r").blob == "b"


def test_the_secret_decides_and_is_not_shown():
    query = signed()
    with pytest.raises(Refused) as refused:
        Signer(bytes(32)).check("c/b", query, now=NOW, permission="r")
    signature = dict(parse_qsl(query))["sig"]
    assert signature not in str(refused.value)
    assert repr(SIGNER) == "<Signer>"


def test_links_outlive_a_restart(tmp_path):
    expires = NOW + timedelta(hours=1)
    query = signer_in(tmp_path / "new").sign("c/b", permissions="r", expires=expires, container=False)
    assert signer_in(tmp_path / "new").check("c/b", query, now=NOW, permission="r").blob == "b"
    file = tmp_path / "new" / "gateway.key"
    assert (file.stat().st_mode & 0o777, len(file.read_bytes())) == (0o600, 32)
    with pytest.raises(Refused):
        signer_in(tmp_path / "other").check("c/b", query, now=NOW, permission="r")
