import sys

import httpx


def main():
    print(httpx.get(sys.argv[1]).status_code)
