from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earmark.text import load_normalizer
from earmark.text.spanish_cardinals import spell_cardinal, spell_ordinal
from earmark.text.spanish_numbers import CURRENCIES, FEMININE_NOUNS, MASCULINE_NOUNS, MONTHS, SCALES
from tests.text.text_fuzz import LETTERS, MARKS, SCRIPTS, SPACES, hard_texts

SPANISH = {
    "": "",
    " \t ": "",
    "¿Tienes 20 años? ¡Sí!": "tienes veinte años sí",
    "Ñandú, pingüino y camión": "ñandú pingüino y camión",
    "man\u0303ana cafe\u0301": "mañana café",
    "Dijo (en voz baja) que no [risas] <ruido>": "dijo en voz baja que no",
    "político-social": "político social",
    "don’t y don't": "don t y don t",
    "co\u00adche co\u200bche": "coche coche",
    "$1.500": "mil quinientos pesos",
    "$ 1.500": "mil quinientos pesos",
    "$1.500 pesos": "mil quinientos pesos",
    "$1": "un peso",
    "$21": "veintiún pesos",
    "$1.000.000": "un millón de pesos",
    "$20 millones": "veinte millones de pesos",
    "20 millones de pesos": "veinte millones de pesos",
    "$20 millones de pesos": "veinte millones de pesos",
    "$3 mil millones": "tres mil millones de pesos",
    "$500 mil": "quinientos mil pesos",
    "-$500": "menos quinientos pesos",
    "$100 y $20": "cien pesos y veinte pesos",
    "5 $20": "cinco veinte pesos",
    "US$20": "veinte dólares",
    "US$ 1": "un dólar",
    "5 €, 5€ y €5": "cinco euros cinco euros y cinco euros",
    "1,5": "uno coma cinco",
    "1,5 euros": "uno coma cinco euros",
    "3,14": "tres coma catorce",
    "0,05": "cero coma cero cinco",
    "3,1415": "tres coma uno cuatro uno cinco",
    "1.500,50": "mil quinientos coma cincuenta",
    "1.5 y 2.0": "uno punto cinco y dos punto cero",
    "192.168.1.1": "ciento noventa y dos punto ciento sesenta y ocho punto uno punto uno",
    "Llegó en 2024.": "llegó en dos mil veinticuatro",
    "10\u00a0000": "diez mil",
    "10 000": "diez cero cero cero",
    "15%": "quince por ciento",
    "15 %": "quince por ciento",
    "1,5 %": "uno coma cinco por ciento",
    "3º": "tercero",
    "3.º": "tercero",
    "3er lugar": "tercer lugar",
    "1.er piso": "primer piso",
    "1ª y 2da": "primera y segunda",
    "4to medio": "cuarto medio",
    "18vo": "decimoctavo",
    "21ª": "vigésima primera",
    "los 1ros": "los primeros",
    "125º aniversario": "ciento veinticinco aniversario",
    "N° 5, Nº 6 y n.º 7": "número cinco número seis y número siete",
    "1 año y 21 años": "un año y veintiún años",
    "1 hora, 21 personas": "una hora veintiuna personas",
    "200 personas": "doscientas personas",
    "200 mil personas": "doscientas mil personas",
    "21.000 personas": "veintiuna mil personas",
    "200 días": "doscientos días",
    "a la 1, a las 21": "a la una a las veintiuna",
    "el 1": "el uno",
    "21 mil": "veintiún mil",
    "1 millón": "un millón",
    "17/05/2024": "diecisiete de mayo de dos mil veinticuatro",
    "17-5-2024": "diecisiete de mayo de dos mil veinticuatro",
    "2024-05-17": "diecisiete de mayo de dos mil veinticuatro",
    "01/01/2000": "primero de enero de dos mil",
    "1 de mayo": "primero de mayo",
    "1º de mayo": "primero de mayo",
    "21 de mayo": "veintiuno de mayo",
    "45/13/2024": "cuarenta y cinco trece dos mil veinticuatro",
    "a las 15:30 hrs": "a las quince treinta hrs",
    "a las 15:00": "a las quince",
    "9:05": "nueve cero cinco",
    "a la 1:30": "a la una treinta",
    "10:30:00": "diez treinta cero cero",
    "10:00:30": "diez cero cero treinta",
    "99:00": "noventa y nueve cero cero",
    "99:99": "noventa y nueve noventa y nueve",
    "-5 °C": "menos cinco grados celsius",
    "25°": "veinticinco grados",
    "1°": "un grado",
    "covid-19": "covid diecinueve",
    "10-20": "diez veinte",
    "007": "cero cero siete",
    "1234567890123": "uno dos tres cuatro cinco seis siete ocho nueve cero uno dos tres",
    "5kg, a4": "cinco kg a cuatro",
    "٣٥ ５": "treinta y cinco cinco",
    "5\u0301": "cinco \u0301",
    "veintiuno mil": "veintiuno mil",
}

