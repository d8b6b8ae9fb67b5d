"""Invented customers, known to both vendors in part: the same person has the same email address in both."""

# ruff: noqa: RUF001 - names and texts in many scripts are the point

import random
import uuid
from dataclasses import dataclass

NAMES = (
    ("Zoë Quimby", "zoe.quimby"),
    ("Gergő Kovács", "gergo.kovacs"),
    ("王小明", "wang.xiaoming"),
    ("Åsa Ångström", "asa.angstrom"),
    ("Łukasz Żółć", "lukasz.zolc"),
    ("Siobhán Ní Dhuibhne", "siobhan.nidhuibhne"),
    ("محمد الأمين", "mohammed.alamin"),
    ("Ngô Thị Hạnh", "hanh.ngo"),
    ("Þórdís Jónsdóttir", "thordis.jonsdottir"),
    ("Ελένη Παπαδοπούλου", "eleni.papadopoulou"),
    ("Олена Шевчук", "olena.shevchuk"),
    ("José-María O’Farrill", "jose.ofarrill"),
    ("Beatriz Conceição", "beatriz.conceicao"),
    ("İpek Yıldız", "ipek.yildiz"),
    ("山田 花子", "hanako.yamada"),
    ("Jürgen Groß", "juergen.gross"),
    ("Priya Exampleraman", "priya.exampleraman"),
    ("Tom Placeholder", "tom.placeholder"),
    ("Grace Sampleton", "grace.sampleton"),
    ("Kwame Testa", "kwame.testa"),
    ("Nina Mockridge", "nina.mockridge"),
    ("Oliver Fixture", "oliver.fixture"),
    ("Leilani Dummy", "leilani.dummy"),
    ("Diego Ejemplo", "diego.ejemplo"),
)
COMPANIES = (
    "Quimby & Daughters",
    "Kovács Építő Kft.",
    "大明設計",
    "Ångström Labs AB",
    "Żółć Software sp. z o.o.",
    "Blue Example GmbH",
    "Northwind Mockups",
    "Société Générique",
    "Sample & Sons",
    "Placeholder Partners LLP",
    "Ipsum Legal",
    "Fixture Foundry",
    "Studio Ñandú",
    "Testbed Biotech",
    "Invented Industries",
    "例え株式会社",
)
ADA_CUSTOMER = "cus_f466e33d-ff2b-4a11-8f85-417eb02157a7"
COUNT = 120
NEXUDUS = 3 / 4
CHARTMOGUL = 5 / 12
"""Nexudus knows the first three quarters of all, ChartMogul those from here on: a third are known to both."""


@dataclass(frozen=True, slots=True)
class Person:
    """A customer; each vendor numbers it in its own way."""

    name: str
    email: str
    company: str | None
    coworker_id: int
    team_id: int | None
    customer_uuid: str


def people(seed: int, count: int) -> list[Person]:
    """Return all customers; the first is Ada Examplesson, whom the example records of both vendors are about."""
    chance = random.Random(f"people {seed}")
    ada = Person(
        "Ada Examplesson",
        "ada.examplesson@example.com",
        "Example Widgets Ltd",
        1415000201,
        1416000301,
        ADA_CUSTOMER,
    )
    everyone = [ada]
    for number in range(1, count):
        name, mailbox = NAMES[(number - 1) % len(NAMES)]
        again = (number - 1) // len(NAMES)
        host = "example.com" if number % 3 else "example.org"
        company = None if number % 7 == 0 else COMPANIES[(number * 5 + again) % len(COMPANIES)]
        everyone.append(
            Person(
                name,
                f"{mailbox}{again + 1 if again else ''}@{host}",
                company,
                1415000201 + number,
                1416000301 + number if company and number % 4 else None,
                f"cus_{uuid.UUID(int=chance.getrandbits(128), version=4)}",
            )
        )
    return everyone


def known_to_nexudus(seed: int, count: int = COUNT) -> list[Person]:
    """Return Nexudus' customers (coworkers), of `count` customers in all."""
    return people(seed, count)[: round(count * NEXUDUS)]


def known_to_chartmogul(seed: int, count: int = COUNT) -> list[Person]:
    """Return ChartMogul's customers; Ada and a third of all are Nexudus' customers too."""
    everyone = people(seed, count)
    return [everyone[0], *everyone[round(count * CHARTMOGUL) :]]
