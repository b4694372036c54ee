"""Runs the shell of the recipes of docs/ci.md as each CI system does. A release is the commands in the order of the recipe."""

import pathlib
import re
import subprocess

import yaml

from .places import ROOT

PAGE = (ROOT / "docs/ci.md").read_text()


def block(language: str, after: str) -> str:
    """The first fenced block of a language after this text of the page."""
    return re.search(rf"^```{language}\n(.*?)^```$", PAGE.split(after, 1)[1], re.MULTILINE | re.DOTALL)[1]


def script(name: str) -> str:
    """The block that is the file `name` of the user's repository."""
    [found] = [text for text in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if f"# {name}:" in text]
    return found


class Job:
    """A job's folder, a work tree, and its environment. run() is one shell."""

    def __init__(self, folder: pathlib.Path, environment: dict[str, str]):
        self.folder, self.environment = folder, dict(environment)
        self.output = ""

    def run(self, shell: list[str], text: str) -> str | None:
        """What it printed, or None where it failed, which ends the job."""
        ran = subprocess.run([*shell, "-c", text], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=900, check=False)
        self.output += ran.stdout + ran.stderr
        return ran.stdout if ran.returncode == 0 else None

    def take_variables(self, file: pathlib.Path) -> None:
        """Of a file of NAME=VALUE lines that a step wrote for the next ones."""
        self.environment |= dict(line.split("=", 1) for line in file.read_text().splitlines())


def github(job: Job) -> bool:
    """One shell a step; what a step writes to $GITHUB_ENV is in the environment of the next. True if all of them passed."""
    recipe = yaml.safe_load(block("yaml", "## GitHub Actions"))
    settings = dict(job.environment)
    for name, value in recipe["env"].items():
        job.environment[name] = re.sub(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", lambda setting: settings[setting[1]], value)
    variables = job.folder / "github_env"
    variables.touch()
    job.environment["GITHUB_ENV"] = str(variables)
    for step in recipe["jobs"]["release"]["steps"]:
        if "run" in step and job.run(["bash", "-e"], step["run"]) is None:
            return False
        job.take_variables(variables)
    return True


def gitlab(job: Job) -> bool:
    """One shell a job; the variables of a dotenv report are in the environment of later jobs."""
    recipe = yaml.safe_load(block("yaml", "## GitLab CI"))
    for stage in recipe["stages"]:
        [name] = [name for name, part in recipe.items() if isinstance(part, dict) and part.get("stage") == stage]
        if job.run(["bash", "-eo", "pipefail"], "\n".join(recipe[name]["script"])) is None:
            return False
        if report := recipe[name].get("artifacts", {}).get("reports"):
            job.take_variables(job.folder / report["dotenv"])
    return True


def jenkins(job: Job) -> bool:
    """One shell an `sh` step; `env.NAME = sh(returnStdout: true, …)` is in the environment of the next."""
    for name, text in re.findall(r"(?:env\.(\w+) = )?\bsh\b[^'\n]*'''(.*?)'''", block("groovy", "## Jenkins"), re.DOTALL):
        printed = job.run(["sh", "-xe"], text)
        if printed is None:
            return False
        if name:
            job.environment[name] = printed.strip()
    return True


def plain_shell(job: Job) -> bool:
    (job.folder / "ci/release.sh").write_text(script("ci/release.sh"))
    return job.run(["sh"], "sh ci/release.sh") is not None
