import os

import requests


def shrink(path):
    os.system(f'convert {path} -resize 320x320 {path}')


print(requests.get('https://example.com/').status_code)
