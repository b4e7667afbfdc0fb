"""Certificates: the one that the settings name, or one that is made for this machine.

What is made is an authority, whose private key is forgotten as soon as it has signed, and a certificate for
`localhost`, `127.0.0.1` and `::1`. Both pass `ssl.VERIFY_X509_STRICT`, Python's default since 3.13; RFC 5280, section
4.2, says what each extension means.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kyanite.config import TlsSettings
from kyanite.errors import ConfigError
from kyanite.private_file import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, KeyUsage, Name

NAME = "localhost"
ADDRESSES = ("127.0.0.1", "::1")
LIFE = timedelta(days=365)
RENEWAL = timedelta(days=30)
"""A certificate that ends within this time is made anew."""
CLOCK_SKEW = timedelta(days=1)


class Made(NamedTuple):
    """Files that were made for this machine."""

    authority: Path
    """What clients are to trust."""
    certificate: Path
    """Certificate and private key in one file, so that they always fit."""


def context(settings: TlsSettings) -> ssl.SSLContext | None:
    """Return what a listening socket needs to speak TLS; `None` where no certificate is set. Raises `ConfigError`."""
    if not settings.certificate:
        if settings.key:
            raise ConfigError("server.tls.key is set, and server.tls.certificate is not")
        return None
    certificate = _readable(settings.certificate)
    key = _readable(settings.key) if settings.key else None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(certificate, key, password=_unknown)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        where = f"{certificate} and {key}" if key else certificate
        raise ConfigError(f"server.tls: {where} can not be used: {error}") from error
    return made


def development(folder: Path, now: datetime | None = None) -> Made:
    """Return an authority and a certificate for this machine, kept in the folder, and made if they are not there.

    Raises `ConfigError` where the package `cryptography` is not installed, and `OSError`.
    """
    try:
        import cryptography  # noqa: F401  # looked for, before anything is written
    except ModuleNotFoundError:
        raise ConfigError("--dev-tls needs the package cryptography: pip install 'kyanite[tls]'") from None
    now = now or datetime.now(UTC)
    made = Made(folder / "ca.pem", folder / "localhost.pem")
    if not _usable(made, now):
        authority, certificate = _make(now)
        write_private(made.authority, authority)
        write_private(made.certificate, certificate)
    return made


def _readable(name: str) -> Path:
    path = Path(name).expanduser()
    try:
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"server.tls: {path}: {error.strerror}") from error
    return path


def _unknown() -> str:
    """Have a key that asks for a password refused, rather than ask the terminal for it."""
    return ""


def _usable(made: Made, now: datetime) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509 import load_pem_x509_certificate

    with suppress(FileNotFoundError, ValueError, TypeError, InvalidSignature):
        authority = load_pem_x509_certificate(made.authority.read_bytes())
        certificate = load_pem_x509_certificate(made.certificate.read_bytes())
        certificate.verify_directly_issued_by(authority)
        begin = max(authority.not_valid_before_utc, certificate.not_valid_before_utc)
        end = min(authority.not_valid_after_utc, certificate.not_valid_after_utc)
        return begin <= now < end - RENEWAL
    return False


def _make(now: datetime) -> tuple[bytes, bytes]:
    """Return the authority's certificate, and that of this machine with its key, as PEM."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _authority(authority_key, now)
    certificate = _certificate(authority, authority_key, key, now)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return authority.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.PEM) + private


def _authority(key: EllipticCurvePrivateKey, now: datetime) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    name = _name(f"Kyanite on this machine, {now:%Y-%m-%d}")
    builder = (
        _dated(key, now)
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
    )
    return builder.sign(key, SHA256())


def _certificate(
    authority: Certificate, authority_key: EllipticCurvePrivateKey, key: EllipticCurvePrivateKey, now: datetime
) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    names = [x509.DNSName(NAME), *(x509.IPAddress(ip_address(address)) for address in ADDRESSES)]
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    builder = (
        _dated(key, now)
        .subject_name(_name(NAME))
        .issuer_name(authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(identifier, critical=False)
    )
    return builder.sign(authority_key, SHA256())


def _dated(key: EllipticCurvePrivateKey, now: datetime) -> CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
