# SPDX-License-Identifier: MIT
"""What a private cache does, case by case, in the order of RFC 9111.

A case is a list of steps. Each step is one request, and says whether the origin may see it:

  hit       no request reaches the origin
  miss      one reaches it
  validate  one reaches it, with the conditions of the stored response
  any       both are right

`level` is the RFC's: must, should or may. A time in a header field is written {+60}: the date 60 s after the answer.
"""

import dataclasses


@dataclasses.dataclass
class Answer:
    status: int = 200
    fields: tuple = ()
    body: str = "body"


@dataclasses.dataclass
class Step:
    expect: str
    answer: Answer | None = None  # what the origin says if it is asked; absent: as before
    method: str = "GET"
    fields: tuple = ()
    wait: float = 0  # seconds before the request
    path: str = ""  # after the case's own path
    status: int | None = None
    body: str | None = None
    has: tuple = ()  # response fields with these values
    lacks: tuple = ()  # names of fields the response must not have
    sent: tuple = ()  # fields with which the request reaches the origin


@dataclasses.dataclass
class Case:
    section: str
    name: str
    level: str
    steps: list


CASES: list[Case] = []
LASTING = (("Cache-Control", "max-age=3600"),)


def case(section, name, level, *steps):
    CASES.append(Case(section, name, level, list(steps)))


def stored_then(section, name, level, stored, expect, asked=(), wait=0.0, status=200, **more):
    """A response is stored; is it used for the next request?"""
    case(section, name, level, Step("miss", Answer(status, tuple(stored))), Step(expect, None, "GET", tuple(asked), wait, **more))


def control(value, *more):
    return (("Cache-Control", value), *more)


# --- 3 Storing responses ---------------------------------------------------------------------------------------------

for code in (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501):
    stored_then("3", f"{code} with a lifetime", "may", LASTING, "hit", status=code)
    stored_then("4.2.2", f"{code} without a lifetime, not changed for long", "may", (("Last-Modified", "{-864000}"),), "hit", status=code)
for code in (201, 202, 302, 303, 307, 400, 403, 500, 502, 503, 504):
    stored_then("3", f"{code} with a lifetime", "may", LASTING, "hit", status=code)
    stored_then("4.2.2", f"{code} has no heuristic lifetime", "must", (("Last-Modified", "{-864000}"),), "miss", status=code)
for code in (299, 499, 599):
    stored_then("3", f"{code}, which has no name, with a lifetime", "may", LASTING, "hit", status=code)
    stored_then("5.2.2.3", f"{code}, which has no name, with must-understand", "must", control("max-age=3600, must-understand"), "miss", status=code)
for code in (428, 429, 431, 511):
    stored_then("3", f"{code} is never stored (RFC 6585)", "must", LASTING, "miss", status=code)
for code in (200, 203, 301, 404, 410):
    stored_then("4.2", f"{code} is not used when it is stale", "must", control("max-age=1"), "miss", status=code, wait=2.2)
stored_then("5.2.2.5", "no-store", "must", control("no-store, max-age=3600"), "miss")
stored_then("5.2.2.5", "No-StOrE", "must", control("No-StOrE, max-age=3600"), "miss")
stored_then("5.2.2.5", "no-store in the second line", "must", (("Cache-Control", "max-age=3600"), ("Cache-Control", "no-store")), "miss")
stored_then("5.2.2.5", "no-store within a quoted text is none", "may", control('x="no-store", max-age=3600'), "hit")
stored_then("5.2.2.3", "must-understand beats the no-store beside it", "may", control("max-age=3600, no-store, must-understand"), "hit")
case("5.2.1.5", "a request with no-store is not stored", "must", Step("miss", Answer(200, LASTING), fields=control("no-store")), Step("miss"))
for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
    case("3", f"a response to {method} does not answer a GET", "must", Step("miss", Answer(200, LASTING, "other"), method), Step("miss", Answer(200, LASTING)))
case("3", "a response to GET answers a HEAD", "may", Step("miss", Answer(200, LASTING)), Step("hit", method="HEAD", status=200))
case("3", "a response to HEAD does not answer a GET", "must", Step("miss", Answer(200, LASTING), "HEAD"), Step("miss", body="body"))
for method in ("POST", "PUT", "DELETE"):
    case("4", f"{method} is passed on although a GET is stored", "must", Step("miss", Answer(200, LASTING)), Step("miss", Answer(200, (), "done"), method, body="done"))
