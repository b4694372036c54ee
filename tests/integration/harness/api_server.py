"""Kubernetes' own API server on an etcd of its own. It has no nodes and no controllers: it checks, completes, changes and keeps
manifests, and runs none."""

import json
import pathlib
import subprocess

from .kubernetes import ENVIRONMENT
from .places import CLIENTS, clean_environment
from .ports import free_port
from .processes import Process
from .waiting import wait_until

BIN = CLIENTS / "kubernetes"
TOKEN = "of-this-test"


class ApiServer:
    def __init__(self, folder: pathlib.Path):
        self._uri = f"https://127.0.0.1:{free_port()}"
        etcd, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        key = folder / "service-accounts.key"
        tokens = folder / "tokens.csv"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, stderr=subprocess.DEVNULL)
        tokens.write_text(f"{TOKEN},admin,admin,system:masters\n")
        self._etcd = Process([BIN / "etcd", "--data-dir", folder / "etcd", "--listen-client-urls", etcd, "--advertise-client-urls", etcd,
                              "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", f"default={peers}",
                              # Else it gives up a write after some seconds of a busy disk.
                              "--unsafe-no-fsync", "--heartbeat-interval", "1000", "--election-timeout", "10000"],
                             clean_environment(), folder / "etcd.log")
        self._server = Process([BIN / "kube-apiserver", "--etcd-servers", etcd, "--bind-address", "127.0.0.1",
                                "--secure-port", self._uri.rpartition(":")[2], "--cert-dir", folder / "certificates",
                                "--token-auth-file", tokens, "--authorization-mode", "RBAC", "--endpoint-reconciler-type", "none",
                                "--service-cluster-ip-range", "10.0.0.0/24", "--service-account-issuer", "https://localhost",
                                "--service-account-key-file", key, "--service-account-signing-key-file", key,
                                # What makes the account of a namespace is a controller.
                                "--disable-admission-plugins", "ServiceAccount"],
                               clean_environment(), folder / "kube-apiserver.log")

    def wait(self) -> None:
        wait_until("the API server is ready", self._is_ready, state=self._server.log_tail)

    def _is_ready(self) -> bool:
        assert self._etcd.is_running(), self._etcd.log_tail()
        assert self._server.is_running(), self._server.log_tail()
        return self.run("get", "--raw", "/readyz").returncode == 0

    def run(self, *arguments, given: str = "") -> subprocess.CompletedProcess:
        command = [ENVIRONMENT / "kubectl", "--server", self._uri, "--token", TOKEN, "--insecure-skip-tls-verify", *arguments]
        return subprocess.run([str(part) for part in command], input=given, env=clean_environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)

    def kubectl(self, *arguments, given: str = "") -> str:
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, manifests: list[dict], namespace: str) -> list[dict]:
        """What the server made of them. Keys that it does not know and what it warns of are failures."""
        given = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
        done = self.run("apply", "--namespace", namespace, "--validate=strict", "--output=json", "--filename=-", given=given)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        kept = json.loads(done.stdout)
        return kept["items"] if kept["kind"] == "List" else [kept]

    def end(self) -> None:
        self._server.kill()
        self._etcd.kill()
