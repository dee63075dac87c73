import re
import tomllib
from pathlib import Path

import pytest

from memorybank_service import __version__
from memorybank_service.settings import SettingsError, load_settings

KEY = {"API_KEY": "k"}


def test_the_defaults_are_the_documented_ones() -> None:
    settings = load_settings(KEY)
    assert settings.tenant_id == "default"
    assert settings.data_directory == Path("data/default")
    assert (settings.host, settings.port, settings.metrics_port) == ("0.0.0.0", 8000, 9090)  # noqa: S104
    forgetting = settings.forgetting
    assert (forgetting.interval_hours, forgetting.threshold) == (24, 0.1)
    assert (forgetting.time_scale_hours, forgetting.purge_after_days) == (168, 0)
    assert settings.maintenance_interval_hours == 168
    assert (settings.rate_limit_rps, settings.rate_limit_burst) == (50, 100)
    assert (settings.llm.provider, settings.llm_daily_tokens) == ("claude", 0)
    assert settings.embedding.provider is None
    assert (settings.log_format, settings.log_level) == ("json", "info")


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("TENANT_ID", "../other", "letters, digits"),
        ("PORT", "http", "from 0 to 65535"),
        ("PORT", "70000", "from 0 to 65535"),
        ("PORT", "80.5", "from 0 to 65535"),
        ("FORGETTING_THRESHOLD", "1.5", "from 0 to 1"),
        ("FORGETTING_THRESHOLD", "nan", "from 0 to 1"),
        ("FORGETTING_INTERVAL_HOURS", "0", "above 0"),
        ("FORGETTING_TIME_SCALE_HOURS", "-1", "above 0"),
        ("FORGETTING_PURGE_AFTER_DAYS", "-1", "0 (never)"),
        ("MAINTENANCE_INTERVAL_HOURS", "weekly", "above 0"),
        ("RATE_LIMIT_RPS", "-1", "from 0"),
        ("RATE_LIMIT_BURST", "0", "from 1"),
        ("LOG_FORMAT", "xml", "json, text"),
        ("LOG_LEVEL", "loud", "debug, info"),
        ("EMBEDDING_PROVIDER", "Open AI", "local, openai, google"),
        ("EMBEDDING_API_BASE", "localhost:1", "http://"),
        ("LLM_PROVIDER", "Claude 3", "claude, openai, google"),
        ("LLM_API_BASE", "localhost:1", "http://"),
        ("LLM_DAILY_TOKENS", "-1", "from 0 to"),
        ("LLM_DAILY_TOKENS", "many", "from 0 to"),
        ("ANTHROPIC_API_KEY", "two words", "as the provider gave it"),
        ("MEMORYBANK_INSECURE", "yes", "true, false"),
        ("API_KEY", "two words", "without spaces"),
    ],
)
def test_a_bad_value_is_one_line_with_the_variable_and_what_is_allowed(variable: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable}: .*{re.escape(allowed)}") as caught:
        load_settings({**KEY, variable: value})
    assert "\n" not in str(caught.value)


def test_the_api_key_is_not_shown_when_it_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({"API_KEY": "secret words"})
    assert "secret" not in str(caught.value)


def test_without_any_key_the_start_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"ACCESS_FILE.*MEMORYBANK_INSECURE"):
        load_settings({})


def test_without_any_key_insecure_mode_is_allowed_on_loopback_alone() -> None:
    insecure = {"MEMORYBANK_INSECURE": "true"}
    assert load_settings({**insecure, "HOST": "127.0.0.1"}).insecure
    with pytest.raises(SettingsError, match=r"^HOST"):
        load_settings(insecure)


def test_the_embedding_is_left_to_the_data_unless_it_is_chosen() -> None:
    assert load_settings({**KEY, "OPENAI_API_KEY": "sk"}).embedding.provider is None
    assert load_settings({**KEY, "EMBEDDING_PROVIDER": "local"}).embedding.provider == "local"
    assert load_settings({**KEY, "EMBEDDING_PROVIDER": "voyage"}).embedding.provider == "voyage"


def test_the_keys_of_the_chosen_providers_are_read_whatever_they_are_called() -> None:
    keys = {"GROQ_API_KEY": "gsk", "TOGETHER_AI_API_KEY": "tk", "OPENAI_API_KEY": "sk", "MISTRAL_API_KEY": "unused"}
    settings = load_settings({**KEY, **keys, "LLM_PROVIDER": "groq", "EMBEDDING_PROVIDER": "together_ai"})
    assert settings.provider_keys == {"GROQ_API_KEY": "gsk", "TOGETHER_AI_API_KEY": "tk", "OPENAI_API_KEY": "sk"}


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load_settings({**KEY, "PORT": " ", "LLM_MODEL": ""}).port == 8000


def test_the_package_and_its_metadata_agree_on_the_version() -> None:
    project = tomllib.loads(Path("service/pyproject.toml").read_text())
    assert project["project"]["version"] == __version__