case("3.5", "a private cache stores the response to a request with Authorization", "may",
     Step("miss", Answer(200, LASTING), fields=(("Authorization", "Bearer a"),)), Step("hit", fields=(("Authorization", "Bearer a"),)))
stored_then("5.2.2.7", "private is for private caches", "may", control("private, max-age=3600"), "hit")
stored_then("5.2.2.10", "s-maxage is not for private caches", "may", control("s-maxage=1, max-age=3600"), "hit", wait=2.2)
stored_then("5.2.2.10", "s-maxage does not make a response last", "must", control("max-age=1, s-maxage=3600"), "miss", wait=2.2)
stored_then("5.2.2.9", "public with a lifetime", "may", control("public, max-age=3600"), "hit", status=302)
case("3", "an unfinished response is not stored as a whole", "must", Step("any", Answer(200, (*LASTING, ("X-Cut", "1")), "body")), Step("miss"))

# --- 3.1 Fields that are stored --------------------------------------------------------------------------------------

for name in ("Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info", "TE", "Upgrade"):
    value = "X-Other" if name == "Connection" else "x"
    case("3.1", f"{name} is not stored", "must", Step("miss", Answer(200, (*LASTING, (name, value)))), Step("hit", lacks=((name, value),)))
case("3.1", "a field that Connection names is not stored", "must", Step("miss", Answer(200, (*LASTING, ("Connection", "X-Hop"), ("X-Hop", "1")))), Step("hit", lacks=("X-Hop",)))
for name, value in (("Content-Type", "text/x"), ("Content-Language", "de"), ("Content-Location", "/x"), ("Content-Disposition", "inline"),
                    ("ETag", '"a"'), ("Last-Modified", "{-9000}"), ("Link", "</a>; rel=next"), ("Set-Cookie", "a=b"), ("X-Own", "1"),
                    ("Content-Security-Policy", "default-src 'self'"), ("Server", "x"), ("Allow", "GET"), ("Vary", "X-None")):
    fields = (*LASTING, (name, value))
    case("3.1", f"{name} is stored", "must", Step("miss", Answer(200, fields)), Step("hit", has=() if value.startswith("{") else ((name, value),)))

# --- 3.2 Updating stored fields --------------------------------------------------------------------------------------

for name, old, new in (("X-Own", "1", "2"), ("Set-Cookie", "a=1", "a=2"), ("Content-Disposition", "inline", "attachment"), ("Link", "<a>", "<b>"),
                       ("Content-Security-Policy", "a", "b"), ("Content-Language", "de", "fr"), ("Server", "x", "y"), ("X-Frame-Options", "DENY", "SAMEORIGIN")):
    case("3.2", f"a 304 replaces {name}", "must",
         Step("miss", Answer(200, (("Cache-Control", "max-age=1"), ("ETag", '"a"'), (name, old)))),
         Step("validate", Answer(304, (("Cache-Control", "max-age=3600"), ("ETag", '"a"'), (name, new)), ""), wait=2.2, status=200, body="body", has=((name, new),)),
         Step("hit", has=((name, new),)))
for name, old, new in (("Content-Length", "4", "9"), ("Content-Encoding", "identity", "gzip"), ("Content-Range", "", "bytes 0-1/2")):
    fields = (("Cache-Control", "max-age=1"), ("ETag", '"a"')) + (((name, old),) if old and name != "Content-Length" else ())
    case("3.2", f"a 304 does not replace {name}", "must", Step("miss", Answer(200, fields)),
         Step("validate", Answer(304, (("Cache-Control", "max-age=3600"), ("ETag", '"a"'), (name, new)), ""), wait=2.2, status=200, body="body", lacks=((name, new),)))
case("3.2", "a 304 makes the response fresh again", "should",
     Step("miss", Answer(200, (("Cache-Control", "max-age=1"), ("ETag", '"a"')))),
     Step("validate", Answer(304, (("Cache-Control", "max-age=3600"), ("ETag", '"a"')), ""), wait=2.2, status=200),
     Step("hit", wait=2.2, status=200, body="body"))
