"""What tests of a page do with it again and again: open it, search it, read its rows."""

from __future__ import annotations

import json
import re
from pathlib import Path

READY = "document.documentElement.dataset.ready"
ROWS = "[...document.querySelectorAll('#list .row')]"
IDS = f"{ROWS}.map((row) => row.querySelector('.id').textContent)"


def opened(browser, path, fragment=""):
    page = browser.page()
    page.open(Path(path).absolute().as_uri() + fragment)
    page.wait(READY)
    return page


def chosen(page):
    """How many utterances the page says are chosen."""
    return int(re.match(r"[\d,]+", page.evaluate("document.getElementById('count').textContent"))[0].replace(",", ""))


def sort_by(page, name):
    page.evaluate(
        f"(() => {{ const sort = document.getElementById('sort'); sort.value = '{name}';"
        "sort.dispatchEvent(new Event('change')); })()"
    )


def type_query(page, text):
    page.evaluate(
        f"(() => {{ const query = document.getElementById('query'); query.value = {json.dumps(text)};"
        "query.dispatchEvent(new Event('input')); })()"
    )


def search(page, text):
    type_query(page, text)
    page.wait(f"new URLSearchParams(location.hash.slice(1)).get('q') === {json.dumps(text)}")
