from flask import Flask, jsonify, render_template

from notes import database

app = Flask(__name__)


@app.get("/")
def index():
    return render_template("index.html", reachable=database.reachable())


@app.get("/health")
def health():
    return jsonify(status="ok", libpq=database.library_version() > 0)
