"""The page on porting keeps its promise: between before and after, only the import has changed."""

from tests.house import markdown, tree

PAGE = markdown.blocks((tree.ROOT / "docs" / "porting.md").read_text(encoding="utf-8"))


def test_before_and_after_differ_in_the_imports_only():
    (before,) = [block.text.splitlines() for block in PAGE if block.mark == "before"]
    after = next(block.text.splitlines() for block in PAGE if block.language == "python" and not block.mark)
    assert len(before) == len(after)
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [(old, old.replace("azure.quantum", "kyanite.sync")) for old in before if "azure" in old]
    assert all(old.startswith("from azure.quantum") for old, _ in changed)
    assert len(changed) == 2
