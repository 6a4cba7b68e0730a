"""What makes a message on rabbit:// believable: HMAC-SHA256 over all of it, by a key both daemons have.

A request's signature travels in its context, under ``seam``, beside the name of the key and a nonce; it covers the method,
the arguments, the version, the principal, the operation's id, the deadline, the queue for the answer and the nonce.  A reply is a JSON text with a
signature over that text and the nonce of the request it answers, so it fits no other one.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Any

from imagesvc.rpc import frames
from imagesvc.rpc.keys import Key, Keyring

_REQUEST, _REPLY = b"imagesvc request\0", b"imagesvc reply\0"
#: What oslo.messaging puts into the context and nothing here reads.
_UNSIGNED = {"client_timeout"}


class Unsealed(Exception):
    """A message that nobody who has a key has written like this; the text says why, for the log."""


def request(keyring: Keyring, ctxt: Mapping[str, Any], message: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """The context to send instead of ``ctxt``; its nonce is ``["seam"]["nonce"]``.

    :param limit: most bytes of what is signed.
    :raises frames.TooLarge: if there are more.
    :raises ValueError: on NaN and infinities, which are not JSON.
    :raises TypeError: on anything else that is not JSON.
    """
    key = keyring.signing
    sealed = {**ctxt, "seam": {**ctxt["seam"], "nonce": secrets.token_hex(16), "key": key.name}}
    mac = _request_mac(key, sealed, message, limit)
    sealed["seam"]["mac"] = mac
    return sealed


def check_request(keyring: Keyring, ctxt: Any, message: Any, limit: int) -> str:
    """The nonce of a request that one of our keys has signed.

    :raises Unsealed: no key has, or it is larger than ``limit``.
    """
    seam = ctxt.get("seam") if isinstance(ctxt, dict) else None
    if not isinstance(seam, dict) or not isinstance(message, dict):
        raise Unsealed("a message without a signature")
    mac, nonce = seam.get("mac"), seam.get("nonce")
    if not isinstance(mac, str) or not isinstance(nonce, str):
        raise Unsealed("a message without a signature")
    key = _key(keyring, seam.get("key"))
    signed = {name: value for name, value in ctxt.items() if name not in _UNSIGNED}
    signed["seam"] = {name: value for name, value in seam.items() if name != "mac"}
    try:
        expected = _request_mac(key, signed, message, limit)
    except frames.TooLarge:
        raise Unsealed(f"a message of more than {limit} bytes") from None
    except (ValueError, TypeError, RecursionError):
        raise Unsealed("a message that is not JSON") from None
    if not _same(mac, expected):
        raise Unsealed(f"a message whose signature by key {key.name} is wrong")
    return nonce


def reply(keyring: Keyring, nonce: str, text: str) -> dict[str, str]:
    """What to send as the answer ``text`` to the request with ``nonce``."""
    key = keyring.signing
    return {"text": text, "key": key.name, "mac": _reply_mac(key, nonce, text)}


def check_reply(keyring: Keyring, nonce: str, sealed: Any) -> str:
    """The text of an answer to the request with ``nonce``.

    :raises Unsealed: none of our keys has signed it for that request.
    """
    parts = sealed if isinstance(sealed, dict) else {}
    text, mac = parts.get("text"), parts.get("mac")
    if not isinstance(text, str) or not isinstance(mac, str):
        raise Unsealed("an answer without a signature")
    key = _key(keyring, parts.get("key"))
    if not _same(mac, _reply_mac(key, nonce, text)):
        raise Unsealed(f"an answer whose signature by key {key.name} is wrong")
    return text


def _key(keyring: Keyring, name: Any) -> Key:
    key = keyring.find(name) if isinstance(name, str) else None
    if key is None:
        raise Unsealed(
            f"a message signed with an unknown key {str(name)[:16]!r}; is signing_key_file the same everywhere?"
        )
    return key


def _request_mac(key: Key, ctxt: Mapping[str, Any], message: Mapping[str, Any], limit: int) -> str:
    facts = [ctxt, message.get("method"), message.get("args"), message.get("version"), message.get("namespace")]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(text) > limit:
        raise frames.TooLarge
    return hmac.digest(key.secret, _REQUEST + text, "sha256").hex()


def _reply_mac(key: Key, nonce: str, text: str) -> str:
    body = text.encode("utf-8", "surrogatepass")
    return hmac.digest(key.secret, _REPLY + nonce.encode("utf-8", "surrogatepass") + b"\0" + body, "sha256").hex()


def _same(mac: str, expected: str) -> bool:
    return hmac.compare_digest(mac.encode("utf-8", "surrogatepass"), expected.encode("ascii"))
