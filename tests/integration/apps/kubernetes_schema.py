"""Reads a JSON array of manifests from standard input; writes for each that the API of the given version would not take, what is wrong.

usage: kubernetes_schema.py VERSION. Unknown keys are wrong too. Runs in the environment `kubernetes`.
"""

import json
import sys

import kubernetes_validate

wrong = []
for manifest in json.load(sys.stdin):
    try:
        kubernetes_validate.validate(manifest, sys.argv[1], strict=True)
    except kubernetes_validate.ValidationError as error:
        wrong.append(f"{manifest['kind']} {manifest['metadata']['name']}: {'.'.join(map(str, error.path))}: {error.message}")
json.dump(wrong, sys.stdout)
