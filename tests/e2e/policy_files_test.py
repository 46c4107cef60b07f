"""Policies as their authors meet them, before any server has one."""

import json
import os
import random
import re
import subprocess

import pytest

from conformance import conformance
from packhouse_server import ROOT, binary
from patience import PATIENCE

DONE, REFUSED, USAGE, ABSENT = 0, 1, 2, 4

RULES = {
    "cooldown": "    hold: {younger_than: 7d}\n    say: New releases wait seven days\n",
    "scripts": '    hold: {new_install_scripts: true}\n    except: ["npm:esbuild"]\n',
    "licence": "    deny: {license_not_in: [MIT, BSD-*]}\n",
    "trust": "    hold: {any: [trust_downgrade, signature_invalid]}\n",
    "old": '    deny: {name: "npm:left-*", version: "<1"}\n',
}
CASES = [
    ("npm:x@2.0.0", "age: 2h", "hold by cooldown"),
    ("npm:x@1.0.0", "age: 90d", "allow"),
    ("npm:x@1.0.0", "age: 2h, license: ISC", "deny by licence"),
    ("npm:esbuild@1.0.0", "age: 90d, new_install_scripts: true", "allow"),
    ("npm:left-pad@0.9.0", "age: 90d, trust_downgrade: true", "deny by old"),
    ("pypi:x@1.0", "age: 7d, license: BSD-2-Clause OR GPL-3.0-only, signature: invalid", "hold by trust"),
    ("pypi:x@1.0", "age: 1h, upstream: local", "allow"),
]


def policy(rules, cases):
    text = "rules:\n" + "".join(f"  {name}:\n{RULES[name]}" for name in rules) + "cases:\n"
    for package, facts, expected in cases:
        action, _, rule = expected.partition(" by ")
        by = f", by: {rule}" if rule else ""
        text += f'  - {{package: "{package}", facts: {{{facts}}}, expect: {action}{by}}}\n'
    return text


@pytest.fixture
def run(tmp_path):
    def call(*arguments):
        return subprocess.run([binary(), "policy", *map(str, arguments)], text=True, capture_output=True, timeout=PATIENCE,
                              cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})

    return call


def test_the_cases_of_a_policy_decide_whether_it_is_right(run, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(policy(RULES, CASES))
    checked = run("check", path)
    assert (checked.returncode, checked.stdout) == (DONE, "The policy is right: 5 rules, 7 cases.\n")
    tested = run("test", "policy.yaml")
    assert tested.returncode == DONE and tested.stdout.endswith("7 of 7 cases pass.\n")
    path.write_text(policy(RULES, [*CASES, ("npm:x@1.0.0", "age: 8d", "hold by cooldown")]))
    tested = run("test", "policy.yaml")
    assert tested.returncode == REFUSED
    assert "FAIL  policy.yaml:22: npm:x@1.0.0: expected hold by cooldown, got allow\n7 of 8 cases pass.\n" in tested.stdout
    document = json.loads(run("test", path, "--json").stdout)
    assert (document["passed"], document["failed"]) == (7, 1)
    assert document["cases"][-1] == {"line": 22, "package": "npm:x@1.0.0", "expected": "hold by cooldown", "got": "allow",
                                     "passed": False}


def test_what_is_wrong_with_a_policy_is_said_with_its_line(run, tmp_path):
    (tmp_path / "policy.yaml").write_text("mode: audit\nrules:\n  a:\n    hold: {younger_then: 7d}\n")
    for verb in "check", "test":
        done = run(verb, "policy.yaml")
        assert done.returncode == REFUSED and not done.stdout
        assert done.stderr.startswith("packhouse: policy.yaml:4:12: unknown key 'younger_then'; here may stand younger_than,")
    assert run("check", "none.yaml").returncode == ABSENT
    assert run("check", tmp_path).returncode != DONE


@conformance("art-103")
def test_the_order_of_rules_changes_no_verdict(run, tmp_path):
    rng = random.Random(7)
    for _ in range(8):
        names, cases = list(RULES), list(CASES)
        rng.shuffle(names)
        rng.shuffle(cases)
        (tmp_path / "policy.yaml").write_text(policy(names, cases))
        document = json.loads(run("test", "policy.yaml", "--json").stdout)
        assert {(case["package"], case["got"]) for case in document["cases"]} == {(one, got) for one, _, got in CASES}


@pytest.mark.parametrize("name", ["open", "careful", "approved-only"])
def test_a_starting_set_can_be_printed_and_changed(run, tmp_path, name):
    assert run("test", name).returncode == DONE
    (tmp_path / "policy.yaml").write_text(run("example", name).stdout)
    tested = run("test", "policy.yaml")
    assert tested.returncode == DONE and tested.stdout.count("pass  policy.yaml:") >= 3
    assert run("example", "careless").returncode == USAGE


def test_the_page_of_the_language_has_a_policy_and_each_condition(run, tmp_path):
    page = (ROOT / "docs/policy-language.md").read_text()
    (tmp_path / "policy.yaml").write_text(re.search(r"^```text\n(.*?)^```$", page, re.M | re.S).group(1))
    assert run("test", "policy.yaml").stdout.endswith("2 of 2 cases pass.\n")
    (tmp_path / "policy.yaml").write_text("rules: {a: {hold: {none: true}}}\n")
    known = run("check", "policy.yaml").stderr.partition("here may stand ")[2].strip().split(", ")
    assert len(known) == 21 and all(re.search(rf"`{word}\b", page) for word in known)
