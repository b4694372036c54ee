"""What Databricks' SDK makes of combinations of variables, profiles and files.

The table that tests/unit/databricks/auth_matrix_test.cpp compares with is made here, by the SDK itself: its Config runs in this process,
with an environment, a home folder and an HTTP transport of its own. Nothing leaves the process.

    python -m harness.databricks_auth > TABLE        from tests/integration, with a Python that has databricks-sdk
"""

import contextlib
import importlib
import importlib.util
import io
import itertools
import json
import logging
import os
import pathlib
import re
import sys
import tempfile
import types
from unittest import mock

TABLE = pathlib.Path(__file__).resolve().parents[2] / "unit/databricks/data/auth_matrix.json"

HOST = "https://dbc-1.cloud.databricks.com"
AZURE = "https://adb-1.2.azuredatabricks.net"

# What is answered: "METHOD path" of the workspace, or "METHOD url" of others; everything else is 404. {host} is the workspace's.
METADATA = "GET /.well-known/databricks-config"
SERVER_METADATA = "GET /oidc/.well-known/oauth-authorization-server"
TOKEN = "POST /oidc/v1/token"
GRANTED = {"status": 200, "body": {"access_token": "workspace-token", "token_type": "Bearer", "expires_in": 3600}}
FULL = {
    METADATA: {"status": 200, "body": {"oidc_endpoint": "{host}/oidc", "account_id": "acc-1", "workspace_id": "7474", "cloud": "AWS"}},
    SERVER_METADATA: {"status": 200, "body": {"authorization_endpoint": "{host}/oidc/v1/authorize", "token_endpoint": "{host}/oidc/v1/token"}},
    TOKEN: GRANTED,
    "GET /custom/discovery": {"status": 200, "body": {"token_endpoint": "{host}/custom/token"}},
    "POST /custom/token": GRANTED,
    "GET /aad/auth": {"status": 302, "location": "https://login.microsoftonline.com/tenant-2/oauth2/authorize?x=1", "body": {}},
    **{f"POST {login}{tenant}/oauth2/token": {"status": 200, "body": {"access_token": "entra-token", "token_type": "Bearer", "expires_in": "3599"}}
       for login in ("https://login.microsoftonline.com/", "https://login.microsoftonline.us/", "https://login.chinacloudapi.cn/")
       for tenant in ("tenant-1", "tenant-2")},
}
SERVERS = {
    "full": FULL,
    "silent": {key: answer for key, answer in FULL.items() if key not in (METADATA, SERVER_METADATA)},
    "account": FULL | {
        METADATA: {"status": 200, "body": {"oidc_endpoint": "{host}/oidc/accounts/{account_id}", "account_id": "acc-1"}},
        "GET /oidc/accounts/acc-1/.well-known/oauth-authorization-server": {"status": 200, "body": {"token_endpoint": "{host}/oidc/accounts/acc-1/v1/token"}},
        "GET /oidc/accounts/acc-9/.well-known/oauth-authorization-server": {"status": 200, "body": {"token_endpoint": "{host}/oidc/accounts/acc-9/v1/token"}},
        "POST /oidc/accounts/acc-1/v1/token": GRANTED, "POST /oidc/accounts/acc-9/v1/token": GRANTED},
}

# name in the file -> variable
NAMES = {"host": "DATABRICKS_HOST", "token": "DATABRICKS_TOKEN", "username": "DATABRICKS_USERNAME", "password": "DATABRICKS_PASSWORD",
         "client_id": "DATABRICKS_CLIENT_ID", "client_secret": "DATABRICKS_CLIENT_SECRET", "auth_type": "DATABRICKS_AUTH_TYPE",
         "account_id": "DATABRICKS_ACCOUNT_ID", "workspace_id": "DATABRICKS_WORKSPACE_ID", "discovery_url": "DATABRICKS_DISCOVERY_URL",
         "group_id": "DATABRICKS_GROUP_ID", "oidc_token_env": "DATABRICKS_OIDC_TOKEN_ENV",
         "oidc_token_filepath": "DATABRICKS_OIDC_TOKEN_FILEPATH", "azure_client_id": "ARM_CLIENT_ID",
         "azure_client_secret": "ARM_CLIENT_SECRET", "azure_tenant_id": "ARM_TENANT_ID", "azure_environment": "ARM_ENVIRONMENT",
         "azure_workspace_resource_id": "DATABRICKS_AZURE_RESOURCE_ID"}

