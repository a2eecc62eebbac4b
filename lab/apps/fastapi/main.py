from fastapi import FastAPI
from fastapi.responses import ORJSONResponse

from app.parcels import router
from app.settings import settings

app = FastAPI(title=settings.title, default_response_class=ORJSONResponse)
app.include_router(router)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
