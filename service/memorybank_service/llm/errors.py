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

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after
        """Seconds until it is worth trying again, where that is known."""


class NotConfiguredError(ProviderError):
    retryable = False


class ProviderUnavailableError(ProviderError):
    pass


class ProviderTimeoutError(ProviderError):
    pass


class RateLimitedError(ProviderError):
    pass


class KeyRejectedError(ProviderError):
    retryable = False


class RequestRefusedError(ProviderError):
    retryable = False


class UnknownModelError(RequestRefusedError):
    pass


class BadAnswerError(ProviderError):
    pass


class OversizedAnswerError(BadAnswerError):
    retryable = False


class BudgetSpentError(ProviderError):
    pass