JWT_FILE = {"oidc_token_filepath": "{dir}/jwt"}
METHODS = {
    "pat": {"token": "dapi-1"},
    "basic": {"username": "ada", "password": "p w:1"},
    "oauth-m2m": {"client_id": "sp-1", "client_secret": "se:cret/1"},
    "env-oidc": {"oidc_token_env": "MY_JWT"},
    "file-oidc": JWT_FILE,
    "azure-client-secret": {"azure_client_id": "app-1", "azure_client_secret": "azure/secret", "azure_tenant_id": "tenant-1"},
}
FILES = {"jwt": "file.jwt\n", "empty": "\n"}


def variables(values):
    return {NAMES[name]: value for name, value in values.items()}


def section(name, values):
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())


def case(name, environment=None, profiles=None, uri="", server="full"):
    """One combination: the variables, the text of ~/.databrickscfg, the profile of the tracking URI, and what the host answers."""
    return {"name": name, "environment": environment or {}, "profiles": profiles, "uri": uri, "server": server}


def host_of(method):
    return AZURE if method.startswith("azure") else HOST


def from_each_source(method, values):
    """The same values from variables and from each place where a profile may stand."""
    values = {"host": host_of(method)} | values
    jwt = {"MY_JWT": "env.jwt"} if "oidc_token_env" in values else {}
    other = section("DEFAULT", {"host": "https://default.example.com", "token": "dapi-default"})
    yield case(f"{method} by variables", variables(values) | jwt)
    yield case(f"{method} by [DEFAULT]", jwt, section("DEFAULT", values))
    yield case(f"{method} by the URI's profile", jwt, other + section("prod", values), "prod")
    yield case(f"{method} by the variable's profile", jwt | {"DATABRICKS_CONFIG_PROFILE": "prod"}, other + section("prod", values))
    yield case(f"{method} by default_profile", jwt, "[__settings__]\ndefault_profile = prod\n" + other + section("prod", values))
    yield case(f"{method} by variables beside an unused file", variables(values) | jwt, other)
    yield case(f"{method} by variables, the URI's profile filling in", variables(values) | jwt,
               section("prod", {"host": "https://unused.example.com", "account_id": "acc-9"}), "prod")
    yield case(f"{method} by profile, host by variable", jwt | {"DATABRICKS_HOST": host_of(method)},
               section("prod", values | {"host": "https://unused.example.com"}), "prod")
    yield case(f"{method} by profile, host by variable, none named", jwt | {"DATABRICKS_HOST": host_of(method)}, section("DEFAULT", values))


def of_each_method():
    for method, values in METHODS.items():
        yield from from_each_source(method, values)
        for server in ("silent", "account"):
            yield case(f"{method} on a host that is {server}", variables({"host": host_of(method)} | values) | {"MY_JWT": "env.jwt"}, server=server)
        for name in values:  # one value is missing
            rest = {key: value for key, value in values.items() if key != name}
            yield case(f"{method} without {name}", variables({"host": host_of(method)} | rest) | {"MY_JWT": "env.jwt"})
            yield case(f"{method} with an empty variable {name}", variables({"host": host_of(method)} | values | {name: ""}) | {"MY_JWT": "env.jwt"})
            yield case(f"{method} with an empty {name} in the profile", {"MY_JWT": "env.jwt"},
                       section("prod", {"host": host_of(method)} | values | {name: ""}), "prod")
        yield case(f"{method} without a host", variables(values) | {"MY_JWT": "env.jwt"})
        for extra in ({"group_id": "group 1"}, {"workspace_id": "75"}, {"account_id": "acc-9"},
                      {"discovery_url": HOST + "/custom/discovery"}):
            name = "".join(extra)
            yield case(f"{method} with {name}", variables({"host": host_of(method)} | values | extra) | {"MY_JWT": "env.jwt"})
            yield case(f"{method} chosen, with {name}", variables({"host": host_of(method), "auth_type": method} | values | extra) | {"MY_JWT": "env.jwt"})


def of_two_methods():
    for one, other in itertools.combinations(METHODS, 2):
        host = AZURE if "azure-client-secret" in (one, other) else HOST
        both = variables({"host": host} | METHODS[one] | METHODS[other]) | {"MY_JWT": "env.jwt"}
        yield case(f"{one} and {other}", both)
        for chosen in (one, other):
            yield case(f"{one} and {other}, {chosen} chosen", both | {"DATABRICKS_AUTH_TYPE": chosen})
        yield case(f"{one} by variables, {other} by the profile", variables({"host": host} | METHODS[one]) | {"MY_JWT": "env.jwt"},
                   section("prod", METHODS[other]), "prod")
        yield case(f"{one} by variables, {other} by an unnamed profile", variables({"host": host} | METHODS[one]) | {"MY_JWT": "env.jwt"},
                   section("DEFAULT", METHODS[other]))
        yield case(f"{one} and {other} in a profile", {"MY_JWT": "env.jwt"}, section("prod", {"host": host} | METHODS[one] | METHODS[other]), "prod")
        yield case(f"{one} and {other} in a profile that chooses", {"MY_JWT": "env.jwt"},
                   section("prod", {"host": host, "auth_type": one} | METHODS[one] | METHODS[other]), "prod")


