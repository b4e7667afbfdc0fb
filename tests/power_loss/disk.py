"""A disk that remembers every change in order, so that the power can be cut after each, as often as one likes.

Changes are made for real, and recorded. `loss` then says what would lie on the disk had the power gone out at some
point: everything that had been synced, and of everything else whatever a seeded chance keeps, drops or tears. Contents
are torn at sectors; a folder's entries are kept or dropped one by one, as no file system promises an order.
"""

import os
import shutil
import threading
from dataclasses import dataclass, field

SECTOR = 512


@dataclass
class Node:
    """A file or folder as it is surely on the disk, and what was done to it since it was synced."""

    content: bytearray | None = None
    """Of a file; of a folder there are `entries`."""
    entries: dict = field(default_factory=dict)
    pending: list = field(default_factory=list)
    size: int = 0
    """Of a file, with what is pending: where a write without an offset goes."""


class Disk:
    """Records what happens below a folder; a watcher of steps, and told of more by a VFS."""

    def __init__(self, root, *, ignores_sync=False):
        """Begin with what lies there."""
        self.root = root
        self.changes = []
        """("mark", promise), ("pend", node, change) or ("sync", node)."""
        self._ignores_sync = ignores_sync
        self._lock = threading.RLock()
        self._nodes = {}
        self._top = self._taken_up(root)

    # What happens -----------------------------------------------------------------------------------------------------

    def __call__(self, step, call):
        """Take a step of this process, and record it if it is about something below the root."""
        path = step.path.removesuffix(" (deleted)")
        if not self.covers(path):
            return call()
        with self._lock:
            # The real power stays on: a sync needs recording only.
            outcome = None if step.name in {"fsync", "fdatasync"} else call()
            self._record_step(step, path, outcome)
        return outcome

    def covers(self, path):
        return f"{path}/".startswith(f"{self.root}/")

    def mark(self, what):
        """Note that something has been promised now."""
        with self._lock:
            self.changes.append(("mark", what))

    def create(self, path):
        with self._lock:
            if path not in self._nodes:
                self._name(path, Node(content=bytearray()))

    def write(self, path, content, offset=None):
        with self._lock:
            node = self._nodes[path]
            offset = node.size if offset is None else offset
            node.size = max(node.size, offset + len(content))
            self.changes.append(("pend", node, ("write", offset, bytes(content))))

    def truncate(self, path, size):
        with self._lock:
            node = self._nodes[path]
            node.size = size
            self.changes.append(("pend", node, ("truncate", size)))

    def sync(self, path):
        with self._lock:
            if not self._ignores_sync:
                self.changes.append(("sync", self._top if path == str(self.root) else self._nodes[path]))

    def sync_folder_of(self, path):
        self.sync(os.path.dirname(path))  # noqa: PTH120

    def remove(self, path):
        with self._lock:
            self._nodes.pop(path, None)
            self._pend_entry(path, None)

    def _record_step(self, step, path, outcome):
        match step.name:
            case "mkdir":
                self._name(path, Node())
            case "link":
                self._name(step.to, self._nodes[path])
            case "rename" | "replace":
                self._name(step.to, self._nodes[path])
                self.remove(path)
            case "unlink" | "remove" | "rmdir":
                self.remove(path)
            case _:
                self._record_content(step, path, outcome)

    def _record_content(self, step, path, outcome):
        match step.name:
            case "open":
                self.create(path)
                if step.arguments[0] & os.O_TRUNC:
                    self.truncate(path, 0)
            case "write" | "copy_file_range":
                self.write(path, bytes(step.arguments[0])[:outcome])
            case "pwrite":
                self.write(path, *step.arguments)
            case "ftruncate":
                self.truncate(path, *step.arguments)
            case "fsync" | "fdatasync":
                self.sync(path)

    def _name(self, path, node):
        self._nodes[path] = node
        self._pend_entry(path, node)

    def _pend_entry(self, path, node):
        folder, name = os.path.split(path)
        parent = self._top if folder == str(self.root) else self._nodes[folder]
        self.changes.append(("pend", parent, ("entry", name, node)))

    def _taken_up(self, path):
        if path.is_file():
            content = bytearray(path.read_bytes())
            node = Node(content=content, size=len(content))
        else:
            node = Node(entries={child.name: self._taken_up(child) for child in path.iterdir()})
        self._nodes[str(path)] = node
        return node

    # The power goes out -----------------------------------------------------------------------------------------------

    def losses(self, points, chance, folder):
        """For each point, in order, yield what had been promised by then, and a folder with what is left.

        To be called once, when nothing happens any more.
        """
        promised = []
        points = sorted(points)
        for at in range(len(self.changes) + 1):
            while points and points[0] == at:
                target = folder / f"loss-{len(points)}"
                _lay(self._top, target, chance)
                yield list(promised), target
                points.pop(0)
            if at < len(self.changes):
                kind, *change = self.changes[at]
                if kind == "mark":
                    promised += change
                elif kind == "pend":
                    change[0].pending.append(change[1])
                else:
                    _settle(change[0], change[0].pending)
                    change[0].pending = []


def _settle(node, changes):
    """Apply changes to what is surely on the disk."""
    for kind, *change in changes:
        if kind == "entry":
            name, child = change
            if child is None:
                node.entries.pop(name, None)
            else:
                node.entries[name] = child
        elif kind == "truncate":
            (size,) = change
            del node.content[size:]
            node.content.extend(bytes(size - len(node.content)))
        else:
            offset, content = change
            node.content.extend(bytes(max(0, offset + len(content) - len(node.content))))
            node.content[offset : offset + len(content)] = content


def _lay(node, path, chance):
    """Write what is left of a file or folder."""
    if node.content is not None:
        left = Node(content=bytearray(node.content))
        _settle(left, _survivors(node.pending, chance))
        path.write_bytes(left.content)
        return
    left = Node(entries=dict(node.entries))
    _settle(left, _survivors(node.pending, chance))
    path.mkdir()
    for name, child in left.entries.items():
        _lay(child, path / name, chance)


def _survivors(changes, chance):
    """Return what has reached the disk of changes that were not synced: nothing, all, or some, and some torn."""
    mood = chance.random()
    if mood < 0.2:
        return []
    if mood < 0.3:
        return changes
    return [part for change in changes if chance.random() < 0.6 for part in _torn(change, chance)]


def _torn(change, chance):
    if change[0] != "write" or chance.random() < 0.6:
        return [change]
    _, offset, content = change
    parts = []
    start = offset
    while start < offset + len(content):
        end = min(offset + len(content), (start // SECTOR + 1) * SECTOR)
        if chance.random() < 0.5:
            parts.append(("write", start, content[start - offset : end - offset]))
        start = end
    return parts


def clear(folder, kept=None):
    """Remove what earlier losses have left in a folder, but for what the next life begins with."""
    for path in folder.iterdir():
        if kept is None or (path != kept and path not in kept.parents):
            shutil.rmtree(path)
        elif path != kept:
            clear(path, kept)
