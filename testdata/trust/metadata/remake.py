"""Writes the files beside it with python-tuf and securesystemslib, the reference that Caisson is compared with.

    python3 remake.py OUTPUT-FOLDER

Keys and signatures are new each time; everything else is the same.
"""

import json
import random
import sys
from datetime import datetime, timezone
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner, Signature, Signer, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

out = Path(sys.argv[1])
rng = random.Random(20250601)
far = datetime(2100, 1, 1, tzinfo=timezone.utc)


def write(name, value):
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


# canonical.json: JSON as text, and its canonical form, or null where securesystemslib has none.
alphabet = list("abAB09 _-/.\"\\\n\t\x01\x7f\u00e9\u0301\ud7ff\ue000\uffff\U00010000\U0001f600\U0010ffff\u2028")


def text():
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(6)))


def value(depth):
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind < 2:
        return text()
    if kind == 2:
        return rng.choice([0, 1, -1, 42, 2**31, 2**53 - 1, -(2**53) + 1, rng.randrange(10**9)])
    if kind < 6:
        return rng.choice([None, True, False, "", [], {}])
    if kind == 6:
        return [value(depth + 1) for _ in range(rng.randrange(4))]
    return {text(): value(depth + 1) for _ in range(rng.randrange(5))}


def canonical(v):
    try:
        return encode_canonical(v)
    except Exception:
        return None


values = [value(0) for _ in range(300)]
values += [1.5, {"a": [1.0]}, {"b": 1, "a": 2, "": 3, "B": 4, "\u00e9": 5, "e\u0301": 6}]
write("canonical.json", [{"json": json.dumps(v), "canonical": canonical(v)} for v in values])

# patterns.json: path, pattern, and whether python-tuf finds that they fit.
pieces = ["a", "b", "-", "*", "?", "[ab]", "[!a]", "[a-c]", "[c-a]", "[]a]", "[!]]", "[", "]", "!", "/", ".", "**", "{a,b}", "\\", "\U0001f600", "^", "[^a]", "[--a]", "[a-]"]
bits = ["a", "b", "c", "-", "/", ".", "]", "[", "!", "^", "\\", "\U0001f600", "\n"]
rows = []
while len(rows) < 1500:
    pattern = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 5)))
    path = "".join(rng.choice(bits) for _ in range(rng.randrange(1, 5)))
    fits = DelegatedRole._is_target_in_pathpattern(path, pattern)
    if fits or rng.random() < 0.1:
        rows.append([path, pattern, fits])
write("patterns.json", rows)

# bins.json: bit length, path, name of the bin.
rows = []
for bit_length in range(1, 33):
    roles = SuccinctRoles([], 1, bit_length, "bin")
    for _ in range(6):
        path = f"{text()}/{rng.randrange(1000)}"
        rows.append([bit_length, path, roles.get_role_for_target(path)])
write("bins.json", rows)

class P384Signer(Signer):
    """securesystemslib 1.2 verifies P-384, but has no signer for it."""

    def __init__(self):
        self._private_key = ec.generate_private_key(ec.SECP384R1())
        self._public_key = SSlibKey.from_crypto(self._private_key.public_key())

    @property
    def public_key(self):
        return self._public_key

    @classmethod
    def from_priv_key_uri(cls, priv_key_uri, public_key, secrets_handler=None):
        raise NotImplementedError

    def sign(self, payload):
        sig = self._private_key.sign(payload, ec.ECDSA(hashes.SHA384()))
        return Signature(self.public_key.keyid, sig.hex())


# keys.json: a key of each kind and the id that securesystemslib gives it, with a signature over "caisson".
signers = {
    "ed25519": CryptoSigner.generate_ed25519(),
    "ecdsa-p256": CryptoSigner.generate_ecdsa(),
    "rsa": CryptoSigner.generate_rsa(),
    "ecdsa-p384": P384Signer(),
}
write(
    "keys.json",
    [
        {"name": name, "keyid": s.public_key.keyid, "key": s.public_key.to_dict(), "sig": s.sign(b"caisson").signature}
        for name, s in signers.items()
    ],
)

