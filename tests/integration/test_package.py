"""What scripts/package makes: contents, fields, pages, completions, and the same bytes each time."""

import gzip
import re
import subprocess

import pytest
import yaml

from harness.packages import make_packages
from harness.places import BIN, ROOT, clean_environment

pytestmark = pytest.mark.xdist_group("packages")

SHARE = "usr/share"
DOC = f"{SHARE}/doc/tracelink"


def run(*command, **more) -> str:
    return subprocess.run([str(part) for part in command], env=clean_environment(), stdout=subprocess.PIPE, text=True, check=True, **more).stdout


@pytest.fixture(scope="module")
def unpacked(packages, tmp_path_factory):
    """The files of the .deb."""
    folder = tmp_path_factory.mktemp("deb")
    run("dpkg-deb", "--extract", packages.deb, folder)
    return folder


@pytest.fixture(scope="module")
def fields(packages) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+): (.*)$", run("dpkg-deb", "--field", packages.deb), flags=re.MULTILINE))


def page(unpacked, name: str) -> str:
    return run("man", "--local-file", unpacked / f"{SHARE}/man/man{name[-1]}/{name}.gz")


def test_the_package_has_what_a_host_needs(packages, unpacked):
    listed = {line.split()[5]: line.split()[:2] for line in run("dpkg-deb", "--contents", packages.deb).splitlines()}
    assert {path.split("/")[1] for path in listed if path.count("/") > 1} == {"etc", "usr"}
    assert listed["./etc/tracelink/tracelinkd.yaml"] == ["-rw-r-----", "root/root"], "postinst gives it to the group, which is not there yet"
    assert listed["./usr/bin/tracelinkd"] == ["-rwxr-xr-x", "root/root"]
    units = {path.rpartition("/")[2] for path in listed if path.startswith("./usr/lib/systemd/system/t")}
    assert units == {"tracelinkd.service", "tracelinkd.socket", "tracelinkd@.service", "tracelinkd@.socket"}
    assert "ExecStart=/usr/bin/tracelinkd\n" in (unpacked / "usr/lib/systemd/system/tracelinkd@.service").read_text()
    for path in ("usr/lib/sysusers.d/tracelink.conf", "usr/lib/tmpfiles.d/tracelink.conf", f"{DOC}/copyright", f"{DOC}/notices.gz",
                 f"{DOC}/changelog.Debian.gz", f"{DOC}/docs/configuration.md", f"{DOC}/examples/tracelinkd.yaml"):
        assert (unpacked / path).exists(), path
    assert gzip.decompress((unpacked / DOC / "changelog.gz").read_bytes()).decode() == (ROOT / "CHANGELOG.md").read_text()


def test_its_fields_say_what_it_needs(packages, fields):
    version = run(BIN / "tracelinkd", "--version").split()[1]
    assert (fields["Package"], fields["Version"]) == ("tracelink", f"{version}-1")
    assert fields["Architecture"] == run("dpkg", "--print-architecture").strip()
    needed = {part.split()[0] for part in fields["Depends"].split(", ")}
    assert {"systemd", "libc6", "libcurl4", "libyaml-cpp0.7", "libsystemd0", "libstdc++6"} <= needed
    assert run("dpkg-deb", "--info", packages.deb, "conffiles") == "/etc/tracelink/tracelinkd.yaml\n"


def test_lintian_finds_no_error(packages):
    assert run("lintian", "--allow-root", "--fail-on", "none", packages.deb).count("\nE:") == 0


def test_the_configuration_needs_a_name_and_has_defaults_else(unpacked):
    file = unpacked / "etc/tracelink/tracelinkd.yaml"
    check = [BIN / "tracelink", "config", "check", file]
    told = subprocess.run(check, env=clean_environment(), stderr=subprocess.PIPE, text=True, check=False)
    assert told.returncode == 1 and told.stderr.count("error:") == 1 and "model.name: no model" in told.stderr
    named = clean_environment(TRACELINK_MODEL__NAME="agent", HOME="/nonexistent")
    shown = [subprocess.run([BIN / "tracelink", *config, "config", "show", "--json"], env=named, stdout=subprocess.PIPE, text=True, check=True).stdout
             for config in (["--config", file], ["--config", "/dev/null"])]
    values = [{key: entry["value"] for key, entry in yaml.safe_load(text).items()} for text in shown]
    assert values[0] == values[1]


