"""What the shell offers at the Tab key: profiles, tags, checks, commands.

Nothing is imported before the key is pressed, and nothing is said on an error: a broken profile
file must not spoil the line that somebody is typing. Where nothing is offered, shells offer files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Words = Iterable[tuple[str, str]]


def _quietly(words: Callable[[], Words]) -> Callable[[str], list[tuple[str, str]]]:
    def offer(incomplete: str) -> list[tuple[str, str]]:
        from dbtune.text import plain

        try:
            return [(word, plain(help)) for word, help in words() if word.startswith(incomplete)]
        except Exception:  # whatever it is, the command itself will say it better
            return []

    return offer


def _profiles() -> Words:
    from dbtune import profile_file

    seen: set[str] = set()
    for location in profile_file.find():
        for name in profile_file.load(location).names:
            if name not in seen:
                yield name, str(location.path)
            seen.add(name)


def _tags() -> Words:
    from dbtune import profile_file

    seen: set[str] = set()
    for location in profile_file.find():
        file = profile_file.load(location)
        for name in file.names:
            tags = file.entries[name].get("tags")
            seen.update(map(str, tags if isinstance(tags, list) else [tags] if tags else []))
    return ((tag, "") for tag in sorted(seen))


def _rules() -> Words:
    from dbtune.cli.rules import CHECK_PACKAGES
    from dbtune.finding import load_checks

    found = [one for package in CHECK_PACKAGES for one in load_checks(package)]
    return sorted((one.name, one.title) for one in found)


def _health() -> Words:
    """The checks that ``dbtune check`` runs, and their tags."""
    from dbtune.health.run import checks_of
    from dbtune.profile import Engine

    found = checks_of(list(Engine), (), ())
    tags = {tag for one in found for tag in one.tags}
    return [(tag, "tag") for tag in sorted(tags)] + sorted((one.name, one.title) for one in found)


def _commands() -> Words:
    from dbtune.cli import COMMANDS

    return [(name, text) for name, (_, text) in COMMANDS.items()]


def after(first: str) -> Callable[[str], list[tuple[str, str]]]:
    """The second words of commands of two words: ``diff`` after ``explain``."""

    def words() -> Words:
        from dbtune.cli import COMMANDS

        split = ((name.partition(" "), text) for name, (_, text) in COMMANDS.items())
        return [(second, text) for (one, _, second), text in split if one == first and second]

    return _quietly(words)


profiles = _quietly(_profiles)
"""Names of profiles that start so, with the files they stand in."""
tags = _quietly(_tags)
"""Tags of profiles that start so."""
rules = _quietly(_rules)
"""Names of rules that start so, with what is wrong."""
health_checks = _quietly(_health)
"""Names and tags of health checks that start so."""
commands = _quietly(_commands)
"""Names of subcommands that start so."""
