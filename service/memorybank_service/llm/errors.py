"""What can go wrong with a model provider: each error is a sentence that a user may read, without a key or a prompt.

    ProviderError                 retryable  what happened
      NotConfiguredError          no         a setting is missing; the sentence names it
      ProviderUnavailableError    yes        no connection, an error of the provider's own, the child ended
      ProviderTimeoutError        yes        no answer in time
      RateLimitedError            yes        too many requests, or the account's quota is used up
      KeyRejectedError            no         the provider does not take the key
      RequestRefusedError         no         too long a prompt, refused content
        UnknownModelError         no         no such model, or not at that address
      BadAnswerError              yes        an answer that nobody can read
        OversizedAnswerError      no         an answer that was cut off because it is far too long
      BudgetSpentError            yes        the day's tokens are used up; tomorrow there are new ones

What a provider says about an error never gets into a sentence: it may quote the prompt or the key. Only its code does.
"""


class ProviderError(Exception):
    retryable = True
    """Whether the same request may succeed later."""
    result = "failed"
    """In a word, for whoever counts."""

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        """Seconds until it is worth trying again, where that is known."""


class NotConfiguredError(ProviderError):
    retryable = False
    result = "not_configured"


class ProviderUnavailableError(ProviderError):
    result = "unavailable"


class ProviderTimeoutError(ProviderError):
    result = "timeout"


class RateLimitedError(ProviderError):
    result = "rate_limited"


class KeyRejectedError(ProviderError):
    retryable = False
    result = "key_rejected"


class RequestRefusedError(ProviderError):
    retryable = False
    result = "refused"


class UnknownModelError(RequestRefusedError):
    result = "unknown_model"


class BadAnswerError(ProviderError):
    result = "bad_answer"


class OversizedAnswerError(BadAnswerError):
    retryable = False
    result = "oversized"


class BudgetSpentError(ProviderError):
    result = "budget_spent"
