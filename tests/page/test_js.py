"""The page's JavaScript: unit tests by node's own runner, types by tsc, and how much of it there is."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import aqi_service
from aqi_service.core.badge import age_words

HERE = Path(__file__).parent / "js"
PAGE = Path(aqi_service.__file__).parent / "web" / "page"
TSC = HERE / "node_modules" / ".bin" / "tsc"
MOST_LINES = 1_500


def wanted(what: str | Path | None, advice: str) -> str:
    """Return the program; without it leave the test out, but fail it in CI."""
    if what is not None and Path(what).exists():
        return str(what)
    if os.environ.get("CI"):
        pytest.fail(advice)
    pytest.skip(advice)


def test_the_pure_parts_do_what_their_own_tests_say() -> None:
    node = wanted(shutil.which("node"), "there is no node: install Node.js 20 or newer")
    tests = sorted(map(str, HERE.glob("*.test.js")))
    done = subprocess.run([node, "--test", *tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE)


def test_the_page_says_an_age_in_the_words_of_a_badge() -> None:
    node = wanted(shutil.which("node"), "there is no node: install Node.js 20 or newer")
    ages = [sign * unit * count + off for unit in (60, 3600, 86_400) for count in (1, 2, 3, 119, 729, 730)
            for sign in (1, -1) for off in (-1, 0, 1)]  # fmt: skip
    asked = (
        f"import {{ ageWords }} from '{(PAGE / 'state.js').as_uri()}';"
        f"console.log(JSON.stringify({ages}.map((each) => ageWords(1000 * each))))"
    )
    done = subprocess.run([node, "--input-type=module", "-e", asked], capture_output=True, check=True)
    assert json.loads(done.stdout) == [age_words(each) for each in ages]


def test_the_types_of_the_page_agree() -> None:
    tsc = wanted(TSC, "there is no tsc: npm ci in tests/page/js")
    done = subprocess.run([tsc, "-p", str(HERE)], capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_types_of_all_modules_are_checked_and_none_is_long() -> None:
    modules = sorted(PAGE.glob("*.js"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in modules}
    assert [name for name, text in texts.items() if not text.startswith("// @ts-check\n")] == []
    assert len(texts["layer.js"].splitlines()) <= 120
    assert sum(map(lines_of_code, texts.values())) <= MOST_LINES


def lines_of_code(text: str) -> int:
    """Count the lines that are neither blank nor comment."""
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return sum(bool(line.strip()) and not line.strip().startswith("//") for line in bare.splitlines())


def test_no_text_becomes_markup_and_no_code_is_made_of_text() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|cookie"
    )
    for path in PAGE.glob("*.js"):
        assert forbidden.search(path.read_text(encoding="utf-8")) is None, path.name


def test_the_page_has_no_inline_style_and_no_inline_code() -> None:
    for path in PAGE.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert re.search(r"\sstyle=|\son[a-z]+=|<style|javascript:", text) is None, path.name
        assert re.search(r"<script(?![^>]*\ssrc=)", text) is None, path.name


def test_every_module_that_the_map_needs_is_asked_for_before_it_is_imported() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    needed, waiting = set[str](), ["map.js"]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            source = (PAGE / name).read_text(encoding="utf-8")
            waiting += re.findall(r"^import .* from '\./([a-z]+\.js)'", source, re.MULTILINE)
    assert set(re.findall(r'modulepreload" href="/page/([a-z]+\.js)"', text)) == needed - {"map.js"}


def test_the_lock_of_the_types_names_no_host() -> None:
    assert "://" not in (HERE / "package-lock.json").read_text(encoding="utf-8")