case("3.2", "a 304 with Expires makes it fresh again", "should",
     Step("miss", Answer(200, (("Expires", "{+1}"), ("ETag", '"a"')))),
     Step("validate", Answer(304, (("Expires", "{+3600}"), ("ETag", '"a"')), ""), wait=2.2, status=200),
     Step("hit", wait=1.2))
case("3.2", "a 304 without fields of its own keeps the old ones", "should",
     Step("miss", Answer(200, (("Cache-Control", "max-age=1"), ("ETag", '"a"'), ("X-Own", "1")))),
     Step("validate", Answer(304, (), ""), wait=2.2, status=200, body="body", has=(("X-Own", "1"),)))

# --- 3.3 and 14 of RFC 9110: parts -----------------------------------------------------------------------------------

WHOLE = Answer(200, (*LASTING, ("ETag", '"a"')), "0123456789")
for text, body in (("bytes=0-1", "01"), ("bytes=2-4", "234"), ("bytes=8-", "89"), ("bytes=-3", "789"), ("bytes=5-99", "56789")):
    case("3.3", f"{text} of a stored whole", "may", Step("miss", WHOLE), Step("hit", fields=(("Range", text),), status=206, body=body))
case("3.3", "a whole response although a part is asked for, by If-Range", "must", Step("miss", WHOLE), Step("any", fields=(("Range", "bytes=0-1"), ("If-Range", '"b"')), status=200, body="0123456789"))
case("3.3", "a part, by an If-Range that holds", "may", Step("miss", WHOLE), Step("hit", fields=(("Range", "bytes=0-1"), ("If-Range", '"a"')), status=206, body="01"))
PART = Answer(206, (*LASTING, ("ETag", '"a"'), ("Content-Range", "bytes 2-6/10")), "23456")
case("3.3", "a part does not answer a request for the whole", "must", Step("miss", PART, fields=(("Range", "bytes=2-6"),), status=206), Step("miss", WHOLE, body="0123456789"))
case("3.3", "a part answers the same request", "may", Step("miss", PART, fields=(("Range", "bytes=2-6"),), status=206), Step("hit", fields=(("Range", "bytes=2-6"),), status=206, body="23456"))
case("3.3", "a part answers a part of itself", "may", Step("miss", PART, fields=(("Range", "bytes=2-6"),), status=206), Step("hit", fields=(("Range", "bytes=3-5"),), status=206, body="345"))
case("3.3", "a part does not answer a larger one", "must", Step("miss", PART, fields=(("Range", "bytes=2-6"),), status=206), Step("miss", fields=(("Range", "bytes=1-6"),)))
case("3.3", "unknown range units are passed on or ignored", "must", Step("miss", WHOLE), Step("any", WHOLE, fields=(("Range", "lines=0-1"),), status=200, body="0123456789"))

# --- 4.1 Vary --------------------------------------------------------------------------------------------------------

VARY = (*LASTING, ("Vary", "X-Key"))


def varied(name, level, vary, first, second, expect):
    case("4.1", name, level, Step("miss", Answer(200, (*LASTING, ("Vary", vary)), "one"), fields=first),
         Step(expect, Answer(200, (*LASTING, ("Vary", vary)), "two"), fields=second, body="one" if expect == "hit" else "two" if expect == "miss" else None))


