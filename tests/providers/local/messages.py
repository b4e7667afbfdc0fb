"""Writes problems as protobuf messages in an archive: field by field, as the wire format has it."""

import io
import struct
import tarfile


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number, value):
    """A field: text and bytes with their length, a float as a double, an int as a varint."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3) + varint(value)


def term(c, *ids):
    packed = b"".join(map(varint, ids))
    return (field(1, float(c)) if c else b"") + (field(2, packed) if ids else b"")


def function(*terms, kind=1, version="1.0", initial=None):
    """A cost function; what is `None` is left out."""
    out = field(1, kind) if kind else b""
    out += b"" if version is None else field(2, version)
    out += b"".join(field(3, term(*each)) for each in terms)
    for name, value in (initial or {}).items():
        out += field(4, field(1, str(name)) + (field(2, value) if value else b""))
    return out


def message(*terms, name=None, **more):
    metadata = b"" if name is None else field(2, field(1, field(1, "name") + field(2, field(3, name))))
    return field(1, function(*terms, **more)) + metadata


def archive(*messages, mode="w"):
    """An archive of these messages, as the SDK names them; `w:gz` compresses it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as tar:
        for number, content in enumerate(messages):
            member = tarfile.TarInfo(f"gzipinputfile_pb_{number}.pb")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()
