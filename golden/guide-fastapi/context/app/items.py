from fastapi import APIRouter

router = APIRouter(prefix="/items")


@router.get("/")
def items():
    return [{"id": 1, "name": "first"}]