varied("equal values", "may", "X-Key", (("X-Key", "a"),), (("X-Key", "a"),), "hit")
varied("other values", "must", "X-Key", (("X-Key", "a"),), (("X-Key", "b"),), "miss")
varied("values differ in case", "must", "X-Key", (("X-Key", "a"),), (("X-Key", "A"),), "miss")
varied("the name has another case", "may", "x-kEY", (("X-Key", "a"),), (("X-Key", "a"),), "hit")
varied("the name has another case, other values", "must", "x-kEY", (("X-Key", "a"),), (("X-Key", "b"),), "miss")
varied("both without the field", "may", "X-Key", (), (), "hit")
varied("the field comes", "must", "X-Key", (), (("X-Key", "a"),), "miss")
varied("the field goes", "must", "X-Key", (("X-Key", "a"),), (), "miss")
varied("two names, both equal", "may", "X-Key, X-More", (("X-Key", "a"), ("X-More", "b")), (("X-More", "b"), ("X-Key", "a")), "hit")
varied("two names, the second differs", "must", "X-Key, X-More", (("X-Key", "a"), ("X-More", "b")), (("X-Key", "a"), ("X-More", "c")), "miss")
varied("three names with spaces", "must", " X-Key ,X-More , X-Third", (("X-Third", "a"),), (("X-Third", "b"),), "miss")
varied("everything", "must", "*", (), (), "miss")
varied("everything, among others", "must", "X-Key, *", (("X-Key", "a"),), (("X-Key", "a"),), "miss")
varied("everything, first", "must", "*, X-Key", (("X-Key", "a"),), (("X-Key", "a"),), "miss")
varied("an empty member", "may", "X-Key,, ", (("X-Key", "a"),), (("X-Key", "a"),), "hit")
varied("fields that are not named do not matter", "may", "X-Key", (("X-Key", "a"), ("X-Other", "1")), (("X-Key", "a"), ("X-Other", "2")), "hit")
varied("white space in a list", "may", "Accept", (("Accept", "a/b, c/d"),), (("Accept", "a/b,c/d"),), "hit")
varied("two lines are one list", "may", "X-Key", (("X-Key", "a"), ("X-Key", "b")), (("X-Key", "a, b"),), "hit")
varied("languages have no case", "may", "Accept-Language", (("Accept-Language", "de-DE"),), (("Accept-Language", "DE-de"),), "hit")
varied("other languages", "must", "Accept-Language", (("Accept-Language", "de"),), (("Accept-Language", "fr"),), "miss")
case("4.1", "Vary in two lines", "must", Step("miss", Answer(200, (*LASTING, ("Vary", "X-Key"), ("Vary", "X-More"))), fields=(("X-More", "a"),)), Step("miss", fields=(("X-More", "b"),)))
case("4.1", "both variants are kept", "may", Step("miss", Answer(200, VARY, "one"), fields=(("X-Key", "a"),)), Step("miss", Answer(200, VARY, "two"), fields=(("X-Key", "b"),)),
     Step("hit", fields=(("X-Key", "a"),), body="one"), Step("hit", fields=(("X-Key", "b"),), body="two"))
case("4", "another query is another resource", "must", Step("miss", Answer(200, LASTING)), Step("miss", path="?x=1"))
case("4", "the same query", "may", Step("miss", Answer(200, LASTING), path="?x=1"), Step("hit", path="?x=1"))
case("4", "another path is another resource", "must", Step("miss", Answer(200, LASTING)), Step("miss", path="/x"))

# --- 4.2 Freshness ---------------------------------------------------------------------------------------------------

for value, level in (("max-age=3600", "may"), ("MAX-AGE=3600", "may"), ('max-age="3600"', "may"), ("max-age=2147483647", "may"), ("max-age=2147483648", "may"),
                     ("max-age=99999999999999999999", "may"), ("max-age=003600", "may"), ("x, max-age=3600", "may"), ("max-age=3600, x=1", "may"), ("max-age=3600,", "may"),
                     (", ,max-age=3600", "may"), ('x="1,2", max-age=3600', "may"), ('x="\\"", max-age=3600', "may"), ("public,max-age=3600", "may")):
    stored_then("4.2.1", f"Cache-Control: {value}", level, control(value), "hit")
for value in ("max-age=0", "max-age=-1", "max-age=-3600", "max-age=3600s", "max-age=1h", "max-age=a3600", "max-age='3600'", "max-age", "max-age=", 'x="max-age=3600"',
              "max-age3600", "xmax-age=3600", "max-agex=3600", 'max-age=1, x="max-age=3600"', 'x="max-age=3600", max-age=1'):
    stored_then("4.2.1", f"Cache-Control: {value} is not fresh", "must" if "=-" not in value else "should", control(value), "miss", wait=2.2)
for value in ("max-age=3600.0", "max-age=3.6e3"):
    stored_then("4.2.1", f"Cache-Control: {value} is malformed", "should", control(value), "miss")
