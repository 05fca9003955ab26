"""Defines what causes and remarks receive, and what they return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher, get_close_matches
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.parts import Parts
from verification.diagnosis.stored_data import StoredData
from verification.diagnosis.texts import Match
from verification.models import ChangeEvent, OfficialAccount, Token, VerificationAttempt
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.enums import Method, Outcome, Reason, is_wecom_call
from verification.protocol.shapes import Shape
from verification.protocol.signature import compute_signatures

SHAPES = {shape.value: shape for shape in Shape}
#: In seconds. Clocks that are kept by NTP differ by less.
MAX_CLOCK_SKEW = timedelta(minutes=5).total_seconds()
#: Seconds by which clocks that are right differ, and a request is under way.
MAX_DELAY = 60
#: The most hours by which a time zone differs from UTC.
MAX_TIME_ZONE = 14
#: How much a path must resemble a slug to be meant for it, from 0 to 1.
MIN_RESEMBLANCE = 0.75


@dataclass(frozen=True)
class Explanation:
    """Says what happened, in a few words and in a sentence, and what to do about it."""

    summary: str
    what_happened: str
    what_to_do: str
    accounts: tuple[OfficialAccount, ...] = ()
    signed_with: Token | None = None  #: the stored token that made exactly this signature
    depends_on_tokens: bool = False  #: may differ once tokens have changed
    event: ChangeEvent | None = None  #: the change that is the cause
    is_harmless: bool = False  #: a stranger's request that needs no action
    cause: str = ""  #: the name of the function that explained it

    @property
    def full_text(self) -> str:
        return _("{what_happened} {what_to_do}").format(
            what_happened=self.what_happened, what_to_do=self.what_to_do
        )


@dataclass(frozen=True)
class Remark:
    """Describes something unusual about an attempt, whatever its cause is."""

    text: str
    attempt: VerificationAttempt | None = None  #: another attempt that the text refers to
    name: str = ""  #: the name of the function that made it


@dataclass(frozen=True)
class Evidence:
    """Holds an attempt and the stored data that causes compare it with."""

    attempt: VerificationAttempt
    stored: StoredData

    @property
    def name(self) -> str:
        """The name of the account, or “the bare domain”."""
        return str(self.attempt.account or _("the bare domain"))

    @property
    def accepted_token(self) -> Token | None:
        """The token that the attempt was accepted with; None if it was refused."""
        is_accepted = self.attempt.outcome == Outcome.ACCEPTED
        return self.stored.tokens.get(self.attempt.token_id or 0) if is_accepted else None

    def is_refused_for(self, *reasons: Reason) -> bool:
        return self.attempt.reason in reasons

    @cached_property
    def signature(self) -> bytes:
        return bytes(self.attempt.signature or b"")

    @property
    def parameter(self) -> str:
        """The name of the parameter that is missing, repeated or malformed."""
        return self.attempt.detail.partition(" ")[0]

    @property
    def shape(self) -> Shape | None:
        """The mistake in the query string or the signature, if it is a known one."""
        return SHAPES.get(self.attempt.detail.partition(" ")[2])

    @property
    def parts(self) -> Parts:
        attempt = self.attempt
        more: tuple[str, ...] = (attempt.path,)
        if attempt.account:
            account = attempt.account
            more += (account.app_id, account.original_id, account.slug, account.server_url)
        return Parts(
            attempt.timestamp.encode(),
            attempt.nonce.encode(),
            attempt.echostr.encode(),
            tuple(text.encode() for text in dict.fromkeys(more) if text),
            is_wecom=self.is_wecom_call,
        )

    @property
    def is_wecom_call(self) -> bool:
        """Return whether it is signed as WeCom's calls are."""
        return is_wecom_call(self.attempt.marks)

    @property
    def is_wecom(self) -> bool:
        """Return whether the account is a WeCom app; without an account, whether the call is."""
        account = self.attempt.account
        return account.is_wecom if account else self.is_wecom_call

    @property
    def is_push(self) -> bool:
        return self.attempt.method == Method.POST

    @property
    def covers_message(self) -> bool:
        """Return whether the signature covers a message, which is not on record."""
        return self.is_wecom_call and self.is_push

    @property
    def signature_name(self) -> str:
        """The parameter that the signature came in, or had to."""
        has_none = not self.signature and self.is_wecom
        return "msg_signature" if self.is_wecom_call or has_none else "signature"

    @property
    def is_wechats(self) -> bool:
        """Return whether the user agent is that of WeChat's servers. Anyone can send it."""
        return self.attempt.user_agent == WECHAT_USER_AGENT

    @property
    def age(self) -> int:
        """The seconds from the timestamp to the request; 0 if it has none that can be read."""
        return self.attempt.clock_skew or 0

    @property
    def is_old_copy(self) -> bool:
        """Return whether this is probably a copy of an old request, which WeChat did not send.

        A proxy may have removed the user agent, so a request without one may be WeChat's. Whole
        hours are rather a time zone.
        """
        is_anothers = bool(self.attempt.user_agent) and not self.is_wechats
        return is_anothers and self.age > MAX_CLOCK_SKEW and not self.is_off_by_hours

    @property
    def is_off_by_hours(self) -> bool:
        """Return whether the timestamp differs by whole hours, as when a time zone is mistaken."""
        hours, seconds = divmod(abs(self.attempt.clock_skew or 0) + MAX_DELAY, 3600)
        return 1 <= hours <= MAX_TIME_ZONE and seconds <= 2 * MAX_DELAY

    @property
    def is_signed(self) -> bool:
        """Return whether everything arrived that a signature is made of."""
        is_complete = all(self.attempt.signed_parts) and not self.covers_message
        return bool(self.signature) and is_complete

    @cached_property
    def signers(self) -> list[Token]:
        """The stored tokens that made exactly this signature: several accounts may share one."""
        return [] if self.covers_message else self.signers_of(self.attempt.signed_parts)

    def signers_of(self, parts: Sequence[str]) -> list[Token]:
        """Return the stored tokens that make the signature with these parts."""
        secrets = self.stored.secrets
        texts = [text.encode() for _token, text in secrets] if self.signature else []
        made = compute_signatures(texts, parts)
        pairs = zip(secrets, made, strict=True) if texts else ()
        return [token for (token, _text), signature in pairs if signature == self.signature]

    @cached_property
    def match(self) -> Match | None:
        """The stored value that made the signature by a mistake, if one did."""
        if self.signers or not self.is_signed:
            return None
        return self.stored.search.find(self.parts, self.signature, self._searched_ids())

    @property
    def ids_at_root(self) -> list[int]:
        """The accounts with whose tokens this is compared, if it came to the bare domain."""
        return self.stored.ids_at_root(is_wecom=self.is_wecom_call)

    def _searched_ids(self) -> frozenset[int]:
        """Return the accounts whose tokens were probably meant."""
        if self.attempt.account_id:
            return frozenset([self.attempt.account_id])
        if not self.attempt.path_slug:
            return frozenset(self.ids_at_root)
        return frozenset(account.pk for account in self.nearest_accounts)

    @cached_property
    def nearest_accounts(self) -> list[OfficialAccount]:
        """The account whose slug, AppID or original ID is in the path, or whose slug it resembles.

        None if several are equally near.
        """
        meant, slugs = self.attempt.meant_slug.lower(), self.stored.accounts
        segments = {*self.attempt.path_slug.lower().split("/")} - {""}
        for account in slugs.values():
            if segments & {account.slug, account.app_id, account.original_id}:
                return [account]
        near = get_close_matches(meant, slugs, n=2, cutoff=MIN_RESEMBLANCE)
        if len(near) == 2 and _resemblance(meant, near[0]) == _resemblance(meant, near[1]):
            return []
        return [slugs[slug] for slug in near[:1]]

    def live_signers(self) -> list[Token]:
        now = timezone.now()
        return [token for token in self.signers if token.is_live_at(now)]

    def own(self, tokens: Iterable[Token]) -> list[Token]:
        """Return the tokens of the account that was called; at the bare domain, of those there."""
        return [token for token in tokens if self._is_own(token)]

    def own_undecryptable(self) -> list[Token]:
        """Return the tokens of the account that no key decrypts."""
        return self.own(self.stored.undecryptable)

    def _is_own(self, token: Token) -> bool:
        if not self.attempt.path_slug:
            return token.account_id in self.ids_at_root
        return self.attempt.account_id == token.account_id

    def was_live(self, token: Token) -> bool:
        """Return whether the token was valid at the time of the attempt."""
        recorded_at = self.attempt.recorded_at
        return token.created_at <= recorded_at and token.is_live_at(recorded_at)


def _resemblance(one: str, other: str) -> float:
    return SequenceMatcher(None, other, one).ratio()
