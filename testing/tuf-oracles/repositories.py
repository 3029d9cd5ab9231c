# Makes small TUF repositories with python-tuf's metadata API, one folder each below /mnt/work: metadata/ and targets/ as a
# web server would have them. The private keys are forgotten at the end. JSON on stdin ({"expires": "…Z"}) and stdout
# (the names of the repositories). Run in the root of python-root.ts.

import copy
import hashlib
import json
import os
import sys
from datetime import datetime

from securesystemslib.signer import CryptoSigner
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

request = json.load(sys.stdin)
expires = datetime.fromisoformat(request["expires"])
top = "/mnt/work"
compact = JSONSerializer(compact=True)
readable = JSONSerializer(compact=False)


class Repository:
    def __init__(self, name, consistent, hashes):
        self.folder = os.path.join(top, name)
        os.makedirs(os.path.join(self.folder, "metadata"))
        os.makedirs(os.path.join(self.folder, "targets"))
        self.consistent = consistent
        self.hashes = hashes
        self.root = Root(1, expires=expires, consistent_snapshot=consistent)
        self.signers = {}
        self.roles = {}

    def keys(self, role, signers, threshold):
        for signer in signers:
            self.root.add_key(signer.public_key, role)
        self.root.roles[role].threshold = threshold
        self.signers[role] = signers

    def write(self, name, data):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def publish_root(self, extra=()):
        metadata = Metadata(self.root)
        for signer in [*self.signers["root"], *extra]:
            metadata.sign(signer, append=True)
        self.write(f"metadata/{self.root.version}.root.json", metadata.to_bytes(readable))

    def target(self, role, name, content, custom=None):
        info = TargetFile.from_data(name, content, ["sha256", "sha512"])
        if custom is not None:
            info.unrecognized_fields["custom"] = custom
        self.roles[role].targets[name] = info
        if not self.consistent:
            self.write(f"targets/{name}", content)
            return
        folder, base = os.path.split(name)
        for digest in info.hashes.values():
            self.write(os.path.join("targets", folder, f"{digest}.{base}"), content)

    def meta_file(self, version, data):
        if not self.hashes:
            return MetaFile(version)
        return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})

    def publish_rest(self):
        snapshot = Snapshot(1, expires=expires)
        for role, targets in self.roles.items():
            metadata = Metadata(targets)
            for signer in self.signers[role]:
                metadata.sign(signer, append=True)
            data = metadata.to_bytes(compact)
            snapshot.meta[f"{role}.json"] = self.meta_file(targets.version, data)
            prefix = f"{targets.version}." if self.consistent else ""
            self.write(f"metadata/{prefix}{role}.json", data)
        metadata = Metadata(snapshot)
        for signer in self.signers["snapshot"]:
            metadata.sign(signer, append=True)
        data = metadata.to_bytes(compact)
        self.write("metadata/1.snapshot.json" if self.consistent else "metadata/snapshot.json", data)
        timestamp = Metadata(Timestamp(1, expires=expires, snapshot_meta=self.meta_file(1, data)))
        for signer in self.signers["timestamp"]:
            timestamp.sign(signer, append=True)
        self.write("metadata/timestamp.json", timestamp.to_bytes(compact))


def top_level(repository):
    online = CryptoSigner.generate_ed25519()
    repository.keys("targets", [CryptoSigner.generate_ecdsa()], 1)
    repository.keys("snapshot", [online], 1)
    repository.keys("timestamp", [online], 1)
    repository.roles["targets"] = Targets(1, expires=expires)


def delegate(repository, delegator, name, signers, threshold=1, **how):
    targets = repository.roles[delegator]
    if targets.delegations is None:
        targets.delegations = Delegations({}, {})
    role = DelegatedRole(name, [], threshold, how.pop("terminating", False), **how)
    targets.delegations.roles[name] = role
    for signer in signers:
        targets.add_key(signer.public_key, name)
    repository.signers[name] = signers
    repository.roles[name] = Targets(1, expires=expires)


# Root rotated twice, of three key types; nested, terminating and hash-prefix delegations; consistent snapshots.
rotated = Repository("rotated", consistent=True, hashes=True)
first = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa(), CryptoSigner.generate_rsa()]
rotated.keys("root", first, 2)
top_level(rotated)
rotated.root.unrecognized_fields["x-note"] = {"of": ["python-tuf", 1, None, True]}
rotated.publish_root()
second = [first[0], CryptoSigner.generate_ed25519(), CryptoSigner.generate_rsa()]
rotated.root = copy.deepcopy(rotated.root)
rotated.root.version = 2
for old in first[1:]:
    rotated.root.revoke_key(old.public_key.keyid, "root")
rotated.keys("root", second, 2)
rotated.publish_root(extra=first[1:])
rotated.root = copy.deepcopy(rotated.root)
rotated.root.version = 3
rotated.root.revoke_key(second[0].public_key.keyid, "root")
rotated.keys("root", second[1:], 2)
rotated.publish_root(extra=second[:1])
releases = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa(), CryptoSigner.generate_rsa()]
delegate(rotated, "targets", "releases", releases, 2, terminating=True, paths=["releases/*", "releases/*/*"])
delegate(rotated, "releases", "releases-x", [CryptoSigner.generate_rsa()], paths=["releases/x/*"])
prefixes = [f"{digit:x}" for digit in range(16)]
delegate(rotated, "targets", "rest", [CryptoSigner.generate_ed25519()], path_hash_prefixes=prefixes)
rotated.target("targets", "readme.txt", b"Signed by the top-level targets role.\n")
rotated.target("releases", "releases/1.swu", b"Signed by releases.\n", {"x-hardware": ["board-1"], "counter": 7})
rotated.target("releases-x", "releases/x/2.swu", b"Signed by a role that releases delegates to.\n")
rotated.target("rest", "sp\u00e4ter/chunk 1.bin", bytes(range(256)))
rotated.publish_rest()

# Succinct hash bins.
bins = Repository("bins", consistent=True, hashes=False)
bins.keys("root", [CryptoSigner.generate_ed25519()], 1)
top_level(bins)
bins.publish_root()
bin_signer = CryptoSigner.generate_ed25519()
succinct = SuccinctRoles([], 1, 3, "bin")
bins.roles["targets"].delegations = Delegations({}, succinct_roles=succinct)
bins.roles["targets"].add_key(bin_signer.public_key)
for role in succinct.get_roles():
    bins.signers[role] = [bin_signer]
    bins.roles[role] = Targets(1, expires=expires)
for number in range(20):
    name = f"files/{number}.txt"
    bins.target(succinct.get_role_for_target(name), name, f"File {number}.\n".encode())
bins.publish_rest()

# No consistent snapshots, no hashes of metadata.
plain = Repository("plain", consistent=False, hashes=False)
plain.keys("root", [CryptoSigner.generate_rsa()], 1)
top_level(plain)
plain.publish_root()
plain.target("targets", "one.txt", b"One.\n")
plain.target("targets", "folder/two.txt", b"Two.\n")
plain.publish_rest()

json.dump(["rotated", "bins", "plain"], sys.stdout)