stored_then("4.2", "fresh within max-age", "may", control("max-age=30"), "hit", wait=2.2)
stored_then("4.2", "stale after max-age", "must", control("max-age=1"), "miss", wait=2.2)
stored_then("5.3", "Expires in the future", "may", (("Expires", "{+3600}"),), "hit")
stored_then("5.3", "Expires in the past", "must", (("Expires", "{-3600}"),), "miss")
stored_then("5.3", "Expires now", "must", (("Expires", "{+0}"),), "miss", wait=1.2)
stored_then("5.3", "Expires passes", "must", (("Expires", "{+1}"),), "miss", wait=2.2)
for value in ("0", "-1", "1", "3600", "now", "Thu, 99 Nov 2099 12:00:00 GMT", "Thu, 26 Nov 2099 12:00:00 CET", "Thu, 26 Nov 2099 12:00:00 +0000", "Thu, 26 Nov 2099 12:00:00",
              "26 Nov 2099 12:00:00 GMT", "Thu, 26-Nov-2099 12:00:00 GMT", "Thu 26 Nov 2099 12:00:00 GMT", "Thu, 26 Nov 2099 12.00.00 GMT", "Thu, 26 Nov 2099 25:00:00 GMT",
              "2099-11-26T12:00:00Z", "Thu, 26  Nov 2099 12:00:00 GMT", "Thu, 26 November 2099 12:00:00 GMT", ""):
    stored_then("5.3", f"Expires: {value or '(empty)'} is in the past", "must", (("Expires", value),), "miss")
stored_then("5.3", "Expires in the form of RFC 850", "must", (("Expires", "Thursday, 26-Nov-74 12:00:00 GMT"),), "hit")
stored_then("5.3", "Expires in the form of asctime", "must", (("Expires", "Thu Nov 26 12:00:00 2099"),), "hit")
stored_then("5.3", "max-age beats an Expires in the past", "must", (*LASTING, ("Expires", "{-3600}")), "hit")
stored_then("5.3", "max-age beats an Expires that is malformed", "must", (*LASTING, ("Expires", "0")), "hit")
stored_then("5.3", "max-age beats an Expires in the future", "must", control("max-age=1", ("Expires", "{+3600}")), "miss", wait=2.2)
stored_then("5.3", "Expires is measured by Date", "should", (("Date", "{-7200}"), ("Expires", "{-3600}")), "miss")
stored_then("4.2.3", "Age is part of the age", "must", (*LASTING, ("Age", "7200")), "miss")
stored_then("4.2.3", "Age below the lifetime", "may", (*LASTING, ("Age", "1800")), "hit")
stored_then("4.2.3", "Age and the time in the cache", "must", control("max-age=3", ("Age", "2")), "miss", wait=2.2)
stored_then("4.2.3", "Age with Expires", "must", (("Expires", "{+3600}"), ("Age", "7200")), "miss")
stored_then("4.2.3", "an old Date", "must", (*LASTING, ("Date", "{-7200}")), "miss")
for value in ("0", "", "abc", "-7200", "7200.0", "7200;x=y", '"7200"', "7200s", "a7200", "0, 7200"):
    stored_then("5.1", f"Age: {value or '(empty)'} is none", "should", (*LASTING, ("Age", value)), "hit")
for value in ("7200", "07200", "2147483647", "2147483648", "99999999999999", "7200, 0"):
    stored_then("5.1", f"Age: {value} is old", "must", (*LASTING, ("Age", value)), "miss")
stored_then("4.2.2", "a heuristic lifetime", "may", (("Last-Modified", "{-864000}"),), "hit")
stored_then("4.2.2", "no heuristic for a response that has just changed", "should", (("Last-Modified", "{-1}"),), "any", wait=2.2)
stored_then("4.2.2", "a lifetime of its own beats the heuristic", "must", control("max-age=1", ("Last-Modified", "{-864000}")), "miss", wait=2.2)
stored_then("4.2.2", "an Expires in the past beats the heuristic", "must", (("Expires", "{-1}"), ("Last-Modified", "{-864000}")), "miss")
case("4.2.3", "a hit has an Age", "must", Step("miss", Answer(200, LASTING)), Step("hit", wait=2.2, has=(("Age", ("1", "2", "3")),)))
case("4.2.3", "a hit adds to the Age that came", "must", Step("miss", Answer(200, (*LASTING, ("Age", "100")))), Step("hit", wait=2.2, has=(("Age", ("101", "102", "103")),)))
case("4.2.3", "a hit keeps the Date", "must", Step("miss", Answer(200, (*LASTING, ("Date", "{-5}"), ("X-Date", "{-5}")))), Step("hit", wait=1.2, has=(("Date", "=X-Date"),)))

# --- 4.2.4 Stale responses -------------------------------------------------------------------------------------------

