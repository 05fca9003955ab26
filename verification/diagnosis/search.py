"""Finds the stored value that a signature was made with, after mistakes that people make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

from verification.diagnosis.double_slips import double_variants, typed_variants
from verification.diagnosis.parts import Parts
from verification.diagnosis.rare_slips import (
    incomplete_variants,
    joined_variants,
    name_variants,
    rare_variants,
    thorough_variants,
)
from verification.diagnosis.recipes import (
    Recipe,
    clock_recipes,
    joining_recipes,
    likely_recipes,
    rare_recipes,
)
from verification.diagnosis.slips import Variants, likeliest_variants, likely_variants
from verification.diagnosis.texts import Match, Texts
from verification.diagnosis.values import Kind, Value

#: How many hashes a list computes in search of mistakes, about 30 milliseconds' worth. Some are
#: kept for the likeliest mistakes. The page of one attempt is searched fully, so it may say more.
MAX_HASHES = 35_000
HASHES_KEPT = 10_000
#: To compute a signature in another way takes as long as so many hashes.
HASHES_OF_RECIPE = 2
#: To list the rare ways to sign takes as long as so many hashes.
HASHES_OF_RECIPES = 1300
#: Of more accounts, which may be meant at the bare domain, fewer mistakes are tried.
MAX_ACCOUNTS = 5
#: The newest tokens that are tried thoroughly, and those with every way to join besides.
MAX_TOKENS = 10
MAX_TOKENS_JOINED = 2
#: To make the texts of one of them, and to try them, takes as long as so many hashes.
HASHES_OF_TOKEN = 15_000
#: To make the texts of a token of the account, and to try them, takes as long as so many hashes.
HASHES_OF_OWN = 800
#: The likely mistakes with a secret take as long.
HASHES_OF_LIKELY = 400
#: The key of the texts that are thorough for all live tokens, where there are few.
EVERYBODY = frozenset[int]()


class Search:
    """Compares signatures with all values that are stored, for the attempts of one page.

    It holds secrets, so do not keep it longer than that.
    """

    def __init__(self, values: list[Value], *, is_list: bool) -> None:
        self.values = values
        self.tokens = [value for value in values if value.kind is Kind.TOKEN]
        self.secrets = [value for value in values if value.is_secret]
        #: None if the search is not bounded
        self.hashes_left = MAX_HASHES if is_list else None
        self._near: dict[frozenset[int], Texts] = {}
        self._own: dict[frozenset[int], Texts] = {}
        self._thorough: dict[frozenset[int], Texts] = {}
        self._typed: dict[frozenset[int], Texts] = {}
        self._found: dict[tuple[Parts, bytes, frozenset[int]], Match | None] = {}

    def find(self, parts: Parts, signature: bytes, account_ids: frozenset[int]) -> Match | None:
        """Return the likeliest match. Those accounts' tokens are tried more thoroughly."""
        key = (parts, signature, account_ids)
        if key not in self._found:
            matches = self._matches(parts, signature, account_ids)
            self._found[key] = next((match for match in matches if match), None)
        return self._found[key]

    def _matches(
        self, parts: Parts, signature: bytes, account_ids: frozenset[int]
    ) -> Iterator[Match | None]:
        values = [value for account_id in account_ids for value in self._by_owner[account_id]]
        own = [value for value in values if value.kind is Kind.TOKEN]
        is_few = len(account_ids) <= MAX_ACCOUNTS
        likely = [*likely_recipes(parts)]
        near = self._near_texts(account_ids)
        if is_few or self._take(len(near) + HASHES_OF_RECIPE * len(own) * len(likely)):
            yield near.find(parts, signature)
            yield _find_recipe(own, likely, signature)
            yield self._placeholders.find(parts, signature)
        if self._take(len(self._all) + HASHES_OF_RECIPE * len(self.tokens) * 2):
            yield self._all.find(parts, signature)
            yield _find_recipe(self.tokens, likely[:2], signature)
        if self._take(HASHES_OF_OWN * len(own)):
            yield self._own_texts(account_ids).find(parts, signature)
        newest = self._newest(own) if is_few else []
        if newest and self._take(HASHES_OF_TOKEN * len(newest), keep=HASHES_KEPT):
            yield self._thorough_texts(account_ids, newest).find(parts, signature)
        if is_few and self._take(HASHES_OF_RECIPES * len(own)):
            yield _find_recipe(own, [*rare_recipes(parts)], signature)
        if self._take(HASHES_OF_LIKELY * len(self.secrets), keep=HASHES_KEPT):
            yield self._likely.find(parts, signature)
            yield _find_recipe(self.secrets, likely, signature)
        if self.hashes_left is None:
            yield from self._find_rare(parts, signature, account_ids, newest)

    def _find_rare(
        self, parts: Parts, signature: bytes, account_ids: frozenset[int], newest: list[Value]
    ) -> Iterator[Match | None]:
        """Try what takes too long for a list."""
        likely = [*likely_recipes(parts)]
        yield self._typed_texts(account_ids, newest).find(parts, signature)
        yield _find_both(newest, likely, signature)
        yield _find_recipe(newest, [*clock_recipes(parts)], signature)
        joining = [*joining_recipes(parts)]
        yield _find_both(newest[:MAX_TOKENS_JOINED], joining, signature)
        if len(self._live) <= MAX_TOKENS:
            yield self._thorough_texts(EVERYBODY, self._live).find(parts, signature)
            yield _find_both(self._live, likely, signature)

    def _newest(self, tokens: list[Value]) -> list[Value]:
        """Return the tokens to try thoroughly: in a list, only the newest one, which is first."""
        return tokens[: MAX_TOKENS if self.hashes_left is None else 1]

    def _take(self, hashes: int, keep: int = 0) -> bool:
        """Return whether so many hashes may be computed, so that `keep` are left for others."""
        if self.hashes_left is None:
            return True
        if self.hashes_left - hashes < keep:
            return False
        self.hashes_left -= hashes
        return True

    @cached_property
    def _by_owner(self) -> defaultdict[int | None, list[Value]]:
        values: defaultdict[int | None, list[Value]] = defaultdict(list)
        for value in self.values:
            values[_owner(value)].append(value)
        return values

    @cached_property
    def _live(self) -> list[Value]:
        return [value for value in self.tokens if not value.is_retired]

    @cached_property
    def _all(self) -> Texts:
        """All values as they are, and all secrets with very few mistakes."""
        return _likeliest_texts(self.values)

    @cached_property
    def _placeholders(self) -> Texts:
        return _likeliest_texts(self._by_owner[None])

    def _near_texts(self, account_ids: frozenset[int]) -> Texts:
        """The values of these accounts as they are, and their secrets with very few mistakes."""
        if account_ids not in self._near:
            self._near[account_ids] = _likeliest_texts(
                value for account_id in account_ids for value in self._by_owner[account_id]
            )
        return self._near[account_ids]

    @cached_property
    def _likely(self) -> Texts:
        """All secrets with two hundred mistakes each."""
        return _with_variants(self.secrets, _parts)

    def _own_texts(self, account_ids: frozenset[int]) -> Texts:
        """The tokens of these accounts, with mistakes at any place."""
        if account_ids not in self._own:
            own = [value for value in self.secrets if _owner(value) in account_ids]
            is_few = len(account_ids) <= MAX_ACCOUNTS
            self._own[account_ids] = _with_variants(own, _own_variants if is_few else _parts)
        return self._own[account_ids]

    def _typed_texts(self, account_ids: frozenset[int], tokens: list[Value]) -> Texts:
        """The tokens with two mistakes of typing."""
        if account_ids not in self._typed:
            self._typed[account_ids] = _with_variants(tokens, typed_variants)
        return self._typed[account_ids]

    def _thorough_texts(self, account_ids: frozenset[int], tokens: list[Value]) -> Texts:
        """The tokens with wrong characters and two mistakes at once, and the accounts' names."""
        if account_ids not in self._thorough:
            names = [
                value
                for value in self.values
                if _owner(value) in account_ids and not value.is_secret
            ]
            self._thorough[account_ids] = Texts(
                [
                    *self._thorough_variants(tokens, [name.text for name in names]),
                    *((name, variants) for name in names for variants in name_variants(name.text)),
                ]
            )
        return self._thorough[account_ids]

    def _thorough_variants(
        self, tokens: list[Value], names: list[str]
    ) -> Iterator[tuple[Value, Variants]]:
        near = [*names, *(token.text for token in tokens)]
        others = [value.text for value in self.tokens]
        for token in tokens:
            yield token, joined_variants(token.text, near, others)
            for make in (thorough_variants, double_variants):
                yield from ((token, variants) for variants in make(token.text))


