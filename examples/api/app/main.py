import os

import psycopg2
from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
def health():
    return {"status": "ok"}


@app.get("/items")
def items():
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("select id, name from items order by id")
        return [{"id": row[0], "name": row[1]} for row in cursor]