stored_then("5.2.2.4", "no-cache is validated", "must", control("no-cache, max-age=3600", ("ETag", '"a"')), "miss")
stored_then("5.2.2.4", "No-CaChE", "must", control("No-CaChE, max-age=3600"), "miss")
case("5.2.2.4", "no-cache is stored and validated", "may", Step("miss", Answer(200, control("no-cache", ("ETag", '"a"')))), Step("validate", Answer(304, (("ETag", '"a"'),), ""), status=200, body="body"))
case("5.2.2.4", "a field that no-cache names is not sent", "must", Step("miss", Answer(200, control('max-age=3600, no-cache="X-Once"', ("X-Once", "1"), ("X-More", "1")))), Step("any", Answer(200, LASTING), lacks=("X-Once",)))
case("5.2.2.4", "two fields that no-cache names", "must", Step("miss", Answer(200, control('max-age=3600, no-cache="X-Once, X-Two"', ("X-Once", "1"), ("X-Two", "1")))), Step("any", Answer(200, LASTING), lacks=("X-Once", "X-Two")))
stored_then("5.2.2.2", "must-revalidate, fresh", "may", control("max-age=3600, must-revalidate"), "hit")
stored_then("5.2.2.2", "must-revalidate, stale", "must", control("max-age=1, must-revalidate"), "miss", wait=2.2)
stored_then("5.2.2.2", "must-revalidate, although the request takes stale ones", "must", control("max-age=1, must-revalidate"), "miss", asked=control("max-stale=3600"), wait=2.2)
stored_then("5.2.2.8", "proxy-revalidate is for shared caches", "may", control("max-age=3600, proxy-revalidate"), "hit")
stored_then("5.4", "Pragma in a response means nothing", "may", (*LASTING, ("Pragma", "no-cache")), "hit")
stored_then("5861", "stale-while-revalidate, fresh", "may", control("max-age=3600, stale-while-revalidate=3600"), "hit")
stored_then("5861", "stale-while-revalidate is over", "must", control("max-age=1, stale-while-revalidate=1"), "miss", wait=3.3)
case("5861", "stale-if-error and a 503", "may", Step("miss", Answer(200, control("max-age=1, stale-if-error=3600"))), Step("miss", Answer(503, (), "down"), wait=2.2, status=200, body="body"))
case("5861", "stale-if-error and a 500", "may", Step("miss", Answer(200, control("max-age=1, stale-if-error=3600"))), Step("miss", Answer(500, (), "down"), wait=2.2, status=200, body="body"))
case("5861", "stale-if-error is over", "must", Step("miss", Answer(200, control("max-age=1, stale-if-error=1"))), Step("miss", Answer(503, (), "down"), wait=3.3, status=503))
case("5861", "stale-if-error and a 404", "must", Step("miss", Answer(200, control("max-age=1, stale-if-error=3600"))), Step("miss", Answer(404, (), "gone"), wait=2.2, status=404))
case("5861", "must-revalidate beats stale-if-error", "must", Step("miss", Answer(200, control("max-age=1, must-revalidate, stale-if-error=3600"))), Step("miss", Answer(503, (), "down"), wait=2.2, status=503))

# --- 4.3 Validation --------------------------------------------------------------------------------------------------

case("4.3.1", "a validation has the stored ETag", "must", Step("miss", Answer(200, control("max-age=1", ("ETag", '"a"')))), Step("validate", Answer(304, (("ETag", '"a"'),), ""), wait=2.2, status=200, body="body", sent=(("If-None-Match", '"a"'),)))
case("4.3.1", "a validation has the stored weak ETag", "must", Step("miss", Answer(200, control("max-age=1", ("ETag", 'W/"a"')))), Step("validate", Answer(304, (("ETag", 'W/"a"'),), ""), wait=2.2, status=200, body="body", sent=(("If-None-Match", 'W/"a"'),)))
case("4.3.1", "a validation has the stored time", "should", Step("miss", Answer(200, control("max-age=1", ("Last-Modified", "Thu, 26 Nov 2020 12:00:00 GMT")))),
     Step("validate", Answer(304, (), ""), wait=2.2, status=200, body="body", sent=(("If-Modified-Since", "Thu, 26 Nov 2020 12:00:00 GMT"),)))
