"""The demo's customers: as many names as a sales team has, a third of them known to both vendors."""

# ruff: noqa: RUF001 - names in many scripts are the point

import random
import uuid
from typing import Final

from .people import CHARTMOGUL, NEXUDUS, Person, people

COUNT: Final = 240
FIRST_COWORKER: Final = 1415001201
FIRST_TEAM: Final = 1416001301
GIVEN: Final = (
    *(("Zoë", "zoe"), ("Gergő", "gergo"), ("Åsa", "asa"), ("Łukasz", "lukasz"), ("Siobhán", "siobhan")),
    *(("Ελένη", "eleni"), ("Олена", "olena"), ("José", "jose"), ("Beatriz", "beatriz"), ("İpek", "ipek")),
    *(("花子", "hanako"), ("Jürgen", "juergen"), ("Priya", "priya"), ("Tom", "tom"), ("Grace", "grace")),
    *(("Kwame", "kwame"), ("Nina", "nina"), ("Oliver", "oliver"), ("Leilani", "leilani"), ("Diego", "diego")),
)
FAMILY: Final = (
    *(("Quimby", "quimby"), ("Kovács", "kovacs"), ("Ångström", "angstrom"), ("Żółć", "zolc")),
    *(("Mockridge", "mockridge"), ("Sampleton", "sampleton"), ("Testa", "testa"), ("Groß", "gross")),
    *(("Ejemplo", "ejemplo"), ("Fixture", "fixture"), ("Conceição", "conceicao"), ("Yıldız", "yildiz")),
    *(("Placeholder", "placeholder"), ("Shevchuk", "shevchuk")),
)
STEMS: Final = (
    *(("Blue Example", "blue"), ("Northwind", "northwind"), ("Ångström", "angstrom"), ("Ipsum", "ipsum")),
    *(("Studio Ñandú", "nandu"), ("Testbed", "testbed"), ("Harbour", "harbour"), ("Lorem", "lorem")),
    *(("大明", "daming"), ("Fixture", "fixture"), ("Kovács", "kovacs"), ("Old Mill", "oldmill")),
    ("Sample & Sons", "sample"),
)
"""What is written, and what an address can hold."""
TRADES: Final = ("Legal", "Biotech", "Foods", "Robotics", "Design", "Travel", "Labs", "Media", "Energy", "Architects")


def demo_people(seed: int) -> list[Person]:
    """Return all customers; the first is Ada Examplesson, as everywhere."""
    chance = random.Random(f"demo people {seed}")
    names = chance.sample([(given, family) for given in GIVEN for family in FAMILY], COUNT)
    companies = chance.sample([(*stem, trade) for stem in STEMS for trade in TRADES], len(STEMS) * len(TRADES))
    found = people(seed, 1)
    for number, ((given, given_ascii), (family, family_ascii)) in enumerate(names[1:], 1):
        stem, stem_ascii, trade = companies[number % len(companies)]
        is_company = number % 8 != 0
        host = f"{stem_ascii}-{trade.lower()}.example" if is_company else "example.com"
        found.append(
            Person(
                f"{given} {family}",
                f"{given_ascii}.{family_ascii}@{host}",
                f"{stem} {trade}" if is_company else None,
                FIRST_COWORKER + number,
                FIRST_TEAM + number if is_company and number % 3 else None,
                f"cus_{uuid.UUID(int=chance.getrandbits(128), version=4)}",
            )
        )
    return found


def demo_coworkers(seed: int) -> list[Person]:
    """Return Nexudus' customers."""
    return demo_people(seed)[: round(COUNT * NEXUDUS)]


def demo_payers(seed: int) -> list[Person]:
    """Return ChartMogul's customers, Ada among them."""
    everyone = demo_people(seed)
    return [everyone[0], *everyone[round(COUNT * CHARTMOGUL) :]]
