"""Reads {"chart": folder, "values": [{…}, …]} from standard input; writes what Helm's linter says, and for each values what its engine renders.

A chart that cannot be rendered: exit code 1, and why on standard error. Runs in the environment `kubernetes`.
"""

import json
import sys

import helm_python


def rendered(chart, values):
    chart.validate_schema(values)
    return chart.render(values, name="demo", namespace="agents")


asked = json.load(sys.stdin)
try:
    with helm_python.Chart.load(asked["chart"]) as chart:
        files = [rendered(chart, values) for values in asked["values"]]
except helm_python.HelmError as error:
    sys.exit(error.detail)
lint = helm_python.lint(asked["chart"])
json.dump({"lint": lint["errors"] + [message["error"] for message in lint["messages"]], "files": files}, sys.stdout)
