# SPDX-License-Identifier: MIT
"""server.py PORT: a document on every path, 10 a second and address, by Flask-Limiter (a moving window)."""

import sys

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from waitress import serve

app = Flask(__name__)
Limiter(
    get_remote_address, app=app, default_limits=["10 per second"], strategy="moving-window", storage_uri="memory://"
)


@app.get("/<path:name>")
def document(name):
    return "a document\n"


serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=64)
