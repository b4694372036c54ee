"""The demonstration of scripts/quickstart: a real server, a daemon, an application, and what the server then shows.

usage: quickstart.py FOLDER_OF_PROGRAMS [--keep]
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(sys.argv[1]).resolve()
TRACELINK = PROGRAMS / "tracelink"
TRACELINKD = PROGRAMS / "tracelinkd"

CONFIG = """\
model:
  name: customer-support-agent
  version: v1
  type: agent
  params: {{llm: gpt-4o, temperature: 0.7}}
  tags: {{team: ml-platform}}
experiment: {{name: quickstart}}
tracking: {{uri: "{uri}"}}
state_dir: {folder}/state
listen: {{socket: {{path: {folder}/tracelink.sock}}}}
control: {{socket: {folder}/control.sock}}
"""


class Failed(Exception):
    """Says what went wrong; the second argument is a log file to show, or None."""


def say(text):
    print(text, flush=True)


def environment(**more):
    foreign = ("MLFLOW_", "OTEL_", "TRACELINK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | more


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name, arguments, folder, env):
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        child = subprocess.Popen([str(item) for item in arguments], env=env, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)
    child.log = log
    return child


def wait_for(what, probe, child, limit_s=600):
    """The first true value of probe(); a dot a second meanwhile."""
    print(f"   waiting until {what} ", end="", flush=True)
    for _ in range(limit_s * 2):
        if child.poll() is not None:
            print()
            raise Failed(f"{child.args[0]} ended with exit code {child.returncode}", child.log)
        value = probe()
        if value:
            print(" ok")
            return value
        print(".", end="", flush=True)
        time.sleep(0.5)
    print()
    raise Failed(f"not within {limit_s} s: {what}", child.log)


def answers(url):
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def start_server(folder):
    uri = f"http://127.0.0.1:{free_port()}"
    say(f"-- MLflow server at {uri}")
    server = start("mlflow", [
        pathlib.Path(sys.executable).parent / "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination", folder / "artifacts", "--host", "127.0.0.1", "--port", uri.rsplit(":", 1)[1],
        "--workers", 1], folder,
        environment(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
                    GIT_PYTHON_REFRESH="quiet"))
    return server, uri


def tracelink(folder, *arguments, **variables):
    return subprocess.run([TRACELINK, "--config", folder / "tracelinkd.yaml", *arguments], env=environment(**variables),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600, check=False)


def status(folder):
    run = tracelink(folder, "status", "--json")
    return json.loads(run.stdout) if run.returncode == 0 else None


def run_agent(folder, daemon):
    say("-- tracelink run -- python examples/agent.py")
    run = tracelink(folder, "run", "--", sys.executable, str(ROOT / "examples/agent.py"),
                    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT="300")  # 10 s else, which a busy machine may not keep
    for line in run.stdout.splitlines():
        say(f"   {line}")
    if run.returncode != 0:
        raise Failed(f"the agent failed with exit code {run.returncode}:\n{run.stderr}", daemon.log)


def delivered(folder):
    now = status(folder)
    return now if now and now["spans"]["accepted"] > 0 and now["spans"]["queued"] == 0 else None


def print_model(uri, model_id):
    found = requests.get(f"{uri}/api/2.0/mlflow/logged-models/{model_id}", timeout=300).json()["model"]
    info = found["info"]
    say(f"\nLoggedModel  {model_id}")
    say(f"  name       {info['name']}")
    say(f"  status     {info['status'].removeprefix('LOGGED_MODEL_')}")
    say(f"  type       {info.get('model_type', '')}")
    for item in found.get("data", {}).get("params", []):
        say(f"  param      {item['key']} = {item.get('value', '')}")
    for item in info.get("tags", []):
        say(f"  tag        {item['key']} = {item.get('value', '')}")


def print_traces(uri, experiment_id, model_id):
    """Returns how many traces the server finds by this model."""
    location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}
    answer = requests.post(f"{uri}/api/3.0/mlflow/traces/search", timeout=300, json={
        "locations": [location], "filter": f"request_metadata.`mlflow.modelId` = '{model_id}'", "max_results": 100})
    traces = answer.json().get("traces", [])
    say(f"\nTraces that the server finds by this model: {len(traces)}")
    for trace in traces:
        tokens = json.loads(trace["trace_metadata"].get("mlflow.trace.tokenUsage", "{}")).get("total_tokens", "-")
        say(f"  {trace['trace_id']}  {trace['state']:6} {tokens!s:>3} tokens  {trace.get('request_preview', '')}")
    return len(traces)


def demonstrate(folder, children):
    server, uri = start_server(folder)
    children.append(server)
    wait_for("it answers", lambda: answers(uri + "/health"), server)
    (folder / "tracelinkd.yaml").write_text(CONFIG.format(uri=uri, folder=folder))
    say(f"-- tracelinkd --config {folder}/tracelinkd.yaml")
    daemon = start("tracelinkd", [TRACELINKD, "--config", folder / "tracelinkd.yaml"], folder, environment())
    children.append(daemon)
    wait_for("it accepts traces", lambda: tracelink(folder, "env").returncode == 0, daemon)
    run_agent(folder, daemon)
    final = wait_for("every span is delivered", lambda: delivered(folder), daemon)
    experiment, model = final["experiment"]["id"], final["model"]["id"]
    print_model(uri, model)
    if print_traces(uri, experiment, model) != 3:
        raise Failed("three traces were expected", daemon.log)
    say(f"\nMLflow page: {uri}/#/experiments/{experiment}/models/{model}")


def print_next_steps(folder, children):
    """What is left running is there for a program of the reader's own."""
    command = f"{TRACELINK} --config {folder}/tracelinkd.yaml"
    say("\nLeft running. A program of your own, with OpenTelemetry's SDK or MLflow's, has its traces linked to this model:")
    say(f"  {command} run -- python app.py")
    say("What has arrived, and where it is:")
    say(f"  {command} status")
    say(f"To stop both, whose files are in {folder}:")
    say(f"  kill -- {' '.join(str(-child.pid) for child in children)}")


def stop(children):
    for child in reversed(children):
        try:
            os.killpg(child.pid, signal.SIGTERM)
            child.wait(30)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)


def main():
    keep = sys.argv[2:] == ["--keep"]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tracelink-"))
    children = []
    try:
        demonstrate(folder, children)
    except Failed as failure:
        message, log = failure.args
        print(f"quickstart: {message}", file=sys.stderr)
        if log:
            print(f"-- the end of {log}:", file=sys.stderr)
            print("\n".join(log.read_text(errors="replace").splitlines()[-30:]), file=sys.stderr)
        keep = False
        return 1
    except KeyboardInterrupt:
        keep = False
        return 130
    finally:
        if keep:
            print_next_steps(folder, children)
        else:
            stop(children)
            shutil.rmtree(folder, ignore_errors=True)
    if not keep:
        say("\nNow a program of your own: scripts/quickstart --keep leaves all of this running and prints the command.")
        say('For a server and a version of your own: README.md, "Use it".')
    return 0


if __name__ == "__main__":
    sys.exit(main())