def of_federation():
    principal = {"host": HOST, "client_id": "sp-1"}
    for name, values in {"file": JWT_FILE, "variable": {"oidc_token_env": "MY_JWT"}, "standard variable": {}}.items():
        environment = variables(principal | values) | {"MY_JWT": "env.jwt", "DATABRICKS_OIDC_TOKEN": "std.jwt"}
        yield case(f"federation of a principal by {name}", environment)
        for method in ("env-oidc", "file-oidc"):
            yield case(f"federation of a principal by {name}, {method} chosen", environment | {"DATABRICKS_AUTH_TYPE": method})
    yield case("federation of a principal by file alone", variables(principal | JWT_FILE))
    token = {"DATABRICKS_OIDC_TOKEN": "std.jwt"}
    yield case("federation of an account", variables({"host": HOST}) | token)
    yield case("federation by the alias of the file's variable", {"DATABRICKS_HOST": HOST, "DATABRICKS_OIDC_TOKEN_FILE": "{dir}/jwt"})
    yield case("federation by both names of the file's variable",
               {"DATABRICKS_HOST": HOST, "DATABRICKS_OIDC_TOKEN_FILE": "{dir}/gone", "DATABRICKS_OIDC_TOKEN_FILEPATH": "{dir}/jwt"})
    for file in ("gone", "empty"):
        yield case(f"federation by a file that is {file}", {"DATABRICKS_HOST": HOST, "DATABRICKS_OIDC_TOKEN_FILEPATH": "{dir}/" + file})
    yield case("federation by a variable that is not set", {"DATABRICKS_HOST": HOST, "DATABRICKS_OIDC_TOKEN_ENV": "GONE"})
    for method, values in METHODS.items():
        yield case(f"{method} beside a token of the CI system", variables({"host": host_of(method)} | values) | token | {"MY_JWT": "env.jwt"})
    yield case("federation with a group", variables({"host": HOST, "group_id": "g&1"}) | token)
    yield case("pat with a group beside a token of the CI system", variables({"host": HOST, "group_id": "g", "token": "dapi-1"}) | token)


