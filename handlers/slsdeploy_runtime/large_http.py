"""An HTTP answer that is more than Lambda (or a load balancer) takes -> 303 See Other to its object in the bucket; or a 413.

A client that follows it asks S3 with GET, and gets the answer with its type and encoding: our routes' and an ASGI application's alike.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from slsdeploy_runtime import large
from slsdeploy_runtime.http_event import JSON, Reply
from slsdeploy_runtime.json_text import to_json
from slsdeploy_runtime.service import Service

# what an application says of its body, and of keeping it: the 303 has another body, and its URL soon ends
_OF_THE_BODY = ("accept-ranges", "cache-control", "content-length", "content-type", "etag", "expires", "last-modified")
_WITH_THE_BODY = ("content-disposition", "content-encoding", "content-language")


def elsewhere(service: Service, reply: Reply, size: int, most: int, where: str) -> Reply:
    """Return what is answered in place of a reply of so many bytes, whatever goes wrong; `where` is its method and path."""
    if not large.bucket():
        advice = f"ask for fewer rows, or for gzip, or {large.REFUSED}"
        told = f"the answer has {size} bytes as Lambda wraps it, {most} can be answered: {advice}"
        return Reply(413, to_json({"error": told}))
    try:
        return _redirect(service, reply, where.partition(" ")[2])
    except Exception as error:
        service.telemetry.failure(error, where)
        return Reply(500, to_json({"error": "the function failed; its log says why"}))


def _redirect(service: Service, reply: Reply, path: str) -> Reply:
    about = {"content-type": reply.content_type, **dict(reply.headers)}
    key = large.key_of(service, "http", reply.content_type)
    kept = large.keep(service, reply.body, key, about)
    told = {**kept.pointer, **large.link(kept), "content_type": reply.content_type}
    if "content-encoding" in about:
        told["content_encoding"] = about["content-encoding"]
    if path.startswith("/v2/"):
        # a client of the protocol that does not follow takes this for an error, and shows what is below "error"
        told["error"] = f"the answer has {kept.bytes} bytes, more than can be answered: GET it from {told['url']}"
    left = [(name, text) for name, text in reply.headers if name not in _WITH_THE_BODY]
    return Reply(303, to_json(told), headers=(*left, ("location", told["url"])))


def of_application(service: Service, answer: Mapping[str, Any], most: int, where: str) -> dict[str, Any]:
    """Return an application's answer, as Mangum has made it, or what is answered in its place."""
    size = len(json.dumps(answer, ensure_ascii=False).encode())
    if size <= most or not 200 <= answer["statusCode"] < 300:
        return dict(answer)
    lists = "headers" not in answer  # a load balancer that wants every header as a list
    given: Mapping[str, Any] = answer["multiValueHeaders" if lists else "headers"]
    headers = {name.lower(): texts[-1] if lists else texts for name, texts in given.items()}
    body = b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    about = tuple((name, headers[name]) for name in (*_WITH_THE_BODY, large.LENGTH) if name in headers)
    kind = headers.get("content-type", "application/octet-stream")
    reply = elsewhere(service, Reply(answer["statusCode"], body, kind, about), size, most, where)
    dropped = (*_OF_THE_BODY, *_WITH_THE_BODY, large.LENGTH)
    kept = {name: texts for name, texts in given.items() if name.lower() not in dropped}
    more = {"content-type": JSON, **dict(reply.headers)}
    made = {**kept, **({name: [text] for name, text in more.items()} if lists else more)}
    replaced = {"statusCode": reply.status, "body": reply.body.decode(), "isBase64Encoded": False}
    return {**answer, **replaced, "multiValueHeaders" if lists else "headers": made}
