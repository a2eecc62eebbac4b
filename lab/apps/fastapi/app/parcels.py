from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

from .settings import settings

router = APIRouter(prefix="/parcels")


class Parcel(BaseModel):
    number: int
    to: str
    grams: int = Field(gt=0)


PARCELS = {
    parcel.number: parcel
    for parcel in (
        Parcel(number=1, to="Bergen", grams=850),
        Parcel(number=2, to="Porto", grams=12_400),
        Parcel(number=3, to="Gdańsk", grams=90),
    )
}


@router.get("")
def list_parcels(heavier_than: int = 0) -> list[Parcel]:
    heavy = [parcel for parcel in PARCELS.values() if parcel.grams > heavier_than]
    return heavy[: settings.page_size]


@router.get("/{number}")
def show_parcel(number: int) -> Parcel:
    if number not in PARCELS:
        raise HTTPException(status_code=404, detail="no such parcel")
    return PARCELS[number]
