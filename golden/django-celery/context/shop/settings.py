SECRET_KEY = "only-for-builds"
INSTALLED_APPS = ["django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATIC_ROOT = "/code/static"
ROOT_URLCONF = "shop.urls"
