"""A cluster's certificates, made with openssl, and the kubeconfig files that carry them."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

DAYS = "365"
CURVE = ("-pkeyopt", "ec_paramgen_curve:P-256")

AUTHORITY = """\
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, digitalSignature
subjectKeyIdentifier = hash
"""

LEAF = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


class Authority:
    """The cluster's own certificate authority, in a folder that holds all its keys."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, mode=0o700)
        self.certificate = directory / "ca.crt"
        self._make("ca", {"CN": "memorybank-cluster"}, AUTHORITY, ())

    def issue(self, name: str, common_name: str, group: str = "", names: Sequence[str] = ()) -> None:
        """NAME.crt and NAME.key. `names` are its further names, as in "IP:127.0.0.1", "DNS:localhost"."""
        subject = {"O": group, "CN": common_name} if group else {"CN": common_name}
        extensions = LEAF.format(names=",".join(names) or f"DNS:{name}")
        self._make(name, subject, extensions, ("-CA", str(self.certificate), "-CAkey", str(self.directory / "ca.key")))

    def key_pair(self, name: str) -> None:
        """A bare private key NAME.key, and NAME.pub: for signing service accounts' tokens."""
        private, public = self.directory / f"{name}.key", self.directory / f"{name}.pub"
        _openssl("genpkey", "-algorithm", "EC", *CURVE, "-out", str(private))
        _openssl("pkey", "-in", str(private), "-pubout", "-out", str(public))

    def kubeconfig(self, path: Path, server: str, name: str) -> Path:
        """A kubeconfig at `path` for who holds the certificate NAME."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "memorybank",
            "contexts": [{"name": "memorybank", "context": {"cluster": "memorybank", "user": name}}],
            "clusters": [
                {
                    "name": "memorybank",
                    "cluster": {"server": server, "certificate-authority-data": _encoded(self.certificate)},
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate-data": _encoded(self.directory / f"{name}.crt"),
                        "client-key-data": _encoded(self.directory / f"{name}.key"),
                    },
                }
            ],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(document, indent=1) + "\n")
        return path

    def _make(self, name: str, subject: dict[str, str], extensions: str, signer: Sequence[str]) -> None:
        config = self.directory / f"{name}.cnf"
        lines = "".join(f"{key} = {value}\n" for key, value in subject.items())
        config.write_text(
            f"[req]\nprompt = no\ndistinguished_name = subject\nx509_extensions = extensions\n"
            f"[subject]\n{lines}[extensions]\n{extensions}"
        )
        key, certificate = self.directory / f"{name}.key", self.directory / f"{name}.crt"
        _openssl(
            *("req", "-x509", "-newkey", "ec", *CURVE, "-nodes", "-days", DAYS, "-config", str(config)),
            *("-keyout", str(key), "-out", str(certificate), *signer),
        )


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
