"""Strings as UTF-8 can carry them."""


def well_formed(text: str) -> str:
    """Halves of a character that stand together become that character; one that stands alone becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
