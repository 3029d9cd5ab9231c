"""Writes ml-dsa.json to stdout with python3-cryptography 48 or later, which Debian 13 does not have.

What is signed is what TAP 21 says, as in securesystemslib's `get_mldsa_payload` for version 1. The key is new each time.
"""

import hashlib
import json

from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

key = mldsa.MLDSA65PrivateKey.generate()
public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
signature = key.sign(b"tuf" + bytes([1]) + hashlib.sha512(b"caisson").digest())
entry = {"keytype": "ml-dsa", "scheme": "ml-dsa-65/1", "keyval": {"public": public}}
print(json.dumps({"name": "ml-dsa-65", "key": entry, "sig": signature.hex()}, indent=1))
