"""Runs as root inside a machine that systemd has booted; writes what it saw to /exchange/seen.json. Standard library only."""

import grp
import http.client
import json
import os
import pwd
import socket
import stat
import subprocess
import threading
import time

SOCKET = "/run/tracelink/tracelink.sock"
UNIT = "tracelinkd.service"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout.strip()


def show(name):
    return run("systemctl", "show", UNIT, "--property", name, "--value")[1]


def body(number):
    span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "work",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(SOCKET)


def send(number):
    connection = Connection("localhost")
    try:
        connection.request("POST", "/v1/traces", body(number), {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def send_as(user, number):
    return run("runuser", "-u", user, "--", "curl", "--silent", "--show-error", "--max-time", "20", "--unix-socket", SOCKET,
               "--header", "Content-Type: application/json", "--data", body(number), "--write-out", "%{http_code}",
               "http://localhost/v1/traces")


def accepted():
    code, text = run("tracelink", "status", "--json")
    return json.loads(text)["spans"]["accepted"] if code == 0 else text


def wait_for_more(count):
    """Until five more are sent, however long that takes."""
    goal = count() + 5
    while count() < goal:
        time.sleep(0.01)


def send_while(action, first):
    """A span each 50 ms from before to after the action; the statuses that were not 200, and how many were sent."""
    bad, sent, over = [], 0, threading.Event()

    def client():
        nonlocal sent
        while not over.is_set():
            try:
                status = send(first + sent)
            except OSError as error:
                status = str(error)
            sent += 1
            if status != 200:
                bad.append(status)
            time.sleep(0.05)
    thread = threading.Thread(target=client)
    thread.start()
    wait_for_more(lambda: sent)
    action()
    wait_for_more(lambda: sent)
    over.set()
    thread.join()
    return {"bad": bad, "sent": sent}


seen = {}
run("useradd", "--groups", "tracelink", "inside-app")
run("useradd", "outsider")
seen["verify"] = run("systemd-analyze", "verify", "/usr/lib/systemd/system/tracelinkd.service",
                     "/usr/lib/systemd/system/tracelinkd.socket")
seen["start socket"] = run("systemctl", "start", "tracelinkd.socket")
status = os.stat(SOCKET)
seen["socket"] = {"mode": oct(stat.S_IMODE(status.st_mode)), "user": pwd.getpwuid(status.st_uid).pw_name,
                  "group": grp.getgrgid(status.st_gid).gr_name}
seen["before the first client"] = show("ActiveState")
seen["a member sends"] = send_as("inside-app", 1)
seen["after the first client"] = show("ActiveState")
seen["an outsider sends"] = send_as("outsider", 2)
seen["an outsider asks env"] = run("runuser", "-u", "outsider", "--", "tracelink", "env")
seen["a member asks env"] = run("runuser", "-u", "inside-app", "--", "tracelink", "env")
seen["user"] = pwd.getpwuid(os.stat(f"/proc/{show('MainPID')}").st_uid).pw_name
seen["restart"] = send_while(lambda: run("systemctl", "restart", UNIT), 1_000)
seen["kill"] = send_while(lambda: run("kill", "-KILL", show("MainPID")), 10_000)
run("kill", "-HUP", show("MainPID"))
seen["accepted"] = accepted()
seen["restarts"] = show("NRestarts")
seen["state"] = oct(stat.S_IMODE(os.stat("/var/lib/tracelink").st_mode)), os.path.exists("/var/lib/tracelink/queue")
seen["stop"] = run("systemctl", "stop", "tracelinkd.socket", UNIT)
seen["result"] = show("Result"), show("ExecMainStatus")
seen["journal"] = run("journalctl", "--no-pager", "--unit", UNIT)[1]
with open("/exchange/seen.json", "w", encoding="utf-8") as file:
    json.dump(seen, file)
