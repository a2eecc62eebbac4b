from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    title: str = "Parcels"
    page_size: int = 20


settings = Settings()
