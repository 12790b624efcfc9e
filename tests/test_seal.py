"""The signed consent cookie: what it says comes back, and nothing else does."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import Signer

from consent_middleware import Category, ConfigurationError, Policy
from consent_middleware.seal import LEEWAY, SALT, Choice, Receipt, Seal, Source

KEY = "a key for tests, long enough to be one"
NOW = 1_795_262_400
WHO = "abcdefghijklmnopqrstu-"
NAMES = ["analytics", "audience", "chat", "embeds", "functional", "marketing", "maps", "video"]


def policy(*names: str, **more: object) -> Policy:
    categories = {"necessary": Category(name="necessary", required=True), **{n: Category(name=n) for n in names}}
    return replace(Policy(categories=categories), **more)  # type: ignore[arg-type]  # whatever a test wants changed


EIGHT = policy(*NAMES)
SEAL = Seal(EIGHT, KEY)


def receipt(choices: Mapping[str, Choice], who: str = WHO, source: Source = "visitor") -> Receipt:
    return Receipt(who, source, choices)


def everything(granted: bool, at: int = NOW) -> Receipt:
    return receipt(dict.fromkeys(NAMES, Choice(granted, at)))


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
YES = SEAL.dumps(everything(True))

instants = st.integers(min_value=1, max_value=NOW)
answers = st.builds(Choice, st.booleans(), instants)
receipts = st.builds(
    Receipt,
    st.text(ALPHABET, min_size=22, max_size=22),
    st.sampled_from(["visitor", "application"]),
    st.dictionaries(st.sampled_from(NAMES), answers, min_size=1),
)


@given(receipts)
def test_what_is_written_is_read(given_: Receipt) -> None:
    read = SEAL.loads(SEAL.dumps(given_), NOW)
    assert read is not None
    assert (read.who, read.source, dict(read.choices)) == (given_.who, given_.source, given_.choices)
    assert read.id == SEAL.id_of(given_)
    assert read.latest == max(choice.at for choice in given_.choices.values())


@given(receipts)
def test_a_token_needs_no_escaping_anywhere(given_: Receipt) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+", SEAL.dumps(given_))


@pytest.mark.parametrize("granted", [True, False])
def test_eight_categories_stay_far_below_120_bytes(granted: bool) -> None:
    assert len(SEAL.dumps(everything(granted))) < 100


@given(st.dictionaries(st.sampled_from(NAMES), st.booleans(), min_size=1))
def test_any_choice_at_one_instant_stays_below_120_bytes(granted: dict[str, bool]) -> None:
    assert len(SEAL.dumps(receipt({name: Choice(yes, NOW) for name, yes in granted.items()}))) < 120


def test_a_category_named_twice_in_a_receipt_is_never_more_than_its_refusal() -> None:
    one, other = (SEAL.dumps(receipt({"chat": Choice(yes, NOW)})).split(".")[3] for yes in (True, False))
    payload = ".".join([*YES.split(".")[:3], one, other])
    read = SEAL.loads(signed(payload), NOW)
    assert read is not None
    assert not read.choices["chat"].granted


def signed(payload: str, key: str = KEY, salt: str = SALT) -> str:
    """Sign anything, as only the site itself could."""
    return Signer(key, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256).sign(payload).decode()


def test_the_signature_is_that_of_itsdangerous_with_sha_256_and_hmac() -> None:
    assert signed(YES.rpartition(".")[0]) == YES


@given(st.integers(0, len(YES) - 1), st.characters(exclude_categories=["Cs"]))
@example(len(YES) - 1, "A")
@example(len(YES) - 1, "=")
def test_one_character_changed_is_no_choice(place: int, character: str) -> None:
    changed = YES[:place] + character + YES[place + 1 :]
    assert SEAL.loads(changed, NOW) == (SEAL.loads(YES, NOW) if changed == YES else None)


def test_every_other_last_character_is_refused_though_base64_reads_some_alike() -> None:
    assert [c for c in ALPHABET if SEAL.loads(YES[:-1] + c, NOW)] == [YES[-1]]


@given(st.integers(0, len(YES)), st.characters(exclude_categories=["Cs"]))
def test_one_character_more_is_no_choice(place: int, character: str) -> None:
    assert SEAL.loads(YES[:place] + character + YES[place:], NOW) is None


@given(st.integers(0, len(YES) - 1))
def test_one_character_less_is_no_choice(place: int) -> None:
    assert SEAL.loads(YES[:place] + YES[place + 1 :], NOW) is None


@given(st.text())
@example("")
@example(".")
@example("\ud800")
@example("1v." + "A" * 22 + "." + "A" * 12 + ".A." + "A" * 43)
def test_no_text_raises_or_is_a_choice(text: str) -> None:
    assert SEAL.loads(text, NOW) is None


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "1v",
        f"1v.{WHO}",
        f"1v.{WHO}.{EIGHT.fingerprint}",
        f"2v.{WHO}.{EIGHT.fingerprint}.AAAA",
        f"1x.{WHO}.{EIGHT.fingerprint}.AAAA",
        f"1v.{WHO}x.{EIGHT.fingerprint}.AAAA",
        f"1v.{WHO}.{EIGHT.fingerprint}x.AAAA",
        f"1v.{WHO}.{EIGHT.fingerprint}..AAAA",
        f"1v.{WHO}.{EIGHT.fingerprint}.A!AA",
        f"1v.{WHO}.{EIGHT.fingerprint}.{'A' * 3000}",
        f"1v.{WHO}.{EIGHT.fingerprint}." + ".".join(["AAAA"] * 600),
    ],
)
def test_not_even_the_right_key_makes_a_malformed_payload_a_choice(payload: str) -> None:
    assert SEAL.loads(signed(payload), NOW) is None


@pytest.mark.parametrize(
    "token",
    [
        signed(YES.rpartition(".")[0], key="somebody else's"),
        signed(YES.rpartition(".")[0], salt="itsdangerous"),
        YES.rpartition(".")[0] + "." + "A" * 43,
        YES.rpartition(".")[0] + ".",
        YES.upper(),
    ],
)
def test_another_signature_is_no_choice(token: str) -> None:
    assert SEAL.loads(token, NOW) is None


# Time


@pytest.mark.parametrize(
    ("ahead", "counts"), [(0, True), (1, True), (LEEWAY, True), (LEEWAY + 1, False), (10**9, False)]
)
def test_a_choice_from_the_future_counts_only_within_the_leeway(ahead: int, counts: bool) -> None:
    assert (SEAL.loads(SEAL.dumps(everything(True, NOW + ahead)), NOW) is not None) is counts


def test_one_choice_from_the_future_spoils_the_receipt() -> None:
    mixed = receipt({"chat": Choice(True, NOW), "maps": Choice(False, NOW + 3600)})
    assert SEAL.loads(SEAL.dumps(mixed), NOW) is None


def test_the_same_token_is_judged_anew_at_every_instant() -> None:
    token = SEAL.dumps(everything(True, NOW))
    assert SEAL.loads(token, NOW - 3600) is None
    assert SEAL.loads(token, NOW) is not None
    assert SEAL.loads(token, NOW - 3600) is None


# Keys


def test_the_newest_key_signs_and_the_old_ones_still_verify() -> None:
    old, both, new = Seal(EIGHT, "old"), Seal(EIGHT, ["old", "new"]), Seal(EIGHT, "new")
    assert both.dumps(everything(True)) == new.dumps(everything(True))
    assert both.loads(old.dumps(everything(True)), NOW) is not None
    assert new.loads(old.dumps(everything(True)), NOW) is None
    assert old.loads(both.dumps(everything(True)), NOW) is None


def test_a_key_may_be_bytes() -> None:
    assert Seal(EIGHT, KEY.encode()).loads(YES, NOW) is not None


@pytest.mark.parametrize("keys", ["", b"", [], [""], ["old", ""], [b""]])
def test_a_missing_key_is_an_error_at_start_up(keys: str | bytes | list[str | bytes]) -> None:
    with pytest.raises(ConfigurationError, match=r"secret_keys: a key is missing or empty.*token_urlsafe"):
        Seal(EIGHT, keys)


def test_an_error_about_keys_shows_none() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Seal(EIGHT, ["a-key-nobody-may-see", ""])
    assert "a-key-nobody-may-see" not in str(caught.value)


# Policies


def test_a_receipt_of_another_policy_is_authentic_but_no_choice() -> None:
    read = Seal(policy("analytics"), KEY).loads(YES, NOW)
    assert read is not None
    assert (read.who, read.choices) == (WHO, {})


def test_the_order_of_categories_in_the_policy_does_not_matter() -> None:
    mixed = receipt({"chat": Choice(True, NOW), "maps": Choice(False, NOW - 5)})
    read = Seal(policy(*reversed(NAMES)), KEY).loads(SEAL.dumps(mixed), NOW)
    assert read is not None
    assert read.choices == mixed.choices


# Several


def choice(granted: bool, at: int, who: str = WHO) -> str:
    return SEAL.dumps(receipt({"chat": Choice(granted, at), "maps": Choice(False, at)}, who))


def test_of_none_there_is_no_newest() -> None:
    assert SEAL.newest([], NOW) is None
    assert SEAL.newest(["", "x", YES + "x"], NOW) is None


@given(st.permutations([choice(True, NOW - 50), choice(False, NOW - 10), choice(True, NOW - 100), "junk", YES + "x"]))
def test_the_newest_wins_in_any_order(tokens: list[str]) -> None:
    newest = SEAL.newest(tokens, NOW)
    assert newest is not None
    assert newest.choices["chat"] == Choice(False, NOW - 10)


@given(st.permutations([choice(True, NOW), choice(False, NOW)]))
def test_of_two_equally_new_the_one_that_grants_less_wins(tokens: list[str]) -> None:
    newest = SEAL.newest(tokens, NOW)
    assert newest is not None
    assert not newest.choices["chat"].granted


def test_a_receipt_of_this_policy_wins_over_one_of_another() -> None:
    other = Seal(policy("analytics"), KEY).dumps(receipt({"analytics": Choice(True, NOW)}, "B" * 22))
    for tokens in ([other, YES], [YES, other]):
        newest = SEAL.newest(tokens, NOW)
        assert newest is not None
        assert newest.who == WHO


def test_receipts_have_ids_of_their_own() -> None:
    ids = {SEAL.id_of(r) for r in (everything(True), everything(False), everything(True, NOW - 1))}
    assert len(ids) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", id_) for id_ in ids)
