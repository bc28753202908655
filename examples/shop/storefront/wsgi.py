"""The shop's front: it says what it sells, and which release of it answers."""

import os

GREETING = "Welcome"


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path not in ("/", "/health"):
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is no such page.\n"]
    release = os.environ.get("FETTLE_RELEASE", "none")
    body = f"{GREETING} to the shop. Prices in {os.environ['CURRENCY']}. Release {release}.\n"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
