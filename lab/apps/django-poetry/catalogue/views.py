from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

BOOKS = ["The Wreck of the Deutschland", "Niels Lyhne", "Effi Briest"]


def books(request: HttpRequest) -> HttpResponse:
    return render(request, "catalogue/books.html", {"books": sorted(BOOKS)})


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})
