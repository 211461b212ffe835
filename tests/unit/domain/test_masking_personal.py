"""Personal data by form and checksum, and only when it is wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.masking import Masker, find_personal, restored
from domain.masking.personal import cnpj, cpf, dni, iban, luhn


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to maria.silva@empresa.com.br today", "maria.silva@empresa.com.br"),
        ("call +55 11 91234-5678 now", "+55 11 91234-5678"),
        ("call (011) 4567-8901", "(011) 4567-8901"),
        ("card 4111 1111 1111 1111 exp", "4111 1111 1111 1111"),
        ("card 378282246310005.", "378282246310005"),
        ("iban DE89 3704 0044 0532 0130 00 x", "DE89 3704 0044 0532 0130 00"),
        ("ssn 123-45-6789", "123-45-6789"),
        ("cpf 529.982.247-25", "529.982.247-25"),
        ("cnpj 11.222.333/0001-81", "11.222.333/0001-81"),
        ("dni 12345678Z y nie X1234567L", "12345678Z"),
        ("nie X1234567L", "X1234567L"),
    ],
)
def test_it_is_found_and_masked_by_policy_only(text, what):
    assert what in [text[each.start : each.end] for each in find_personal(text)]
    assert Masker().text(text) == text
    masker = Masker(key="tree", personal=True)
    assert what not in masker.text(text)
    assert restored(masker.text(text), masker.originals(text)) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4",
        "2026-11-30T03:35:51",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "ann@example.com",
        "git@github.com:x/y",
        "4111 1111 1111 1112",
        "529.982.247-26",
        "11.222.333/0001-82",
        "12345678A",
        "000-12-3456",
        "666-12-3456",
        "DE88370400440532013000",
        "1234567890",
        "0x12345678",
        "127.0.0.1:8080",
        "12345678-1234-1234-1234-123456789012",
        "3.14159265358979",
        "port 65535",
        "@decorator.name",
    ],
)
def test_what_is_no_personal_data_is_left(text):
    assert not find_personal(text)


@given(st.integers(0, 10**15 - 1))
def test_one_wrong_digit_breaks_a_card_number(number):
    text = f"{number:015d}"
    check = next(str(d) for d in range(10) if luhn(f"{text}{d}") or len(set(text + str(d))) == 1)
    wrong = str((int(check) + 1) % 10)
    assert not luhn(text + wrong)


@pytest.mark.parametrize(
    ("right", "checks", "text"),
    [
        (True, cpf, "52998224725"),
        (False, cpf, "11111111111"),
        (True, cnpj, "12ABC34501DE35"),
        (True, cnpj, "11222333000181"),
        (False, cnpj, "11222333000182"),
        (True, iban, "GB82WEST12345698765432"),
        (False, iban, "GB83WEST12345698765432"),
        (True, dni, "12345678Z"),
        (False, dni, "12345678A"),
    ],
)
def test_checksums(right, checks, text):
    assert checks(text) is right
