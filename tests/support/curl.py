"""As much of curl as the lines that `examples/run` prints ask for; tests put it on PATH where there is no curl."""

from __future__ import annotations

import argparse
import sys
from http.client import HTTPMessage
from http.cookiejar import MozillaCookieJar
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, ProxyHandler, Request, build_opener


class StayHere(HTTPRedirectHandler):
    """Like curl without -L, follow no redirect."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def main(arguments: list[str]) -> None:
    options = read(arguments)
    jar = MozillaCookieJar()
    if options.cookie and Path(options.cookie).exists():
        jar.load(options.cookie, ignore_discard=True)
    request = Request(options.url, options.data and options.data.encode())
    for header in options.header:
        name, _, value = header.partition(":")
        request.add_header(name, value.strip())
    answer = ask(jar, request)
    if options.include:
        print(f"HTTP/1.1 {answer.status} {answer.reason}\n{answer.headers}", end="")
    print(answer.read().decode(), end="")
    if options.cookie_jar:
        jar.save(options.cookie_jar, ignore_discard=True)


def read(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-s", "--silent", action="store_true")
    parser.add_argument("-i", "--include", action="store_true")
    parser.add_argument("-b", "--cookie")
    parser.add_argument("-c", "--cookie-jar")
    parser.add_argument("-H", "--header", action="append", default=[])
    parser.add_argument("-d", "--data")
    parser.add_argument("url")
    return parser.parse_args(arguments)


def ask(jar: MozillaCookieJar, request: Request) -> Any:
    try:
        return build_opener(ProxyHandler({}), StayHere, HTTPCookieProcessor(jar)).open(request, timeout=30)
    except HTTPError as answer:
        # A redirect is one, too; its cookies have been kept by now.
        return answer


if __name__ == "__main__":
    main(sys.argv[1:])