CARDINALS = {
    0: "cero",
    16: "dieciséis",
    21: "veintiuno",
    22: "veintidós",
    31: "treinta y uno",
    100: "cien",
    101: "ciento uno",
    555: "quinientos cincuenta y cinco",
    700: "setecientos",
    900: "novecientos",
    1000: "mil",
    1001: "mil uno",
    21_000: "veintiún mil",
    31_000: "treinta y un mil",
    101_000: "ciento un mil",
    1_000_000: "un millón",
    21_000_001: "veintiún millones uno",
    1_000_000_000: "mil millones",
    999_999_999_999: (
        "novecientos noventa y nueve mil novecientos noventa y nueve millones "
        "novecientos noventa y nueve mil novecientos noventa y nueve"
    ),
}
ORDINALS = ["primero", "décimo", "undécimo", "decimotercero", "vigésimo", "vigésimo segundo", "nonagésimo noveno"]

WORD_VALUES = {
    word: value
    for value, words in {
        **{value: {spell_cardinal(value)} for value in range(30)},
        1: {"uno", "un", "una"},
        21: {"veintiuno", "veintiún", "veintiuna"},
        **{10 * ten: {word} for ten, word in enumerate(["treinta", "cuarenta", "cincuenta", "sesenta", "setenta"], 3)},
        80: {"ochenta"},
        90: {"noventa"},
        100: {"cien", "ciento"},
    }.items()
    for word in words
}
HUNDRED_STEMS = ["doscient", "trescient", "cuatrocient", "quinient", "seiscient", "setecient", "ochocient", "novecient"]
WORD_VALUES |= {stem + end: 100 * n for n, stem in enumerate(HUNDRED_STEMS, 2) for end in ("os", "as")}


def read_cardinal(words: str) -> int:
    # The other way round, by another rule: values are added up, "mil" and "millones" multiply what came before.
    millions, thousands, rest = 0, 0, 0
    for word in words.replace(" y ", " ").split():
        if word == "mil":
            thousands, rest = 1000 * max(rest, 1), 0
        elif word in ("millón", "millones"):
            millions, thousands, rest = thousands + rest, 0, 0
        else:
            rest += WORD_VALUES[word]
    return millions * 10**6 + thousands + rest


@pytest.fixture(scope="module")
def spanish():
    return load_normalizer("spanish")


@pytest.mark.parametrize(("text", "answer"), SPANISH.items())
def test_spanish_behaviour(spanish, text, answer):
    """The rules for Spanish give the documented answer."""
    assert spanish(text) == answer


@pytest.mark.parametrize(("number", "words"), CARDINALS.items())
def test_cardinals(number, words):
    """Whole numbers are spelled as the Academia spells them."""
    assert spell_cardinal(number) == words


@settings(max_examples=500, deadline=None)
@given(number=st.integers(0, 10**12 - 1) | st.integers(0, 10**6), ending=st.sampled_from(["uno", "un", "una"]))
def test_cardinals_can_be_read_back(number, ending):
    """A number's words, added up by another rule, are the number again."""
    assert read_cardinal(spell_cardinal(number, ending)) == number


