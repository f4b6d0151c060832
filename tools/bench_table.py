"""Where a bench writes its table: between two marks of a document, which stays whole if writing fails."""
import os


def write(path, begin, end, text):
    """Replaces what stands between the marks `begin` and `end` of the document at `path`."""
    with open(path, encoding="utf-8") as f:
        document = f.read()
    head, rest = document.split(begin, 1)
    tail = rest.split(end, 1)[1]
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(f"{head}{begin}\n{text}\n{end}{tail}")
    os.replace(path + ".new", path)
