import os

import psycopg2
from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/livez")
def livez():
    return jsonify(status="ok")


@app.get("/users")
def users():
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("select id, name from users order by id")
        return jsonify(cursor.fetchall())
