// Stations serves a list of railway stations.
package main

import (
	"html/template"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"
)

type station struct {
	Name      string
	Platforms int
}

var stations = []station{{"Utrecht Centraal", 16}, {"Antwerpen-Centraal", 14}}

func main() {
	// The templates are read from the working directory when the server starts.
	pages := template.Must(template.ParseGlob("templates/*.html"))

	router := chi.NewRouter()
	router.Get("/health", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok"))
	})
	router.Get("/", func(w http.ResponseWriter, _ *http.Request) {
		if err := pages.ExecuteTemplate(w, "stations.html", stations); err != nil {
			log.Print(err)
		}
	})
	log.Fatal(http.ListenAndServe(":8080", router))
}
