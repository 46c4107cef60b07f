"""Pages of a Python index, read as clients read them."""

import html.parser
import json
import urllib.parse

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{JSON}, {HTML}; q=0.1, text/html; q=0.01"
UV = f"{JSON}, {HTML};q=0.2, text/html;q=0.01"
POETRY = f"{JSON}, */*;q=0.1"


class Anchors(html.parser.HTMLParser):
    """Attributes and text of each anchor."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.inside = tag == "a"
        if self.inside:
            self.found.append([dict(attributes), ""])

    def handle_data(self, data):
        if self.inside:
            self.found[-1][1] += data

    def handle_endtag(self, tag):
        self.inside = False


def no_key_twice(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


def read_strictly(body):
    """JSON in UTF-8 without a byte order mark, without NaN, without a key twice."""
    def refuse(word):
        raise AssertionError(word)
    return json.loads(body.decode("utf-8"), object_pairs_hook=no_key_twice, parse_constant=refuse)


def page_path(server, project):
    return f"{server.pypi}/simple/{project}/"


def json_page(server, project, path=None, **more):
    answer = server.get(path or page_path(server, project), headers={"Accept": JSON}, **more)
    assert answer.status == 200, answer
    return read_strictly(answer.body)


def html_page(server, project, path=None):
    """Pairs of attributes and text, one for each file."""
    answer = server.get(path or page_path(server, project))
    assert answer.status == 200, answer
    return [(attributes, text) for attributes, text in Anchors(answer.text).found]


def files_of(server, project, path=None):
    """File name to entry of the JSON page, with where its URL leads from the page."""
    path = path or page_path(server, project)
    files = {}
    for entry in json_page(server, project, path)["files"]:
        entry["path"] = urllib.parse.urljoin(path, entry["url"])
        files[entry["filename"]] = entry
    return files
