import math

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

TIDAL_HOURS = 12.42


async def health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def height(request: Request) -> JSONResponse:
    hour = float(request.query_params.get("hour", 0))
    return JSONResponse({"metres": round(2 + 1.5 * math.cos(2 * math.pi * hour / TIDAL_HOURS), 2)})


app = Starlette(routes=[Route("/health", health), Route("/height", height)])
