"""URLs of locations as they stand in the database: encrypted, where ``metadata_encryption_key`` is set.

The form is Glance's: URL-safe base64 of an initialization vector and of what AES in CBC mode makes of the URL, a null and a filling.
Glance draws the vector; here it comes from the URL itself, so that equal URLs are equal in the database, which is asked for them
before data is removed.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import logging

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from imagesvc import exception

LOG = logging.getLogger(__name__)

#: The name of the connections' execution option that has the :class:`LocationUrls`.
OPTION = "imagesvc_location_urls"

_BLOCK = 16
_KEY_BYTES = (16, 24, 32)


class LocationUrls:
    """Seals and opens URLs.

    :param key: 16, 24 or 32 bytes of UTF-8; None or "" to write them as they are.
    :raises ConfigurationError: it has another length.
    """

    def __init__(self, key: str | None) -> None:
        self._key = (key or "").encode()
        if self._key and len(self._key) not in _KEY_BYTES:
            raise exception.ConfigurationError(reason="metadata_encryption_key must have 16, 24 or 32 characters.")

    def sealed(self, url: str) -> str:
        """The text for the database."""
        if not self._key:
            return url
        vector = hmac.digest(self._key, url.encode(), hashlib.sha256)[:_BLOCK]
        text = url.encode() + b"\0"
        # Not null: the last one is where the URL ends.
        text += b"\1" * (-len(text) % _BLOCK)
        encryptor = self._cipher(vector).encryptor()
        return base64.urlsafe_b64encode(vector + encryptor.update(text) + encryptor.finalize()).decode()

    def opened(self, text: str) -> str:
        """The URL of what is in the database; the text itself if it cannot be read, which no store then finds."""
        if ":" in text:
            return text  # written while there was no key: it is no base64
        url = self._decrypted(text) if self._key else None
        if url is None:
            _say_once()
            return text
        return url

    def _decrypted(self, text: str) -> str | None:
        try:
            data = base64.urlsafe_b64decode(text)
            decryptor = self._cipher(data[:_BLOCK]).decryptor()
            url = (decryptor.update(data[_BLOCK:]) + decryptor.finalize()).partition(b"\0")[0].decode()
        except (binascii.Error, ValueError):
            return None
        return url if ":" in url else None

    def _cipher(self, vector: bytes) -> Cipher[modes.CBC]:
        return Cipher(algorithms.AES(self._key), modes.CBC(vector))


@functools.cache
def _say_once() -> None:
    LOG.error(
        "Locations in the database are encrypted, and not with metadata_encryption_key: their data cannot be found. "
        "Set the key that Glance had."
    )
