"""The callback in Flask with wechatpy, as wechatpy's documentation shows it. Records nothing."""

from __future__ import annotations

import os

from flask import Flask, Response, abort, request
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.utils import check_signature

TOKEN = os.environ["TOKEN"]
app = Flask(__name__)


@app.get("/wechat/<slug>")
def callback(slug: str) -> Response:
    query = request.args
    try:
        check_signature(TOKEN, query["signature"], query["timestamp"], query["nonce"])
    except InvalidSignatureException:
        abort(403)
    return Response(query["echostr"], mimetype="text/plain")