def _likeliest_texts(values: Iterable[Value]) -> Texts:
    """Return the values as they are, then the secrets among them with very few mistakes."""
    values = [*values]
    return Texts(
        [
            *((value, Variants((), [value.text.encode()])) for value in values),
            *(
                (value, variants)
                for value in values
                if value.is_secret
                for variants in likeliest_variants(value.text)
            ),
        ]
    )


def _own_variants(text: str) -> Iterator[Variants]:
    yield from likely_variants(text)
    yield from rare_variants(text)


def _parts(text: str) -> Iterator[Variants]:
    """Yield the mistakes that are tried with many tokens: likely ones, and missing characters."""
    yield from likely_variants(text)
    yield from incomplete_variants(text)


def _with_variants(
    values: Iterable[Value], make_variants: Callable[[str], Iterator[Variants]]
) -> Texts:
    return Texts((value, variants) for value in values for variants in make_variants(value.text))


def _find_recipe(tokens: list[Value], recipes: list[Recipe], signature: bytes) -> Match | None:
    """Return the token that one of the recipes makes the signature with."""
    for value in tokens:
        text = value.text.encode()
        for recipe in recipes:
            if recipe.sign(text) == signature:
                return Match(value, (), recipe.deviation)
    return None


def _find_both(tokens: list[Value], recipes: list[Recipe], signature: bytes) -> Match | None:
    """Return the token with a likely mistake in it, with which a likely recipe was used."""
    for value in tokens:
        for variants in likely_variants(value.text):
            for text in variants.texts:
                for recipe in recipes:
                    if recipe.sign(text) == signature:
                        if variants.is_completed_by(text, recipe.join(text)):
                            return None
                        return Match(value, variants.slips, recipe.deviation)
    return None


def _owner(value: Value) -> int | None:
    return value.account.pk if value.account else None