def of_azure():
    entra = METHODS["azure-client-secret"]
    resource = {"azure_workspace_resource_id": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Databricks/workspaces/w"}
    for host in (AZURE, "https://adb-1.2.databricks.azure.us", "https://adb-1.2.databricks.azure.cn", "https://private.example.com"):
        for values in (entra, entra | resource):
            yield case(f"Entra for {host}{' by resource' if values != entra else ''}", variables({"host": host} | values))
    without_tenant = {key: value for key, value in entra.items() if key != "azure_tenant_id"}
    yield case("Entra with the tenant of the login page", variables({"host": AZURE} | without_tenant))
    yield case("Entra by resource without a host", variables(entra | resource))
    yield case("pat of an Azure workspace", variables({"host": AZURE, "token": "dapi-1"}))
    yield case("principal of an Azure workspace", variables({"host": AZURE} | METHODS["oauth-m2m"]))


def of_hosts():
    for host in ("dbc-1.cloud.databricks.com", HOST + "/", HOST + "//", HOST + ":443", HOST + ":443/", HOST + ":8443", "dbc-1.cloud.databricks.com:8443",
                 "http://127.0.0.1:5000", "http://127.0.0.1:5000/", HOST + "/?o=7474", HOST + "/browse/path", "https://accounts.cloud.databricks.com"):
        for method in ("pat", "oauth-m2m"):
            yield case(f"{method} of {host}", variables({"host": host} | METHODS[method]))
            yield case(f"{method} of {host} in a profile", {}, section("prod", {"host": host} | METHODS[method]), "prod")


def of_scopes():
    for scopes in ("sql", "sql, clusters", "sql clusters sql", " all-apis "):
        for method in ("oauth-m2m", "file-oidc"):
            yield case(f"{method} with scopes {scopes!r}", {}, section("DEFAULT", {"host": HOST, "scopes": scopes} | METHODS[method]))


def of_files():
    pat = {"host": HOST, "token": "dapi-1"}
    yield case("nothing at all")
    yield case("a host alone", {"DATABRICKS_HOST": HOST})
    yield case("an empty file", {}, "")
    yield case("comments only", {}, "# none\n; here\n")
    yield case("a profile that is not there", {}, section("test", pat), "prod")
    yield case("a profile without its file", {}, None, "prod")
    yield case("the profile DEFAULT, by name", {}, section("DEFAULT", pat), "DEFAULT")
    yield case("the profile DEFAULT, by name, empty", {}, "[DEFAULT]\n" + section("test", pat), "DEFAULT")
    yield case("profiles without DEFAULT, none named", {}, section("test", pat))
    yield case("the reserved section as profile", {}, "[__settings__]\n" + section("test", pat), "__settings__")
    yield case("the reserved section as default_profile", {}, "[__settings__]\ndefault_profile = __settings__\n" + section("test", pat))
    yield case("default_profile that is not there", {}, "[__settings__]\ndefault_profile = gone\n" + section("DEFAULT", pat))
    yield case("default_profile that is empty", {}, "[__settings__]\ndefault_profile =\n" + section("DEFAULT", pat))
    yield case("the URI's profile before the variable's", {"DATABRICKS_CONFIG_PROFILE": "test"},
               section("test", pat) + section("prod", {"host": AZURE, "token": "dapi-2"}), "prod")
    yield case("the variable's profile before default_profile", {"DATABRICKS_CONFIG_PROFILE": "prod"},
               "[__settings__]\ndefault_profile = test\n" + section("test", pat) + section("prod", {"host": AZURE, "token": "dapi-2"}))
    yield case("a profile that does not inherit DEFAULT", {}, section("DEFAULT", pat) + section("prod", {"host": HOST}), "prod")
    yield case("colons and capitals", {}, f"[prod]\nHOST: {HOST}\nToken : dapi-1\n", "prod")
    yield case("indented values", {}, f"  [prod]\n  host = {HOST}\n  token = dapi-1\n", "prod")
    yield case("a value over two lines", {}, f"[prod]\nhost = {HOST}\nscopes = sql,\n  clusters\nclient_id = sp-1\nclient_secret = s\n", "prod")
    yield case("unknown names", {}, section("prod", pat | {"cluster_id": "1", "colour": "red"}), "prod")
    yield case("a section twice", {}, section("prod", pat) * 2, "prod")
    yield case("a name twice", {}, section("prod", pat) + "token = dapi-2\n", "prod")
    yield case("a value before any section", {}, "token = dapi-1\n" + section("prod", pat), "prod")
    yield case("a line that is no value", {}, section("prod", pat) + "nonsense\n", "prod")
    yield case("a sign of percent", {}, section("prod", {"host": HOST, "token": "dapi-%(x)s%1"}), "prod")
    yield case("a comment behind a value", {}, section("prod", {"host": HOST, "token": "dapi-1 # mine"}), "prod")
    yield case("another file", {"DATABRICKS_CONFIG_FILE": "{dir}/other"}, section("DEFAULT", pat))
    yield case("another file that is not there", {"DATABRICKS_CONFIG_FILE": "{dir}/gone"}, section("DEFAULT", pat))
    yield case("a token by variable, the rest by no profile", {"DATABRICKS_TOKEN": "dapi-1"}, section("DEFAULT", pat))
    for method in ("databricks-cli", "nonsense", "metadata-service"):
        yield case(f"{method} chosen", variables(pat | {"auth_type": method}))
        yield case(f"{method} chosen in a profile", {}, section("prod", pat | {"auth_type": method}), "prod")
    yield case("pat beside credentials of Google", variables(pat) | {"GOOGLE_CREDENTIALS": "{}"})


def cases():
    return [*of_each_method(), *of_two_methods(), *of_federation(), *of_azure(), *of_hosts(), *of_scopes(), *of_files()]


class Transport:
    """Answers what the SDK asks, and keeps it."""

    def __init__(self, server, host):
        self.server, self.host, self.asked = server, host, []

    def send(self, request):
        import requests
        key = f"{request.method} {request.url.removeprefix(self.host) if request.url.startswith(self.host) else request.url}"
        answer = self.server.get(key, {"status": 404, "body": {"error_code": "NOT_FOUND", "message": "no such path"}})
        if key != METADATA:
            body = request.body.decode() if isinstance(request.body, bytes) else request.body
            self.asked.append({"method": request.method, "url": request.url, "authorization": request.headers.get("Authorization") or "", "body": body or ""})
        response = requests.Response()
        response.status_code, response.request, response.url = answer["status"], request, request.url
        response.headers["Content-Type"] = "application/json"
        if "location" in answer:
            response.headers["Location"] = answer["location"]
        response.raw = io.BytesIO(json.dumps(answer["body"]).replace("{host}", self.host).encode())
        return response


def sdk_config():
    """The SDK's Config, without the hundred services that its package imports otherwise."""
    if "databricks.sdk" not in sys.modules:
        found = importlib.util.find_spec("databricks")
        package = types.ModuleType("databricks.sdk")
        package.__path__ = [f"{folder}/sdk" for folder in found.submodule_search_locations]
        sys.modules["databricks.sdk"] = package
    return importlib.import_module("databricks.sdk.config").Config


SENT = ("Authorization", "X-Databricks-Azure-SP-Management-Token", "X-Databricks-Azure-Workspace-Resource-Id")


def ask_sdk(combination):
    """Host, kind, requests and headers of the SDK, or its error."""
    Config = sdk_config()  # noqa: N806: it is a class
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            pathlib.Path(folder, name).write_text(text)
        if combination["profiles"] is not None:
            pathlib.Path(folder, ".databrickscfg").write_text(combination["profiles"].replace("{dir}", folder))
            pathlib.Path(folder, "other").write_text(combination["profiles"])
        environment = {name: value.replace("{dir}", folder) for name, value in combination["environment"].items()}
        found = {}
        transport = Transport(SERVERS[combination["server"]], HOST)
        with mock.patch.dict(os.environ, environment | {"HOME": folder, "PATH": ""}, clear=True), \
                mock.patch("requests.adapters.HTTPAdapter.send", lambda _, request, **__: answer(transport, request)):
            try:
                config = Config(profile=combination["uri"] or None, retry_timeout_seconds=1)
                transport.host = config.host
                sent = config.authenticate()
                found = {"host": config.host, "auth_type": config.auth_type, "headers": {key: sent[key] for key in SENT if key in sent},
                         "requests": transport.asked}
            except Exception as error:  # noqa: BLE001: any is the SDK's refusal
                found = {"error": kinds_in(str(error))}
        return json.loads(json.dumps(found).replace(folder, "{dir}"))


def answer(transport, request):
    transport.host = re.match(r"https?://[^/?]*", request.url)[0] if "/.well-known/databricks-config" in request.url else transport.host
    return transport.send(request)


def kinds_in(text):
    found = re.search(r"more than one authorization method configured: ([^.]+)", text)
    return found[1].split(" and ") if found else []


# Where tracelink does otherwise on purpose: the combination's name, why, and "HOST KIND" or "error" of tracelink.
BETTER = [
    (r"(oauth-m2m|env-oidc|file-oidc) on a host that is silent", "the token endpoint is known without being told", HOST + r" \1"),
    (r"azure-client-secret with an empty azure_tenant_id in the profile", "an empty value is not set", AZURE + " azure-client-secret"),
    (r"(pat|oauth-m2m) of \S+/\?o=7474.*", "the address as the browser shows it", HOST + r" \1"),
    (r"pat of \S+/browse/path.*", "a workspace has no path", "error"),
    (r"\S+ of https://accounts\..*", "the account console is no workspace", "error"),
    (r"federation of a principal by file", "the client id is that of the federated token", HOST + " env-oidc"),
    (r"federation of a principal by file alone", "the client id is that of the federated token", HOST + " file-oidc"),
    (r"federation of a principal by variable", "the client id is that of the federated token", HOST + " env-oidc"),
    (r"Entra for https://private.*", "the public cloud, unless another one is named", "https://private.example.com azure-client-secret"),
    (r"pat beside credentials of Google", "Google's are not looked at", HOST + " pat"),
    (r"a value over two lines", "scopes may be on several lines", HOST + " oauth-m2m"),
]


def better(name):
    for pattern, why, result in BETTER:
        if found := re.fullmatch(pattern, name):
            return {"better": {"why": why, "result": found.expand(result)}}
    return {}


def table():
    logging.disable(logging.CRITICAL)
    rows = [combination | {"sdk": ask_sdk(combination)} | better(combination["name"]) for combination in cases()]
    logging.disable(logging.NOTSET)
    assert len({row["name"] for row in rows}) == len(rows), "two combinations of one name"
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    servers = ",\n".join(f"{json.dumps(name)}: {json.dumps(answers)}" for name, answers in SERVERS.items())
    return f'{{"servers": {{\n{servers}\n}},\n"files": {json.dumps(FILES)},\n"cases": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    with contextlib.redirect_stderr(io.StringIO()):
        text = table()
    sys.stdout.write(text)