def test_the_pages_have_every_command_and_key(unpacked):
    told = page(unpacked, "tracelink.1")
    for command in ("tracelink models create [OPTIONS]", "tracelink dead-letters replay [OPTIONS] [ID...]", "tracelink status [OPTIONS]"):
        assert command in told
    assert re.search(r"--if-missing\n\s+Take the model of the name if there is one", told)
    assert "--config" in page(unpacked, "tracelinkd.8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| ", (ROOT / "docs/configuration.md").read_text().split("## Keys")[1], flags=re.MULTILINE)
    keys = page(unpacked, "tracelinkd.yaml.5")
    assert len(rows) > 40 and [key for key in rows if not re.search(rf"^\s+{re.escape(key)}$", keys, flags=re.MULTILINE)] == []


def test_the_pages_are_well_formed(unpacked):
    for name in ("tracelink.1", "tracelinkd.8", "tracelinkd.yaml.5"):
        warned = subprocess.run(["man", "--warnings", "--local-file", unpacked / f"{SHARE}/man/man{name[-1]}/{name}.gz"], env=clean_environment(),
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
        assert warned.stderr == ""


@pytest.mark.parametrize("typed, offered", [
    (["mod"], {"models"}),
    (["models", "l"], {"list", "ls", "log-metric"}),
    (["models", "ls", "--st"], {"--stats"}),
    (["--json", "config", ""], {"check", "show", "--config", "--control", "--help", "--json"}),
    (["models", "create", "--exp"], {"--experiment-id", "--experiment-name"}),
])
def test_bash_completes(unpacked, typed, offered):
    script = unpacked / f"{SHARE}/bash-completion/completions/tracelink"
    program = 'source "$0"; COMP_WORDS=(tracelink "$@"); COMP_CWORD=$#; _tracelink; printf "%s\\n" "${COMPREPLY[@]}"'
    assert set(run("bash", "-c", program, script, *typed).split()) == offered


@pytest.mark.parametrize("typed, offered", [
    ("tracelink mod", {"models"}),
    ("tracelink models ls --st", {"--stats"}),
    ("tracelink config ", {"check", "show"}),
])
def test_fish_completes(unpacked, folder, typed, offered):
    script = unpacked / f"{SHARE}/fish/vendor_completions.d/tracelink.fish"
    told = subprocess.run(["fish", "--no-config", "--command", f"source {script}; complete --do-complete '{typed}'"],
                          env=clean_environment(HOME=str(folder)), stdout=subprocess.PIPE, text=True, check=True).stdout
    assert {line.split("\t")[0] for line in told.splitlines()} == offered


def test_zsh_reads_its_completions(unpacked):
    script = unpacked / f"{SHARE}/zsh/vendor-completions/_tracelink"
    run("zsh", "-n", script)
    assert script.read_text().startswith("#compdef tracelink\n")


def test_the_archive_runs_anywhere_and_says_what_it_needs(packages, folder):
    run("tar", "--extract", "--file", packages.archive, "--directory", folder)
    [tree] = folder.iterdir()
    assert sorted(path.name for path in tree.iterdir()) == ["bin", "lib", "share"]
    assert run(tree / "bin/tracelinkd", "--version") == run(BIN / "tracelinkd", "--version")
    assert "ExecStart=/usr/local/bin/tracelinkd\n" in (tree / "lib/systemd/system/tracelinkd.service").read_text()
    told = (tree / "share/doc/tracelink/REQUIRES").read_text().split("\n\n")[1].split()
    needed = {library for name in ("tracelink", "tracelinkd")
              for library in re.findall(r"NEEDED +(\S+)", run("objdump", "--private-headers", tree / "bin" / name))}
    assert told == sorted(needed) and "libcurl.so.4" in told


def test_two_runs_make_the_same_bytes(packages, folder):
    again = make_packages(folder, "--without-dbgsym")
    assert again.deb.read_bytes() == packages.deb.read_bytes()
    assert again.archive.read_bytes() == packages.archive.read_bytes()


def test_a_folder_without_programs_is_told(folder):
    told = subprocess.run([ROOT / "scripts/package", "--build", folder], env=clean_environment(), stderr=subprocess.PIPE, text=True, check=False)
    assert told.returncode == 1
    assert told.stderr == f"package: {folder}/bin/tracelinkd is missing; build it: cmake --preset release && cmake --build --preset release\n"


@pytest.mark.long
def test_the_debug_symbols_are_those_of_the_programs(folder):
    made = make_packages(folder)
    listed = run("dpkg-deb", "--contents", made.dbgsym)
    for name in ("tracelink", "tracelinkd"):
        build_id = re.search(r"Build ID: (\w+)", run("readelf", "--notes", BIN / name))[1]
        assert f"./usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug\n" in listed
    assert run("lintian", "--allow-root", "--fail-on", "none", made.dbgsym).count("\nE:") == 0
