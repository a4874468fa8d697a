import hashlib
import hmac

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphml.errors import ConfigError
from graphml.privacy.pseudonyms import pseudonym, pseudonym_key, pseudonymise

KEY = b"a key of sixteen bytes or more"


@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_pseudonym_is_hmac_sha256_of_the_text(value):
    assert pseudonym(value, KEY) == hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()


def test_columns_keep_their_nulls_and_their_order():
    made = pseudonymise(pl.Series("email", ["b", None, "a", "b"]), KEY)
    assert made.name == "email"
    assert made.to_list() == [pseudonym("b", KEY), None, pseudonym("a", KEY), pseudonym("b", KEY)]
    assert pseudonymise(pl.Series("email", [None], dtype=pl.String), KEY).to_list() == [None]


def test_another_key_makes_other_pseudonyms():
    assert pseudonym("a", KEY) != pseudonym("a", KEY + b"!")


def test_where_the_key_comes_from(tmp_path):
    file, other = tmp_path / "key", tmp_path / "other"
    file.write_text("the key in the file, long enough\n")
    other.write_text("the key of the other file, also long")
    assert pseudonym_key(file, {}) == b"the key in the file, long enough"
    assert pseudonym_key(file, {"GRAPHML_PSEUDONYM_KEY_FILE": str(other)}) == other.read_bytes()
    assert pseudonym_key(file, {"GRAPHML_PSEUDONYM_KEY": KEY.decode()}) == KEY


@pytest.mark.parametrize("environment", [{}, {"GRAPHML_PSEUDONYM_KEY": ""}])
def test_no_key_is_one_clear_line(environment):
    with pytest.raises(ConfigError, match="there is no key") as caught:
        pseudonym_key(None, environment)
    assert "GRAPHML_PSEUDONYM_KEY" in caught.value.hint


def test_an_empty_or_missing_key_file(tmp_path):
    (tmp_path / "key").write_text(" \n")
    with pytest.raises(ConfigError, match=r"key: the pseudonym key is empty"):
        pseudonym_key(tmp_path / "key", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        pseudonym_key(tmp_path / "nowhere", {})


def test_a_short_key_is_refused_by_the_name_of_its_place(tmp_path):
    (tmp_path / "key").write_text("x" * 15 + "\n")
    for file, environment, where in (
        (None, {"GRAPHML_PSEUDONYM_KEY": "tiny!"}, "GRAPHML_PSEUDONYM_KEY: .* 5 bytes"),
        (tmp_path / "key", {}, "key: .* 15 bytes"),
        (None, {"GRAPHML_PSEUDONYM_KEY_FILE": str(tmp_path / "key")}, "key: .* 15 bytes"),
    ):
        with pytest.raises(ConfigError, match=where) as caught:
            pseudonym_key(file, environment)
        assert "tiny!" not in caught.value.message
        assert "secrets" in caught.value.hint
    (tmp_path / "key").write_text("x" * 16)
    assert pseudonym_key(tmp_path / "key", {}) == b"x" * 16