# repository/: the root rotated twice, one role with each kind of key, custom fields, nested roles and bins.
repository = out / "repository"
repository.mkdir(exist_ok=True)
extra = {"x-maker": {"note": "caf\u00e9 \U0001f600 \"quoted\" \\ \n", "list": [1, True, None]}}


def save(name, signed, by):
    md = Metadata(signed)
    for s in by:
        md.sign(s, append=True)
    md.unrecognized_fields = {"x-envelope": "kept"}
    (repository / name).write_bytes(md.to_bytes(JSONSerializer(compact=False)))
    return md


rotated = CryptoSigner.generate_ed25519()
online = signers["ecdsa-p256"]
root = Root(expires=far, consistent_snapshot=True, unrecognized_fields=extra)
root.add_key(signers["ed25519"].public_key, "root")
root.add_key(signers["rsa"].public_key, "root")
root.roles["root"].threshold = 2
for role in ("timestamp", "snapshot"):
    root.add_key(online.public_key, role)
root.add_key(signers["ecdsa-p384"].public_key, "targets")
save("1.root.json", root, [signers["ed25519"], signers["rsa"]])
root.version = 2
root.expires = datetime(2020, 1, 1, tzinfo=timezone.utc)
root.revoke_key(signers["ed25519"].public_key.keyid, "root")
root.add_key(rotated.public_key, "root")
save("2.root.json", root, [signers["ed25519"], signers["rsa"], rotated])
root.version = 3
root.expires = far
root.revoke_key(online.public_key.keyid, "timestamp")
root.add_key(signers["ed25519"].public_key, "timestamp")
save("3.root.json", root, [signers["rsa"], rotated])

targets = Targets(expires=far, unrecognized_fields=extra)
targets.targets["top.txt"] = TargetFile.from_data("top.txt", b"top", ["sha256", "sha512"])
targets.delegations = Delegations(
    keys={},
    roles={
        "releases": DelegatedRole("releases", [], 1, True, paths=["releases/*"]),
        "prefixed": DelegatedRole("prefixed", [], 1, False, path_hash_prefixes=["0", "f"]),
        "bins": DelegatedRole("bins", [], 1, False, paths=["*", "*/*"]),
    },
)
for role in targets.delegations.roles:
    targets.add_key(signers["rsa" if role == "releases" else "ed25519"].public_key, role)
releases = Targets(expires=far)
info = TargetFile.from_data("releases/1.swu", b"one", ["sha256"])
info.unrecognized_fields = {"custom": {"hardware": ["a"], "release": 7}, "x-more": 1}
releases.targets["releases/1.swu"] = info
prefixed = Targets(expires=far)
bins = Targets(expires=far)
bins.delegations = Delegations(keys={}, succinct_roles=SuccinctRoles([], 1, 2, "bin"))
bins.add_key(online.public_key)
files = {"targets": (targets, "ecdsa-p384"), "releases": (releases, "rsa"), "prefixed": (prefixed, "ed25519"), "bins": (bins, "ed25519")}
for name in bins.delegations.succinct_roles.get_roles():
    files[name] = (Targets(expires=far), "ecdsa-p256")
for i in range(8):
    path = f"chunks/{i}"
    name = bins.delegations.succinct_roles.get_role_for_target(path)
    files[name][0].targets[path] = TargetFile.from_data(path, str(i).encode(), ["sha256"])
snapshot = Snapshot(expires=far, meta={})
for name, (signed, signer) in files.items():
    md = save(f"1.{name}.json", signed, [signers[signer]])
    data = (repository / f"1.{name}.json").read_bytes()
    snapshot.meta[f"{name}.json"] = MetaFile.from_data(1, data, ["sha256"]) if name != "bins" else MetaFile(1)
save("1.snapshot.json", snapshot, [online])
timestamp = Timestamp(expires=far)
timestamp.snapshot_meta = MetaFile.from_data(1, (repository / "1.snapshot.json").read_bytes(), ["sha256", "sha512"])
save("timestamp.json", timestamp, [signers["ed25519"]])
