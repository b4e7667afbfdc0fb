"""Ways to change a valid input of each form: what comes of it is nearly one, or hardly."""

import json

import msgspec

from tests.fuzz import corpora
from tests.fuzz.mutation import MSGPACK_TOKENS, WHOLE_TOKENS, damaged, mutated, respelt, zipped
from tests.providers.local.messages import archive


def of_json(samples, random):
    content = msgspec.json.encode(mutated(msgspec.json.decode(random.choice(samples)), random))
    return damaged(content, random) if random.random() < 0.2 else content


def of_json_or_gzip(samples, random):
    content = of_json(samples, random)
    return zipped(content, random) if random.random() < 0.2 else content


def of_tar(samples, random):
    """Damage a message inside of an archive that is whole, or else the archive, or its compressed form."""
    messages = list(random.choice(samples))
    choice = random.random()
    if choice < 0.7:
        at = random.randrange(len(messages))
        for _ in range(random.randint(1, 3)):
            messages[at] = damaged(messages[at], random)
    content = archive(*messages)
    if choice < 0.8:
        return content
    return zipped(content, random) if choice < 0.9 else damaged(content, random)


def of_value(samples, random):
    return msgspec.json.encode(mutated(msgspec.json.decode(random.choice(samples)), random, WHOLE_TOKENS))


def of_msgpack(samples, random):
    sample = random.choice(samples)
    try:
        content = msgspec.msgpack.encode(mutated(msgspec.msgpack.decode(sample), random, MSGPACK_TOKENS))
    except OverflowError:  # a number beyond 64 bits can not be written
        return damaged(sample, random)
    return damaged(content, random) if random.random() < 0.3 else content


def of_typed(samples, random):
    return random.randbytes(1) + of_json_or_gzip(samples, random)


def of_cut(samples, random):
    return random.randbytes(1) + of_json(samples, random)


def of_text(samples, random):
    return respelt(random.choice(samples), random).encode("utf-8", "surrogatepass")


def of_texts(samples, random):
    """Respell one of the texts in a list, or a name or value of a mapping; Python writes it, which knows surrogates."""
    given = random.choice(samples)
    if isinstance(given, list):
        at = random.randrange(len(given))
        return json.dumps([*given[:at], respelt(given[at], random), *given[at + 1 :]]).encode()
    name = random.choice(list(given))
    changed = dict(given)
    text = changed.pop(name)
    if random.random() < 0.4:
        changed[respelt(name, random)] = text
    else:
        literal = random.choice(WHOLE_TOKENS).decode()
        changed[name] = literal if random.random() < 0.2 else respelt(text, random)
    return json.dumps(changed).encode()


def mostly(change, samples, random):
    """Change a sample, but for one in ten: where next to nothing that is changed is still valid."""
    sample = random.choice(samples)
    if random.random() > 0.1:
        return change((sample,), random)
    if isinstance(sample, bytes):
        return sample
    return (sample if isinstance(sample, str) else json.dumps(sample)).encode()


def of_frames(samples, random):
    """Some events of a stream, of which one says or is something else; the first byte says how they are cut."""
    frames = random.sample(samples, random.randint(1, 4))
    at = random.randrange(len(frames))
    head, marked, data = frames[at].partition(b"data: ")
    choice = random.random()
    if marked and choice < 0.6:
        frames[at] = head + marked + of_json((data,), random) + b"\n\n"
    elif choice < 0.8:
        frames[at] = respelt(frames[at].decode(), random).encode("utf-8", "surrogatepass")
    else:
        frames[at] = damaged(frames[at], random)
    content = b"".join(frames)
    end = b"\n" if random.random() < 0.8 else random.choice((b"\r\n", b"\r"))
    return random.randbytes(1) + content.replace(b"\n", end)


_TOML_VALUES = (
    *(
        "nan",
        "-inf",
        "1e308",
        "1e999",
        "0x" + "f" * 5_000,
        "1" * 5_000,
        "-1",
        "0",
        "''",
        '"""',
        "[]",
        "{}",
        "{",
        "1979-05-27",
    ),
    *(
        "07:32:00",
        "9999-99-99",
        '"\\ud800"',
        '"\\U00110000"',
        "[" * 2_000,
        "[" * 200 + "]" * 200,
        "{a=" * 500,
        "true",
        "1_0",
    ),
    *("{ env = 'X' }", "{ env = 'X', file = 'y' }", "{ file = '' }", "'https://u:p@host/?sig=1'", '"\0"', "0o17", "+1"),
)


def of_toml(random):
    lines = corpora.TOML.splitlines()
    at = random.randrange(len(lines))
    name = lines[at].partition("=")[0]
    match random.randrange(6):
        case 0:
            lines[at] = f"{name}= {random.choice(_TOML_VALUES)}"
        case 1:
            lines[at] = respelt(lines[at], random)
        case 2:
            del lines[at]
        case 3:
            lines.insert(random.randrange(len(lines)), lines[at])
        case 4:
            lines[at] = f"{name.strip() or 'a'}.{'.'.join('abc')} = 1"
        case _:
            lines[at] = f"{respelt(name, random)}= {random.choice(_TOML_VALUES)}"
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return damaged(content, random) if random.random() < 0.1 else content
