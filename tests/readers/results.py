"""A folder of results as its checks see it: its summary's figures, and what tollgate exports of it."""

import json
import re
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path


class Results:
    def __init__(self, tollgate, folder, scratch):
        self.tollgate, self.folder, self.scratch = tollgate, Path(folder), Path(scratch)
        self.summary = json.loads((self.folder / "summary.json").read_text())

    def figure(self, section, name, scope=("total", "")):
        """A figure, in the summary's unit; money as a Decimal, None where it has no number."""
        scopes = next(s["scopes"] for s in self.summary["sections"] if s["name"] == section)
        figures = next(s["figures"] for s in scopes if (s["kind"], s["name"]) == scope)
        value = next(f["value"] for f in figures if f["name"] == name)
        if not isinstance(value, dict):
            return None
        return Decimal(value["money"]) if "money" in value else value.get("count", value.get("number"))

    def export(self, form, *arguments):
        """The path of an export: a file, or a folder where it makes several."""
        out = self.scratch / f"{self.folder.name}-{form}"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        run(self.tollgate, "export", self.folder, "--to", form, "--out", out, *arguments)
        files = list(out.iterdir())
        return files[0] if len(files) == 1 else out

    def report(self, *arguments):
        return run(self.tollgate, "report", self.folder, *arguments)


def run(*arguments, codes=(0,)):
    """What a program prints; an error with what it complained of where it ends otherwise."""
    ended = subprocess.run([str(argument) for argument in arguments], capture_output=True, text=True)
    if ended.returncode not in codes:
        raise AssertionError(f"{' '.join(map(str, arguments))} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def same(what, found, wanted):
    assert found == wanted, f"{what}: the reader has {found}, the summary {wanted}"


def near(what, found, wanted, within):
    assert abs(found - wanted) <= within, f"{what}: the reader has {found}, wanted {wanted}, at most {within} off"


class Spoiled(Results):
    """The same with an error in it, for checks to find: in every figure, in what is exported, or in what is reported."""

    def __init__(self, results, figures=False, exported=None, reported=None):
        super().__init__(results.tollgate, results.folder, results.scratch)
        self.figures, self.exported, self.reported = figures, exported, reported

    def figure(self, *place):
        value = super().figure(*place)
        if not self.figures or value is None:
            return value
        return value + {int: 1, float: 0.01 * value, Decimal: Decimal("1e-12")}[type(value)]

    def export(self, *arguments):
        path = super().export(*arguments)
        if self.exported:
            files = path.iterdir() if path.is_dir() else [path]
            for file in files:
                file.write_text(file.read_text().replace(*self.exported))
        return path

    def report(self, *arguments):
        text = super().report(*arguments)
        if self.reported:
            text = re.sub(r"\d\.\d\d\b", lambda number: f"{(float(number[0]) + 0.05) % 10:.2f}", text)
        return text