case("4.3.3", "a 200 replaces what is stored", "must", Step("miss", Answer(200, control("max-age=1", ("ETag", '"a"')), "old")), Step("validate", Answer(200, (*LASTING, ("ETag", '"b"')), "new"), wait=2.2, body="new"), Step("hit", body="new"))
case("4.3.3", "a 500 of a validation is passed on", "should", Step("miss", Answer(200, control("max-age=1", ("ETag", '"a"')))), Step("validate", Answer(500, (), "down"), wait=2.2, status=500))
case("4.3.3", "a 404 of a validation is passed on", "must", Step("miss", Answer(200, control("max-age=1", ("ETag", '"a"')))), Step("validate", Answer(404, (), "gone"), wait=2.2, status=404))
for tags, level in (('"a"', "may"), ('W/"a"', "may"), ('"x", "a"', "may"), ('"x", W/"a"', "may"), ("*", "may")):
    case("4.3.2", f"If-None-Match: {tags} and a stored response", level, Step("miss", WHOLE), Step("hit", fields=(("If-None-Match", tags),), status=304))
for tags in ('"b"', '"A"', 'a', '"aa"'):
    case("4.3.2", f"If-None-Match: {tags} is another version", "must", Step("miss", WHOLE), Step("any", WHOLE, fields=(("If-None-Match", tags),), status=200, body="0123456789"))
MODIFIED = Answer(200, (*LASTING, ("Last-Modified", "Thu, 26 Nov 2020 12:00:00 GMT")), "0123456789")
case("4.3.2", "If-Modified-Since, equal", "may", Step("miss", MODIFIED), Step("hit", fields=(("If-Modified-Since", "Thu, 26 Nov 2020 12:00:00 GMT"),), status=304))
case("4.3.2", "If-Modified-Since, later", "may", Step("miss", MODIFIED), Step("hit", fields=(("If-Modified-Since", "Thu, 26 Nov 2020 13:00:00 GMT"),), status=304))
case("4.3.2", "If-Modified-Since, earlier", "must", Step("miss", MODIFIED), Step("any", MODIFIED, fields=(("If-Modified-Since", "Thu, 26 Nov 2020 11:00:00 GMT"),), status=200))
case("4.3.2", "If-Modified-Since that is no date is ignored", "must", Step("miss", MODIFIED), Step("any", MODIFIED, fields=(("If-Modified-Since", "yesterday"),), status=200))
case("4.3.2", "If-None-Match beats If-Modified-Since", "must", Step("miss", Answer(200, (*LASTING, ("ETag", '"a"'), ("Last-Modified", "Thu, 26 Nov 2020 12:00:00 GMT")))),
     Step("any", fields=(("If-None-Match", '"b"'), ("If-Modified-Since", "Thu, 26 Nov 2020 12:00:00 GMT")), status=200))
case("4.3.2", "If-Match is for the server", "must", Step("miss", WHOLE), Step("miss", Answer(412, (), "no"), fields=(("If-Match", '"b"'),), status=412))
case("4.3.2", "If-Unmodified-Since is for the server", "must", Step("miss", WHOLE), Step("miss", Answer(412, (), "no"), fields=(("If-Unmodified-Since", "Thu, 26 Nov 2020 12:00:00 GMT"),), status=412))
case("4.3.1", "the client's conditions are passed on if nothing is stored", "must", Step("miss", Answer(304, (("ETag", '"a"'),), ""), fields=(("If-None-Match", '"a"'),), status=304, sent=(("If-None-Match", '"a"'),)))
case("4.3.1", "a 304 for the client's own version is not stored", "must", Step("miss", Answer(304, (("ETag", '"x"'), *LASTING), ""), fields=(("If-None-Match", '"x"'),), status=304), Step("miss", WHOLE, status=200, body="0123456789"))
case("4.3.2", "a stale response and the client's condition: both are decided", "must", Step("miss", Answer(200, control("max-age=1", ("ETag", '"a"')))),
     Step("validate", Answer(304, (("ETag", '"a"'),), ""), fields=(("If-None-Match", '"a"'),), wait=2.2, status=304))
case("4.3.5", "a response to HEAD refreshes a stored GET", "may", Step("miss", Answer(200, control("max-age=1", ("ETag", '"a"')))),
     Step("any", Answer(200, (*LASTING, ("ETag", '"a"'), ("Content-Length", "4"))), "HEAD", wait=2.2), Step("hit", body="body"))
