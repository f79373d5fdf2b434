"""Two workloads on 21 tables about films: 113 statements that join many tables, 1,000 short ones.

Tables, rows and statements are made of numbers, the same each time. Used by ``index-advisor``.
"""

from __future__ import annotations

import random

_MANY = {  # table: rows, columns with what row i has in them
    "film": (120_000, "title text 'film ' || i, kind_id int 1 + i % 7, year int 1920 + i*31 % 105,"
             " minutes int 40 + i * 7 % 160, code text md5(i::text)"),
    "person": (150_000, "name text 'person ' || i * 7919 % 150000, gender text (ARRAY['f','m','x'])"
               "[1 + i % 3], born int 1900 + i * 17 % 110"),
    "company": (20_000, "name text 'company ' || i, country text 'c' || (i * i) % 90"),
    "keyword": (15_000, "word text 'word ' || i, letters int i % 13"),
    "figure": (80_000, "name text 'figure ' || i * 104729 % 80000"),
    "part": (600_000, "film_id int 1 + i * 7919 % 120000, person_id int 1 + (i * 104729) % 150000,"
             " figure_id int 1 + i * 31 % 80000, role_id int 1 + i % 11, place int i % 40"),
    "film_company": (200_000, "film_id int 1 + i * 613 % 120000, company_id int 1 + i * i % 20000,"
                     " company_kind_id int 1 + i % 4, note text 'note ' || i % 300"),
    "film_keyword": (300_000, "film_id int 1 + i * 947 % 120000, keyword_id int 1 + i*53 % 15000"),
    "film_fact": (500_000, "film_id int 1 + i * 1009 % 120000, fact_kind_id int 1 + i % 40,"
                  " value text 'v' || i * 13 % 5000"),
    "film_rating": (100_000, "film_id int i, stars int i * 37 % 100, votes int i * 7919 % 50000"),
    "person_fact": (250_000, "person_id int 1 + i * 389 % 150000, fact_kind_id int 1 + i % 40,"
                    " value text 'p' || i % 9000"),
    "film_link": (30_000, "film_id int 1 + i * 71 % 120000, other_id int 1 + i * 131 % 120000,"
                  " link_kind_id int 1 + i % 17"),
    "other_title": (60_000, "film_id int 1 + i * 29 % 120000, title text 'also ' || i"),
    "other_name": (90_000, "person_id int 1 + i * 23 % 150000, name text 'aka ' || i"),
    "finished": (40_000, "film_id int 1 + i * 3 % 120000, subject_id int 1 + i % 3,"
                 " state_id int 1 + i % 4"),
    "film_kind": (7, "name text 'kind ' || i"),
    "role": (11, "name text 'role ' || i"),
    "company_kind": (4, "name text 'kind ' || i"),
    "fact_kind": (40, "name text 'fact ' || i"),
    "link_kind": (17, "name text 'link ' || i"),
    "subject": (4, "name text 'subject ' || i"),
}  # fmt: skip
_JOINS = (
    "part.film_id film", "part.person_id person", "part.figure_id figure", "part.role_id role",
    "film.kind_id film_kind", "film_company.film_id film", "film_company.company_id company",
    "film_company.company_kind_id company_kind", "film_keyword.film_id film",
    "film_keyword.keyword_id keyword", "film_fact.film_id film", "film_fact.fact_kind_id fact_kind",
    "film_rating.film_id film", "person_fact.person_id person", "film_link.film_id film",
    "film_link.link_kind_id link_kind", "other_title.film_id film", "other_name.person_id person",
    "finished.film_id film", "finished.subject_id subject",
)  # fmt: skip
_FILTERS = {
    "film": ("film.year > {y}", "film.year BETWEEN {y} AND {y} + 4", "film.title LIKE 'film {n}%'",
             "film.minutes < {n} + 60"),
    "person": ("person.gender = 'f'", "person.name LIKE 'person {n}%'", "person.born = {y}"),
    "company": ("company.country = 'c{n}'", "company.country IN ('c1', 'c4', 'c9')"),
    "keyword": ("keyword.word = 'word {n}'", "keyword.word IN ('word {n}', 'word 7', 'word 99')"),
    "figure": ("figure.name LIKE 'figure {n}%'",),
    "film_company": ("film_company.note = 'note {n}'", "film_company.note LIKE '%{n}%'"),
    "film_fact": ("film_fact.value = 'v{n}'", "film_fact.value IN ('v1', 'v{n}', 'v77')"),
    "film_rating": ("film_rating.stars > 90", "film_rating.votes > 45000"),
    "person_fact": ("person_fact.value = 'p{n}'",),
    "film_kind": ("film_kind.name = 'kind 3'",),
    "role": ("role.name = 'role 5'",),
    "company_kind": ("company_kind.name = 'kind 2'",),
    "fact_kind": ("fact_kind.name = 'fact {n}'",),
    "link_kind": ("link_kind.name IN ('link 3', 'link 9')",),
    "subject": ("subject.name = 'subject 1'",),
    "finished": ("finished.state_id = 2",),
}  # fmt: skip


