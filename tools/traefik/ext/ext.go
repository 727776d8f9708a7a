// Package ext is the place that Traefik keeps for options of other builds; in its own they are empty, as here.
// The module proxy cannot serve it: its module lies inside Traefik's, under another name.
package ext

// HTTP extends the HTTP configuration.
type HTTP struct{}

// Router extends the configuration of a router.
type Router struct{}
