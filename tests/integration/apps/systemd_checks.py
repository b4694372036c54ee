"""Runs as root inside a machine that systemd has booted; writes what it saw to /exchange/seen.json. Standard library only."""

import glob
import grp
import http.client
import http.server
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
CONFIGURATION = "/etc/tracelink/tracelinkd.yaml"
RESTARTS = 100
INSTANCE = "/run/tracelink/instances/billing"


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout.strip()


def run_as_written(commands):
    """Shell commands of a page, in the folder of the package."""
    return run("sh", "-ec", "cd /exchange\n" + commands)


def show(name, unit=UNIT):
    return run("systemctl", "show", unit, "--property", name, "--value")[1]


def body(number):
    span = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "work",
            "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000"}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(300)
        self.sock.connect(self.path)


def send(number, path=SOCKET):
    connection = Connection(path)
    try:
        connection.request("POST", "/v1/traces", body(number), {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()


def send_as(user, number):
    return run("runuser", "-u", user, "--", "curl", "--silent", "--show-error", "--max-time", "300", "--unix-socket", SOCKET,
               "--header", "Content-Type: application/json", "--data", body(number), "--write-out", "%{http_code}",
               "http://localhost/v1/traces")


def accepted(*options):
    code, text = run("tracelink", *options, "status", "--json")
    return json.loads(text)["spans"]["accepted"] if code == 0 else text


def owner(path):
    status = os.stat(path)
    return [oct(stat.S_IMODE(status.st_mode)), pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name]


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
            except (OSError, http.client.HTTPException) as error:
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


def journal(*options):
    """All that the service has said until now: the journal is written by a process of its own."""
    run("journalctl", "--sync")
    return run("journalctl", "--no-pager", *options, "--unit", UNIT)[1]


def said(text):
    """How often the journal of the service has it."""
    return journal("--output", "cat").count(text)


def fields_of(words):
    """The last entry of the service's journal that begins with them."""
    lines = journal("--output", "json").splitlines()
    entries = [entry for entry in map(json.loads, lines) if str(entry["MESSAGE"]).startswith(words)]
    return entries[-1] if entries else {}


def there(*patterns):
    return sorted(path for pattern in patterns for path in glob.glob(pattern, recursive=True))


def after_the_readme(seen):
    with open("/exchange/readme.json", encoding="utf-8") as file:
        readme = json.load(file)
    seen["install"] = run_as_written(readme["install"])
    seen["configuration"] = owner(CONFIGURATION)
    seen["enabled"] = [run("systemctl", "is-enabled", unit)[1] for unit in ("tracelinkd.socket", UNIT)]
    seen["send"] = send(1)
    seen["model"] = json.loads(run("tracelink", "status", "--json")[1])["model"]["requested_name"]
    seen["credential"] = run_as_written(readme["credential"])
    seen["token"] = run("tracelink", "status")[0], show("ExecMainStatus")
    seen["instance"] = run_as_written(readme["instance"])
    seen["send to the instance"] = send(1, INSTANCE + "/tracelink.sock")
    seen["accepted by the instance"] = accepted("--control", INSTANCE + "/control.sock")
    seen["accepted by the first"] = accepted()
    seen["state of the instance"] = owner("/var/lib/tracelink/instances/billing"), os.path.exists("/var/lib/tracelink/instances/billing/queue")


def who_may_send(seen):
    run("useradd", "--groups", "tracelink", "inside-app")
    run("useradd", "outsider")
    run("systemctl", "stop", UNIT)
    seen["socket"] = owner(SOCKET)
    seen["before the first client"] = show("ActiveState")
    seen["a member sends"] = send_as("inside-app", 2)
    seen["after the first client"] = show("ActiveState")
    seen["an outsider sends"] = send_as("outsider", 3)
    seen["an outsider asks env"] = run("runuser", "-u", "outsider", "--", "tracelink", "env")
    seen["a member asks env"] = run("runuser", "-u", "inside-app", "--", "tracelink", "env")
    seen["an outsider reads the configuration"] = run("runuser", "-u", "outsider", "--", "cat", CONFIGURATION)


def restarts(seen):
    seen["user"] = pwd.getpwuid(os.stat(f"/proc/{show('MainPID')}").st_uid).pw_name
    seen["restart"] = send_while(lambda: [run("systemctl", "restart", UNIT) for _ in range(RESTARTS)], 1_000)
    seen["kill"] = send_while(lambda: run("kill", "-KILL", show("MainPID")), 10_000)
    run("kill", "-HUP", show("MainPID"))
    seen["accepted"] = accepted()
    seen["restarts"] = show("NRestarts")
    seen["state"] = owner("/var/lib/tracelink"), os.path.exists("/var/lib/tracelink/queue")


def configure(text):
    with open(CONFIGURATION, "w", encoding="utf-8") as file:
        file.write(text)


def reload(seen):
    """What `systemctl reload` says came of it."""
    with open(CONFIGURATION, encoding="utf-8") as file:
        text = file.read()

    def reload_with(changed):
        configure(changed)
        code = run("systemctl", "reload", UNIT)[0]
        return code, json.loads(run("tracelink", "status", "--json")[1])["model"]["requested_name"]
    before, process = said("spam: unknown key"), show("MainPID")
    seen["reload"] = send_while(lambda: seen.update({"reloaded": reload_with(text.replace("version: v1", "version: v2"))}), 12_000)
    seen["reloaded with a mistake"] = reload_with(text + "spam: {}\n")
    seen["said of the mistake"] = said("spam: unknown key") - before
    seen["reloaded again"] = reload_with(text)
    seen["reloaded an instance"] = run("systemctl", "reload", "tracelinkd@billing.service")
    seen["one process"] = show("MainPID") == process


def watchdog(seen):
    """A daemon that is stopped from outside makes no progress, and does not end by itself."""
    folder = "/etc/systemd/system/tracelinkd.service.d"
    with open(folder + "/watchdog.conf", "w", encoding="utf-8") as file:
        file.write("[Service]\nWatchdogSec=5s\nTimeoutAbortSec=2s\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)
    send(15_000)
    stuck, kept = show("MainPID"), accepted()
    run("kill", "-STOP", stuck)
    while show("MainPID") in (stuck, "0") or show("ActiveState") != "active":
        time.sleep(0.1)
    seen["watchdog"] = {"said": said("Watchdog timeout"), "kept": kept, "accepted": accepted(), "send": send(15_001)}
    os.remove(folder + "/watchdog.conf")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", UNIT)


def version():
    return run("dpkg-query", "--show", "--showformat", "${Version}", "tracelink")[1]


class TokenReader(http.server.BaseHTTPRequestHandler):
    """A tracking server that is always busy and notes who asks."""

    def do_GET(self):
        self.server.tokens.add(self.headers.get("Authorization", ""))
        self.send_error(503)

    do_POST = do_GET

    def log_message(self, *arguments):
        pass


def rotation(seen):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 5000), TokenReader)  # as the page's configuration says
    server.tokens = set()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen["tokens"] = []
    for token in ("the token", "the next token"):
        with open("/etc/tracelink/token", "w", encoding="utf-8") as file:
            file.write(token + "\n")
        seen["rotation"] = send_while(lambda: run("systemctl", "restart", UNIT), 18_000)
        while f"Bearer {token}" not in server.tokens:
            time.sleep(0.1)
        seen["tokens"].append(token)
        server.tokens.clear()
    server.shutdown()
    server.server_close()


def upgrade(seen):
    before = show("MainPID"), show("MainPID", "tracelinkd@billing.service")
    seen["previous version"], previously = version(), accepted()
    with open(CONFIGURATION, encoding="utf-8") as file:
        text = file.read()
    seen["upgrade"] = send_while(lambda: seen.update({"dpkg": run_as_written("dpkg --install new/tracelink_*.deb")}), 20_000)
    seen["version"], seen["accepted meanwhile"] = version(), accepted() - previously
    after = show("MainPID"), show("MainPID", "tracelinkd@billing.service")
    seen["new processes"] = [old != new != "0" for old, new in zip(before, after)]
    with open(CONFIGURATION, encoding="utf-8") as file:
        seen["kept configuration"] = file.read() == text and owner(CONFIGURATION)


def downgrade(seen):
    previously = accepted()
    seen["downgrade"] = send_while(lambda: seen.update({"dpkg back": run_as_written("dpkg --install tracelink_*.deb")}), 30_000)
    seen["version after it"], seen["accepted in it"] = version(), accepted() - previously
    seen["dpkg again"] = run_as_written("dpkg --install new/tracelink_*.deb")


def wrong_configuration(seen):
    with open(CONFIGURATION, "a", encoding="utf-8") as file:
        file.write("modle: {}\n")
    run("systemctl", "reset-failed", UNIT)
    seen["start with a mistake"] = run("systemctl", "restart", UNIT)[0], show("Result"), show("ExecMainStatus"), show("NRestarts")
    seen["said"] = said("modle: unknown key")


def remove_and_purge(seen):
    installed = [path for path in run("dpkg", "--listfiles", "tracelink")[1].splitlines() if "tracelink" in path]
    seen["remove"] = run("dpkg", "--remove", "tracelink")
    seen["active after it"] = run("systemctl", "is-active", "tracelinkd.socket", UNIT, "tracelinkd@billing.socket", "tracelinkd@billing.service")[1]
    seen["enabled after it"] = there("/etc/systemd/system/*.wants/tracelinkd*")
    seen["kept after it"] = there("/etc/tracelink/*", "/var/lib/tracelink/queue")
    seen["purge"] = run("dpkg", "--purge", "tracelink")
    made = there("/etc/**/*tracelink*", "/run/*tracelink*", "/var/lib/*tracelink*", "/var/lib/systemd/**/*tracelink*")
    seen["left"] = made + [path for path in installed if os.path.lexists(path)]


seen = {}
after_the_readme(seen)
seen["verify"] = run("systemd-analyze", "verify", *(f"/usr/lib/systemd/system/{name}" for name in (
    "tracelinkd.service", "tracelinkd.socket", "tracelinkd@billing.service", "tracelinkd@billing.socket")))
who_may_send(seen)
restarts(seen)
reload(seen)
watchdog(seen)
rotation(seen)
upgrade(seen)
downgrade(seen)
seen["stop"] = run("systemctl", "stop", "tracelinkd.socket", UNIT)
seen["result"] = show("Result"), show("ExecMainStatus")
seen["failing"] = fields_of("failing")
seen["stopped"] = fields_of("stopped")
seen["journal"] = journal()
wrong_configuration(seen)
remove_and_purge(seen)
with open("/exchange/seen.json", "w", encoding="utf-8") as file:
    json.dump(seen, file)
