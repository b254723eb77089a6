"""Package indexes of our own, by TLS, as uv reads one (PEP 691) and as npm does, with packages of every sort."""

import base64
import hashlib
import io
import json
import ssl
import tarfile
import time
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.threaded import Handler, Threaded

HOST = "index.example"
"""Its name, which leads nowhere else."""
_JSON = "application/vnd.pypi.simple.v1+json"
_LONG_AGO = "2020-01-01T00:00:00Z"
_YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _published(name: str) -> str:
    return _YESTERDAY if name == "fresh" else _LONG_AGO


def _wheel(name: str, code: str) -> bytes:
    """Return a wheel of one module."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines: list[str] = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return buffer.getvalue()


def _sources(name: str, setup: str) -> bytes:
    """Return a package that has to be built, which runs its code."""
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
    return _archive({f"{name}-1.0/setup.py": setup, f"{name}-1.0/PKG-INFO": metadata})


def _archive(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


FILES = {
    "sound-1.0-py3-none-any.whl": _wheel("sound", "WORD = 'from the index'\n"),
    "fresh-1.0-py3-none-any.whl": _wheel("fresh", ""),
    "large-1.0-py3-none-any.whl": _wheel("large", f"WORD = '{'x' * 400_000}'\n"),
    "sources-1.0.tar.gz": _sources("sources", "import os; os.mkdir('/out/was-run')\n"),
}
"""What it has for Python. `sources` has no wheel, and `fresh` is of yesterday."""


def _package(name: str, scripts: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """Return what describes a package of Node, and the package."""
    described: dict[str, Any] = {"name": name, "version": "1.0.0", "main": "index.js", "scripts": scripts}
    code = "exports.WORD = 'from the registry'\n"
    data = _archive({"package/package.json": json.dumps(described), "package/index.js": code})
    integrity = base64.b64encode(hashlib.sha512(data).digest()).decode()
    place = f"https://{HOST}/npm/{name}/-/{name}-1.0.0.tgz"
    dist = {"tarball": place, "integrity": f"sha512-{integrity}"}
    found = {**described, "hasInstallScript": bool(scripts), "dist": dist}
    times = dict.fromkeys(("created", "modified", "1.0.0"), _published(name))
    return {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": found}, "time": times}, data


NODE = {
    "sound": _package("sound", {}),
    "fresh": _package("fresh", {}),
    "scripted": _package("scripted", {"postinstall": "touch /out/was-run"}),
}
"""What it has for Node."""


class _Handler(Handler):
    def serve(self) -> None:
        """Answer what is there of a package, or a file."""
        place, _, name = self.path.strip("/").partition("/")
        found = {file: data for file, data in FILES.items() if file.startswith(f"{name}-")}
        assert isinstance(self.server, Index)
        time.sleep(self.server.delay_seconds)
        if not self.server.status:
            self.close_connection = True
        elif self.server.status != 200:
            self.answer(self.server.status)
        elif place == "npm":
            self._node(*name.partition("/-/")[::2])
        elif place == "files" and name in FILES:
            self.answer(200, FILES[name])
        elif place == "simple" and found:
            self.answer(200, json.dumps(_listing(name, found)).encode(), content_type=_JSON)
        else:
            self.answer(404)

    def _node(self, name: str, file: str) -> None:
        if name not in NODE:
            self.answer(404)
            return
        described, data = NODE[name]
        self.answer(200, data if file else json.dumps(described).encode(), content_type="application/json")


def _listing(name: str, found: dict[str, bytes]) -> dict[str, Any]:
    files = [
        {
            "filename": file,
            "url": f"https://{HOST}/files/{file}",
            "hashes": {"sha256": hashlib.sha256(data).hexdigest()},
            "upload-time": _published(name),
        }
        for file, data in found.items()
    ]
    return {"meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0"], "files": files}


class Index(Threaded):
    """Serves while it is entered."""

    def __init__(self, folder: Path) -> None:
        """Take a folder for its certificate, which nobody has signed but itself."""
        super().__init__(_Handler)
        self.delay_seconds = 0.0
        """What it waits before each answer. With the status 0 it gives none, and hangs up."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    async def resolve(self, _host: str) -> tuple[str, int]:
        """Lead every name here."""
        return "127.0.0.1", self.server_address[1]


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "index.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path
