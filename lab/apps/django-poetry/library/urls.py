from django.urls import path

from catalogue.views import books, health

urlpatterns = [path("", books), path("health/", health)]
