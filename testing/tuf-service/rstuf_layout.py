# Makes a repository as RSTUF lays it out, with python-tuf's metadata API: one online key for targets, bins, snapshot and
# timestamp, eight succinct bins, root rotated once, and fields that no specification names. JSON on stdin ({"expires",
# "online": PEM of a private key}) and stdout. Run in the root of testing/tuf-oracles/python-root.ts.

import copy
import hashlib
import json
import os
import sys
from datetime import datetime

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Delegations, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

request = json.load(sys.stdin)
expires = datetime.fromisoformat(request["expires"])
folder = "/mnt/work/rstuf"
os.makedirs(folder)
serializer = JSONSerializer(compact=True)

online = CryptoSigner(load_pem_private_key(request["online"].encode(), None))
online.public_key.unrecognized_fields["x-rstuf-online-key-uri"] = "fn:server"


def write(name, signed, *signers):
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    data = metadata.to_bytes(serializer)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)
    return data


people = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ecdsa(), CryptoSigner.generate_rsa()]
root = Root(1, expires=expires, consistent_snapshot=True)
root.unrecognized_fields["x-note"] = "kept"
for person in people[:2]:
    root.add_key(person.public_key, "root")
root.roles["root"].threshold = 2
for role in ["targets", "snapshot", "timestamp"]:
    root.add_key(online.public_key, role)
write("1.root.json", root, *people[:2])
root = copy.deepcopy(root)
root.version = 2
root.revoke_key(people[1].public_key.keyid, "root")
root.add_key(people[2].public_key, "root")
write("2.root.json", root, *people)

succinct = SuccinctRoles([], 1, 3, "bins")
targets = Targets(3, expires=expires)
targets.delegations = Delegations({}, succinct_roles=succinct)
targets.add_key(online.public_key)
targets.unrecognized_fields["x-rstuf-note"] = {"of": "targets"}
snapshot = Snapshot(7, expires=expires)
snapshot.unrecognized_fields["x-rstuf-note"] = {"of": "snapshot"}
bins = {name: Targets(5, expires=expires) for name in succinct.get_roles()}
for number in range(20):
    path = f"files/{number}.txt"
    info = TargetFile.from_data(path, path.encode(), ["sha256"])
    info.unrecognized_fields["custom"] = {"added_by_task_id": number}
    bins[succinct.get_role_for_target(path)].targets[path] = info
for name, document in [("targets", targets), *bins.items()]:
    write(f"{document.version}.{name}.json", document, online)
    snapshot.meta[f"{name}.json"] = MetaFile(document.version)
data = write("7.snapshot.json", snapshot, online)
meta = MetaFile(7, len(data), {"sha256": hashlib.sha256(data).hexdigest()})
write("timestamp.json", Timestamp(9, expires=expires, snapshot_meta=meta), online)
json.dump("rstuf", sys.stdout)
