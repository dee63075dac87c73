"""`memorybank-service`: starts the service with the settings of the environment."""

import argparse
import asyncio
import os
import sys

from memorybank_service import __version__
from memorybank_service.clock import system_clock
from memorybank_service.embedding.model_files import ModelError, find_model
from memorybank_service.http.access import KeyRing
from memorybank_service.logs import configure_logs
from memorybank_service.metrics import Metrics
from memorybank_service.server import serve
from memorybank_service.settings import SettingsError, load_settings
from memorybank_service.tenant import Tenant
from memorybank_service.tracing import open_tracing

BAD_SETTINGS = 2
_EPILOG = """\
All settings come from the environment; the most used are

  API_KEY         the key that clients send
  CHROMA_DB_PATH  where the memories lie (default ./data)
  TENANT_ID       a folder below it (default "default")
  HOST, PORT      what to listen on (default 0.0.0.0, 8000)

example:

  API_KEY=secret HOST=127.0.0.1 memorybank-service
  curl -H 'Authorization: Bearer secret' -H 'Content-Type: application/json' \\
       -d '{"content": "Ada likes lapsang souchong."}' http://127.0.0.1:8000/store_memory
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="memorybank-service",
        description="The long-term memory of one tenant, over HTTP.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.parse_args()
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.log_format, settings.log_level)
        model = find_model(settings.model_directory)
        metrics = Metrics()
        tracing = open_tracing(settings.traces, settings.tenant_id) if settings.traces else None
        tenant = Tenant(settings, model, metrics, tracing=tracing)
        return asyncio.run(serve(settings, tenant, KeyRing(settings, system_clock), metrics, tracing))
    except (SettingsError, ModelError) as error:
        sys.stderr.write(f"memorybank-service: {error}\n")
        return BAD_SETTINGS


if __name__ == "__main__":
    sys.exit(main())
