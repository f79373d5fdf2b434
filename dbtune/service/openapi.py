"""The OpenAPI 3.1 document: each report under the JSON Schema that ``dbtune schema`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dbtune import __version__

if TYPE_CHECKING:
    from dbtune.service.http import Resource

_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_REASONS = {
    400: "The request can't be read.",
    401: "The token is missing or wrong.",
    404: "No such target, or not for its engine.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    422: "The target can't be asked this; the error says why.",
    429: "Too much is being asked at once.",
    500: "A bug in dbtune.",
    503: "The target could not be reached, or did not answer in time.",
}


def openapi(
    offered: Sequence[Resource],
    targets: Sequence[str],
    schemas: Mapping[str, Mapping[str, Any]],
    *,
    secured: bool,
) -> dict[str, Any]:
    """The document.

    Args:
        offered: the reports.
        targets: names that the parameter ``target`` may have.
        schemas: the JSON Schema of each command's output.
        secured: whether a token is asked for.
    """
    target = {
        "name": "target",
        "in": "query",
        "description": f"Which target; {targets[0]} without it.",
        "schema": {"type": "string", "enum": list(targets)},
    }
    tag = {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of what the client has.",
        "schema": {"type": "string"},
    }
    paths: dict[str, Any] = {
        one.route: {
            "get": {
                "operationId": one.path or "page",
                "summary": one.help,
                "description": f"Made anew at most every {one.seconds:g} s; "
                f"for {', '.join(one.engines)}.",
                "parameters": [target, tag],
                "responses": {
                    "200": _report(one),
                    "304": {"description": "The client has it."},
                    **_errors(401, 404, 422, 429, 500, 503),
                },
            }
        }
        for one in offered
    }
    sql = {
        "type": "object",
        "properties": {
            "sql": {"type": "string", "minLength": 1, "description": "The statement."},
            "target": target["schema"],
        },
        "required": ["sql"],
    }
    paths["/api/v1/analyze-query"] = {
        "post": {
            "operationId": "analyze-query",
            "summary": "The plan of a statement, which is not executed, and what is wrong with it.",
            "requestBody": {"required": True, "content": {"application/json": {"schema": sql}}},
            "responses": {
                "200": _json("The report.", {"$ref": "#/components/schemas/explain"}),
                **_errors(400, 401, 404, 413, 415, 422, 429, 500, 503),
            },
        }
    }
    listed = {
        "type": "object",
        "properties": {
            "targets": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "target": {"type": "string"},
                        "engine": {"type": "string"},
                        "reports": {"type": "array", "items": {"type": "string"}},
                    },
                    "required": ["target", "engine", "reports"],
                },
            },
            "dbtune_version": {"type": "string"},
        },
        "required": ["targets", "dbtune_version"],
    }
    paths["/api/v1/targets"] = _get("targets", "What is served.", _json("The targets.", listed))
    plain = {"description": "As Prometheus scrapes it.", "content": {"text/plain": {}}}
    paths["/metrics"] = _get("metrics", "Findings, numbers and ages of reports.", plain)
    alive = {"description": "It is.", "content": {"text/plain": {}}}
    paths["/healthz"] = _get("healthz", "Whether the service is alive; asks no target.", alive)
    paths["/healthz"]["get"]["security"] = []
    used = {one.command for one in offered if one.path} | {"explain"}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "dbtune",
            "version": __version__,
            "description": "What dbtune finds, kept for a while: polling costs a target nothing.",
        },
        "paths": paths,
        "components": {"schemas": {name: dict(schemas[name]) for name in sorted(used)}},
    }
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _report(one: Resource) -> dict[str, Any]:
    if one.media_type != "application/json":
        return {"description": "The page.", "content": {one.media_type: {}}}
    return _json("The report.", {"$ref": f"#/components/schemas/{one.command}"})


def _json(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _errors(*codes: int) -> dict[str, Any]:
    return {str(code): _json(_REASONS[code], _ERROR) for code in codes}


def _get(name: str, summary: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    responses = {"200": answer, **_errors(401)}
    return {"get": {"operationId": name, "summary": summary, "responses": responses}}
