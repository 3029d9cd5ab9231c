# One run of python-tuf's ngclient: refresh, then download the targets asked for. JSON on stdin and stdout; it prints what
# the client held at the end, or the error that stopped it. Run in the root of python-root.ts.

import hashlib
import json
import os
import sys
import time

from tuf.ngclient import Updater, UpdaterConfig

request = json.load(sys.stdin)
metadata = "/mnt/work/metadata"
targets = "/mnt/work/targets"
os.makedirs(metadata, exist_ok=True)
os.makedirs(targets, exist_ok=True)
answer = {"accepted": False, "error": None, "versions": {}, "targets": {}}
before = time.process_time()
try:
    updater = Updater(
        metadata_dir=metadata,
        metadata_base_url=request["metadataUrl"],
        target_dir=targets,
        target_base_url=request["targetUrl"],
        config=UpdaterConfig(**request.get("config", {})),
    )
    updater.refresh()
    for name in request["targets"]:
        info = updater.get_targetinfo(name)
        if info is None:
            answer["targets"][name] = None
            continue
        path = updater.find_cached_target(info) or updater.download_target(info)
        with open(path, "rb") as file:
            answer["targets"][name] = hashlib.sha256(file.read()).hexdigest()
    answer["accepted"] = True
except Exception as error:  # every refusal is an answer
    answer["error"] = {"kind": type(error).__name__, "message": str(error)}
answer["cpuSeconds"] = time.process_time() - before
for name in sorted(os.listdir(metadata)):
    if name.endswith(".json"):
        with open(os.path.join(metadata, name), "rb") as file:
            answer["versions"][name[: -len(".json")]] = json.load(file)["signed"]["version"]
json.dump(answer, sys.stdout)
