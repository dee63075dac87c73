"""How to reach the API server: as the pod's service account, or by a kubeconfig (KUBECONFIG, ~/.kube/config)."""

import base64
import os
import ssl
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 60
"""A mounted token is replaced by the kubelet long before it expires; it is read again this often."""


class NoConnection(Exception):  # noqa: N818 (reads as what it says)
    """No way to an API server is configured; the text says what to do."""


class Connection:
    """An API server's address with the credentials for it."""

    def __init__(
        self,
        server: str,
        *,
        ca: str | None = None,
        certificate: tuple[str, str] | None = None,
        token: str | None = None,
        token_file: Path | None = None,
        verify: bool = True,
    ) -> None:
        """`ca` and `certificate` (certificate, key) are PEM texts."""
        self.server = server.rstrip("/")
        self.ca = ca
        self.certificate = certificate
        self.verify = verify
        self._token = token
        self._token_file = token_file
        self._token_read = 0.0

    def token(self) -> str | None:
        """The bearer token of the moment, if one is used."""
        if self._token_file is not None and time.monotonic() - self._token_read > TOKEN_SECONDS:
            self._token = self._token_file.read_text().strip()
            self._token_read = time.monotonic()
        return self._token

    def headers(self) -> dict[str, str]:
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def ssl_context(self) -> ssl.SSLContext | None:
        """TLS settings; None: without TLS."""
        if self.server.startswith("http://"):
            return None
        context = ssl.create_default_context(cadata=self.ca)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate is not None:
            # The ssl module reads a client certificate from files only.
            with tempfile.TemporaryDirectory() as folder:
                certificate, key = Path(folder) / "tls.crt", Path(folder) / "tls.key"
                for file, text in zip((certificate, key), self.certificate, strict=True):
                    file.touch(mode=0o600)
                    file.write_text(text)
                context.load_cert_chain(certificate, key)
        return context


def connect() -> Connection:
    """The connection that the environment describes: KUBECONFIG goes before the pod's service account."""
    named = os.environ.get("KUBECONFIG")
    if not named and SERVICE_ACCOUNT_FOLDER.is_dir():
        return in_cluster()
    file = Path(named or Path.home() / ".kube" / "config")
    if not file.is_file():
        raise NoConnection(
            f"no API server is known: {file} does not exist, and this is no pod with a service account;"
            " set KUBECONFIG to a kubeconfig file"
        )
    return from_kubeconfig(file)


def in_cluster(folder: Path = SERVICE_ACCOUNT_FOLDER) -> Connection:
    """The connection of a pod."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    address = f"[{host}]" if ":" in host else host
    return Connection(f"https://{address}:{port}", ca=(folder / "ca.crt").read_text(), token_file=folder / "token")


def from_kubeconfig(file: Path) -> Connection:
    """The current context of a kubeconfig file, with certificates or tokens; it runs no credential plugin."""
    config = yaml.safe_load(file.read_text())

    def named(section: str, name: str) -> dict[str, Any]:
        for entry in config.get(section) or []:
            if entry["name"] == name:
                found: dict[str, Any] = entry[section.removesuffix("s")]
                return found
        raise NoConnection(f"{file} has no {section.removesuffix('s')} named {name!r}")

    context = named("contexts", config.get("current-context", ""))
    cluster, user = named("clusters", context["cluster"]), named("users", context["user"])
    if "exec" in user or "auth-provider" in user:
        raise NoConnection(
            f"{file}: the user {context['user']!r} needs a credential plugin; use a token or a certificate"
        )
    certificate = _pem(user, "client-certificate", file)
    key = _pem(user, "client-key", file)
    token_file = user.get("tokenFile")
    return Connection(
        cluster["server"],
        ca=_pem(cluster, "certificate-authority", file),
        certificate=(certificate, key) if certificate and key else None,
        token=user.get("token"),
        token_file=file.parent / token_file if token_file else None,
        verify=not cluster.get("insecure-skip-tls-verify", False),
    )


def _pem(entry: dict[str, Any], field: str, file: Path) -> str | None:
    if data := entry.get(f"{field}-data"):
        return str(base64.b64decode(data), "utf-8")
    if path := entry.get(field):
        return Path(file.parent, path).read_text()
    return None
