"""`/docs`: the API's reference, by Swagger UI from this server."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.web.rendering import INLINE_IMAGES, render

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_reference(request: Request) -> Response:
    """Every endpoint of this face, to read and to try."""
    return render(request, "docs.html", policy=INLINE_IMAGES)


@router.get("/redoc")
async def get_other_reference() -> Response:
    """FastAPI's other address of the same."""
    return RedirectResponse("/docs", 308)