def test_no_two_cardinals_are_spelled_alike():
    """Ten thousand numbers have ten thousand spellings."""
    assert len({spell_cardinal(number) for number in range(10_000)}) == 10_000


def test_ordinals():
    """Ordinals to the ninety-ninth, feminine, plural and short."""
    assert [spell_ordinal(number) for number in (1, 10, 11, 13, 20, 22, 99)] == ORDINALS
    assert len({spell_ordinal(number) for number in range(1, 100)}) == 99
    assert spell_ordinal(21, feminine=True, plural=True) == "vigésimas primeras"
    assert [spell_ordinal(number, short=True) for number in (1, 3, 2, 23)] == [
        "primer",
        "tercer",
        "segundo",
        "vigésimo tercer",
    ]


def test_no_noun_has_two_genders():
    """The tables of nouns share no word."""
    assert MASCULINE_NOUNS.isdisjoint(FEMININE_NOUNS)


PIECES = [
    *[*MONTHS[:3], *SCALES, *sorted(MASCULINE_NOUNS)[:4], *sorted(FEMININE_NOUNS)[:4], *CURRENCIES],
    *[
        "0",
        "1",
        "21",
        "007",
        "1.500",
        "1,5",
        "1.000.000",
        "12:30",
        "24:00",
        "3º",
        "3er",
        "2ª",
        "N°",
        "-",
        "−",
        "%",
        "°C",
    ],
    *["17/05/2024", "2024-05-17", "la", "las", "de", "1o", "10mo", "1234567890123", "[", "]", "<", ">", "\u00a0000"],
    *[*MARKS, *SPACES, *LETTERS, *SCRIPTS],
]


def is_settled(spanish, text: str) -> bool:
    # What every answer must be: the same when normalized again, without decimal digits, punctuation and symbols.
    answer = spanish(text)
    forbidden = [character for character in answer if unicodedata.category(character) in ("Nd", "Cf")]
    forbidden += [character for character in answer if unicodedata.category(character)[0] in "PS"]
    return spanish(answer) == answer and forbidden == [] and answer == answer.strip() and "  " not in answer


@settings(max_examples=400, deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_is_settled(spanish, text):
    """Any text at all is settled after one pass, and has no figures, punctuation or symbols left."""
    assert is_settled(spanish, text)


@settings(max_examples=600, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=7), glue=st.sampled_from([" ", "", "."]))
def test_any_pieces_are_settled(spanish, pieces, glue):
    """So is whatever the pieces that the rules speak of can be put together to."""
    assert is_settled(spanish, glue.join(pieces))


def test_hard_texts_are_settled(spanish):
    """So are 3,000 seeded texts of figures, marks and scripts."""
    assert [text for text in hard_texts(20_263, 3_000) if not is_settled(spanish, text)] == []


def test_every_character_is_settled(spanish):
    """So is each character of the Basic Multilingual Plane, after a letter and before a figure."""
    rows = ("".join(f"a{chr(code)}5 " for code in range(start, start + 64)) for start in range(0, 0x10000, 64))
    assert [row for row in rows if not is_settled(spanish, row)] == []


@settings(max_examples=300, deadline=None)
@given(number=st.integers(1, 10**12 - 1))
def test_figures_and_words_meet(spanish, number):
    """A number says the same with and without points, and as its words."""
    with_points = f"{number:,}".replace(",", ".")
    assert spanish(str(number)) == spanish(with_points) == spanish(spell_cardinal(number))


def test_hostile_number_is_read_in_time(spanish):
    """A number of a hundred thousand digits, with points or without, is read digit by digit, or group by group."""
    assert spanish("7" * 100_000) == " ".join(["siete"] * 100_000)
    assert spanish("1" + ".111" * 25_000).count("uno") == 75_001
