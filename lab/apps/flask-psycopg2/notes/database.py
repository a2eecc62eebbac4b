import os

import psycopg2


def library_version() -> int:
    return psycopg2.extensions.libpq_version()


def reachable() -> bool:
    try:
        psycopg2.connect(os.environ.get("DATABASE_URL", "host=127.0.0.1"), connect_timeout=1).close()
    except psycopg2.OperationalError:
        return False
    return True
