"""Texts of strangers in sentences for people: in answers, in logs, on terminals. Pure."""


def printable(text: str) -> str:
    r"""Return `text` with an escape, as `\x1b`, for every character that is not printable.

    Those are controls, line ends, marks that turn the direction of writing, and halves of
    characters: `str.isprintable`.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