case("4.3.5", "a response to HEAD with another ETag makes a stored GET stale", "should", Step("miss", Answer(200, control("max-age=3", ("ETag", '"a"')), "old")),
     Step("miss", Answer(200, (*LASTING, ("ETag", '"b"'))), "HEAD", control("no-cache")), Step("miss", Answer(200, (*LASTING, ("ETag", '"b"')), "new"), body="new"))

# --- 4.4 Invalidation ------------------------------------------------------------------------------------------------

for method in ("POST", "PUT", "DELETE", "PATCH"):
    case("4.4", f"{method} drops what is stored", "must", Step("miss", Answer(200, LASTING)), Step("miss", Answer(200, (), "done"), method), Step("miss", Answer(200, LASTING)))
    case("4.4", f"{method} that fails drops nothing", "may", Step("miss", Answer(200, LASTING)), Step("miss", Answer(500, (), "down"), method), Step("hit"))
case("4.4", "a redirect after POST drops what is stored", "must", Step("miss", Answer(200, LASTING)), Step("miss", Answer(303, (("Location", "/elsewhere"),), ""), "POST"), Step("miss", Answer(200, LASTING)))
for name in ("Location", "Content-Location"):
    case("4.4", f"POST drops what its {name} names", "may", Step("miss", Answer(200, LASTING), path="/other"), Step("miss", Answer(201, ((name, "{path}/other"),), ""), "POST"), Step("miss", Answer(200, LASTING), path="/other"))
for method in ("OPTIONS", "HEAD"):
    case("4.4", f"{method} drops nothing", "may", Step("miss", Answer(200, LASTING)), Step("any", Answer(200, LASTING, ""), method), Step("hit"))

# --- 5.2.1 Requests --------------------------------------------------------------------------------------------------

stored_then("5.2.1.1", "request max-age=0", "should", LASTING, "miss", asked=control("max-age=0"))
stored_then("5.2.1.1", "request max-age below the age", "should", LASTING, "miss", asked=control("max-age=1"), wait=2.2)
stored_then("5.2.1.1", "request max-age above the age", "may", LASTING, "hit", asked=control("max-age=600"))
stored_then("5.2.1.1", "request max-age and an Age that came", "should", (*LASTING, ("Age", "1800")), "miss", asked=control("max-age=600"))
stored_then("5.2.1.2", "request max-stale", "may", control("max-age=1"), "hit", asked=control("max-stale=3600"), wait=2.2)
stored_then("5.2.1.2", "request max-stale without a value", "may", control("max-age=1"), "hit", asked=control("max-stale"), wait=2.2)
stored_then("5.2.1.2", "request max-stale that is too short", "must", control("max-age=1"), "miss", asked=control("max-stale=1"), wait=3.3)
stored_then("5.2.1.3", "request min-fresh that is left", "may", LASTING, "hit", asked=control("min-fresh=600"))
stored_then("5.2.1.3", "request min-fresh that is not left", "should", control("max-age=600"), "miss", asked=control("min-fresh=3600"))
stored_then("5.2.1.4", "request no-cache", "must", LASTING, "miss", asked=control("no-cache"))
case("5.2.1.4", "request no-cache validates", "should", Step("miss", WHOLE), Step("validate", Answer(304, (("ETag", '"a"'),), ""), fields=control("no-cache"), status=200, body="0123456789"))
stored_then("5.4", "request Pragma: no-cache", "should", LASTING, "miss", asked=(("Pragma", "no-cache"),))
case("5.2.1.7", "only-if-cached, stored", "must", Step("miss", Answer(200, LASTING)), Step("hit", fields=control("only-if-cached"), status=200))
case("5.2.1.7", "only-if-cached, not stored", "must", Step("hit", Answer(200, LASTING), fields=control("only-if-cached"), status=504))
case("5.2.1.7", "only-if-cached, stale", "must", Step("miss", Answer(200, control("max-age=1"))), Step("hit", fields=control("only-if-cached"), wait=2.2, status=504))
stored_then("5.2.3", "unknown request directives mean nothing", "must", LASTING, "hit", asked=control("x=1, y"))
stored_then("5.2.3", "unknown response directives mean nothing", "must", control('max-age=3600, x="a, b", y'), "hit")
stored_then("5.2.2.1", "immutable with a lifetime", "may", control("max-age=3600, immutable"), "hit")
