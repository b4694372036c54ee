"""What a packager gets from cmake --install."""

import subprocess

from harness.places import BIN, ROOT, clean_environment


def run(*command) -> str:
    return subprocess.run([str(part) for part in command], env=clean_environment(), stdout=subprocess.PIPE, text=True, check=True).stdout


def test_everything_that_a_host_needs_goes_to_the_prefix(folder):
    prefix = folder / "usr"
    run("cmake", "--install", BIN.parent, "--prefix", prefix)
    assert run(prefix / "bin/tracelinkd", "--version") == run(BIN / "tracelinkd", "--version")
    doc = prefix / "share/doc/tracelink"
    assert run(prefix / "bin/tracelink", "config", "check", doc / "examples/tracelinkd.yaml") is not None
    assert {path.name for path in doc.iterdir()} == {"README.md", "CHANGELOG.md", "LICENSE", "SECURITY.md", "docs", "examples"}
    assert {path.name for path in (doc / "examples").iterdir()} == {"tracelinkd.yaml", "alerts.yaml", "grafana-dashboard.json"}
    assert (doc / "docs/configuration.md").read_text() == (ROOT / "docs/configuration.md").read_text()

    units = prefix / "lib/systemd/system"
    for name in ("tracelinkd.service", "tracelinkd@.service"):
        service = (units / name).read_text()
        assert f"ExecStart={prefix}/bin/tracelinkd\n" in service and f"ExecReload={prefix}/bin/tracelink reload\n" in service
        assert service.replace(str(prefix), "/usr") == (ROOT / "systemd" / name).read_text()
    for installed, source in {units / "tracelinkd.socket": "tracelinkd.socket", units / "tracelinkd@.socket": "tracelinkd@.socket",
                              prefix / "lib/sysusers.d/tracelink.conf": "sysusers.d/tracelink.conf",
                              prefix / "lib/tmpfiles.d/tracelink.conf": "tmpfiles.d/tracelink.conf"}.items():
        assert installed.read_text() == (ROOT / "systemd" / source).read_text()
    assert sorted(path.name for path in prefix.iterdir()) == ["bin", "lib", "share"]