def schema() -> str:
    """SQL that makes the tables, primary keys only, and fills them."""
    made = []
    for name, (rows, columns) in _MANY.items():
        split = [one.split(maxsplit=2) for one in columns.replace("[1 + i", "[1+i").split(", ")]
        listed = ", ".join(f"{column} {kind}" for column, kind, _ in split)
        values = ", ".join(f"({value})" for *_, value in split)
        made.append(f"CREATE TABLE {name} (id int PRIMARY KEY, {listed});")
        source = f"(SELECT n::bigint AS i FROM generate_series(1, {rows}) n) s"
        made.append(f"INSERT INTO {name} SELECT i, {values} FROM {source};")
    return "\n".join(made)


def joins(count: int = 113) -> list[str]:
    """Statements that join four to twelve tables and want a few rows' least values."""
    chance = random.Random(113)
    return [_join(chance, chance.randint(4, 12)) for _ in range(count)]


def _join(chance: random.Random, size: int) -> str:
    edges = [(one.split(".")[0], one.split()[1], one.split()[0]) for one in _JOINS]
    tables, conditions = ["film"], []
    while len(tables) < size:
        possible = [
            (child, parent, column)
            for child, parent, column in edges
            if (child in tables) != (parent in tables)
        ]
        if not possible:
            break
        child, parent, column = chance.choice(possible)
        tables.append(parent if child in tables else child)
        conditions.append(f"{column} = {parent}.id")
    filtered = [name for name in tables if name in _FILTERS]
    for name in chance.sample(filtered, min(len(filtered), chance.randint(2, 4))):
        text = chance.choice(_FILTERS[name])
        conditions.append(text.format(n=chance.randint(1, 40), y=chance.randint(1950, 2015)))
    return (
        f"SELECT min(film.title), count(*) FROM {', '.join(tables)} "
        f"WHERE {' AND '.join(conditions)}"
    )


_SHORT = (
    "SELECT * FROM film WHERE id = {id}",
    "SELECT * FROM film WHERE code = md5('{id}')",
    "SELECT id, title FROM film WHERE year = {y} ORDER BY title LIMIT 20",
    "SELECT * FROM part WHERE film_id = {id} ORDER BY place",
    "SELECT count(*) FROM part WHERE person_id = {id}",
    "SELECT f.* FROM film f JOIN part p ON p.film_id = f.id WHERE p.person_id = {id}",
    "SELECT p.name FROM part c JOIN person p ON p.id = c.person_id WHERE c.film_id = {id}",
    "SELECT * FROM person WHERE name = 'person {id}'",
    "SELECT * FROM person WHERE lower(name) = 'person {id}'",
    "SELECT value FROM film_fact WHERE film_id = {id} AND fact_kind_id = {n}",
    "SELECT * FROM film_rating WHERE votes > 49990 ORDER BY stars DESC LIMIT 10",
    "SELECT k.word FROM film_keyword fk JOIN keyword k ON k.id = fk.keyword_id "
    "WHERE fk.film_id = {id}",
    "SELECT * FROM company WHERE name = 'company {n}'",
    "SELECT * FROM other_title WHERE film_id = {id}",
    "UPDATE film_rating SET votes = votes + 1 WHERE film_id = {id}",
    "INSERT INTO film_keyword VALUES ({new}, {id}, {n})",
    "DELETE FROM person_fact WHERE person_id = {id} AND fact_kind_id = {n}",
    "UPDATE part SET place = {n} WHERE film_id = {id} AND role_id = 3",
)


def short(count: int = 1000) -> list[str]:
    """Look-ups and changes of few rows, as an application sends them."""
    chance = random.Random(1000)
    return [
        chance.choice(_SHORT).format(
            id=chance.randint(1, 100_000),
            n=chance.randint(1, 40),
            y=chance.randint(1920, 2024),
            new=1_000_000 + number,
        )
        for number in range(count)
    ]
