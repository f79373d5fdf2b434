"""Secrets that never show themselves, and text with whatever may be one masked.

Two lines of defence: places where a password stands (URLs, ``password=...``) are masked whatever
stands there, and every secret that dbtune has seen is masked wherever it turns up.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from dbtune.text import plain

MASK = "***"

_known: set[str] = set()
_public: set[str] = {"postgres", "postgresql", "redis", "rediss", "mongodb", "mongo", "password"}
_public |= {"admin", "database", "default", "localhost", "root", "test", "user", "username"}
_SHORT, _SHORTEST = 8, 3

# Patterns are texts, which re compiles and keeps at the first use: start-up does not pay for them.
_KEY = r"\w*(?:passw(?:or)?d|passphrase|pwd|secret|token|authMechanismProperties)"
# Of a scheme its end suffices: without a bound each letter of a long text begins one.
_URL = r"[a-z][a-z0-9+.-]{0,30}://\S*"
# A libpq connection string's value: quoted (closed or not), or up to a space that is not escaped.
_SETTING = rf"\b({_KEY})(\s*=\s*)('(?:[^'\\]|\\.)*'?|(?:\\.|[^\s\\])+)"
# Statements keep the password that CREATE or ALTER ROLE was given, also in pg_stat_statements.
_STATEMENT = r"\b(PASSWORD)(\s+)(E?'(?:[^'\\]|''|\\.)*'?)"
_ANY = rf"(?is)({_URL})|{_SETTING}|{_STATEMENT}"


class Secret:
    """A string that never shows itself: ``repr``, ``str`` and formatting give ``***``.

    Args:
        value: what is secret.
        alone: whether the value as a whole is to be masked in other texts; not so for a URL, which
            is shown without the password in it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str, *, alone: bool = True) -> None:
        self._value = value
        if not alone or len(unquote(value)) < _SHORTEST:
            return
        forms = {value, unquote(value), quote(value, safe=""), repr(value)[1:-1], plain(value)}
        _known.update(forms)

    def reveal(self) -> str:
        """The value itself, for the driver only."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)


def public(*words: str) -> None:
    """Declare words, such as a user's name, that are shown although they may be a password too.

    Masking them everywhere would tell that the password is the same word.
    """
    _public.update(words)


def redact(text: str) -> str:
    """Text with every secret that dbtune has seen, and whatever stands where one would, masked.

    Used on everything that leaves the error boundary, and on statements and URLs shown to people.
    """
    # What has quotes around it goes first: a secret masked inside them might take one away. URLs go
    # last: at a space in a password they would end too early.
    text = re.sub(_ANY, lambda match: match[1] or _mask_match(match), text)
    for secret in sorted(_known - _public, key=len, reverse=True):
        if secret in text:
            text = re.sub(_bounded(secret), MASK, text)
    return re.sub(_ANY, _mask_match, text)


def _bounded(secret: str) -> str:
    """A short secret is masked as a word only: masking it within words would spell it out."""
    pattern = re.escape(secret)
    if len(secret) >= _SHORT:
        return pattern
    before = r"(?<!\w)" if re.match(r"\w", secret) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", secret) else ""
    return before + pattern + after


def _mask_match(match: re.Match[str]) -> str:
    if match[1]:
        url = match[1].rstrip(".,:;)]}'\"")  # the sentence's, not the URL's
        return _mask_url(url) + match[1][len(url) :]
    return f"{match[2]}{match[3]}{MASK}" if match[2] else f"{match[5]}{match[6]}{MASK}"


def has_scheme(url: str) -> bool:
    """Whether it is a URL; a libpq connection string may have :// in one of its values."""
    return re.match(r"(?i)\s*[a-z][a-z0-9+.:-]*://", url) is not None


def redact_url(url: str) -> str:
    """A URL or connection string with its secrets masked and control characters made visible."""
    if has_scheme(url):
        # Before and after: the secret may be split by a space, at which redact() sees an end.
        url = _mask_url(url)
    return plain(redact(url))


def _mask_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    # Up to the last @, so that a password with an unescaped @, / or ? is masked as a whole.
    userinfo, at, place = rest.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    place, mark, query = place.partition("?")
    if not at:
        authority, slash, path = place.partition("/")
        place = ",".join(_mask_port(host) for host in authority.split(",")) + slash + path
    pairs = (re.sub(rf"(?i)^({_KEY})=.*", rf"\1={MASK}", pair) for pair in query.split("&"))
    login = f"{user}{colon and colon + MASK}{at}"
    return f"{scheme}{separator}{login}{place}{mark}{'&'.join(pairs)}"


def _mask_port(host: str) -> str:
    """With the ``@host`` forgotten, what stands in the port's place is a password."""
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*):(.*)", host, re.DOTALL)
    if match is None or not match[2] or re.fullmatch(r"[0-9]{1,5}", match[2]):
        return host
    return f"{match[1]}:{MASK}"


def passwords_in(url: str) -> list[str]:
    """Whatever stands where passwords stand in a URL or a libpq connection string, as written."""
    if not has_scheme(url):
        return [_unquoted(match[3]) for match in re.finditer(f"(?is){_SETTING}", url)]
    userinfo, _, place = url.partition("://")[2].rpartition("@")
    _, _, query = place.partition("?")
    pairs = (pair.partition("=") for pair in query.split("&"))
    found = [value for key, _, value in pairs if re.fullmatch(f"(?i){_KEY}", key)]
    return [word for word in (userinfo.partition(":")[2], *found) if word]


def _unquoted(value: str) -> str:
    """A value of a connection string without its quotes and backslashes."""
    if value.startswith("'"):
        value = value[1:].removesuffix("'")
    return re.sub(r"(?s)\\(.)", r"\1", value)


def holds_password(url: str) -> bool:
    """Whether a URL or connection string has a password in it."""
    return any(passwords_in(url))
