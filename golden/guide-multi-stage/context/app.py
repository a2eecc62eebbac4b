import os

import psycopg2
from flask import Flask

app = Flask(__name__)


@app.get("/health")
def health():
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection:
        connection.cursor().execute("select 1")
    return {"status": "ok"}


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
