// A Go server on gorilla/websocket doing the least it can for each scenario of the load generator:
//
//	/         a subscriber: only listens
//	/echo     gets back what it sends
//	/publish  what it sends goes to every subscriber
//
// Prints {"event":"ready",...} on standard output once it listens.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync"

	"github.com/gorilla/websocket"
)

// A pool lets an idle connection go without a write buffer, as the package's documentation advises for many connections.
var upgrader = websocket.Upgrader{
	ReadBufferSize:  1024,
	WriteBufferSize: 1024,
	WriteBufferPool: &sync.Pool{},
	CheckOrigin:     func(*http.Request) bool { return true },
}

type hub struct {
	mu          sync.Mutex
	subscribers map[*websocket.Conn]struct{}
}

func (h *hub) add(c *websocket.Conn) {
	h.mu.Lock()
	h.subscribers[c] = struct{}{}
	h.mu.Unlock()
}

func (h *hub) remove(c *websocket.Conn) {
	h.mu.Lock()
	delete(h.subscribers, c)
	h.mu.Unlock()
}

// A PreparedMessage is the package's way to encode a broadcast once. One goroutine publishes and nothing
// else writes, so no connection needs a goroutine or a queue of its own for writing.
func (h *hub) publish(data []byte) {
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, data)
	if err != nil {
		log.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subscribers {
		if err := c.WritePreparedMessage(message); err != nil {
			c.Close()
		}
	}
}

func serve(w http.ResponseWriter, r *http.Request, onMessage func(c *websocket.Conn, kind int, data []byte)) {
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer c.Close()
	readAll(c, onMessage)
}

func readAll(c *websocket.Conn, onMessage func(c *websocket.Conn, kind int, data []byte)) {
	for {
		kind, data, err := c.ReadMessage()
		if err != nil {
			return
		}
		onMessage(c, kind, data)
	}
}

func main() {
	h := &hub{subscribers: map[*websocket.Conn]struct{}{}}
	http.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(c *websocket.Conn, kind int, data []byte) { c.WriteMessage(kind, data) })
	})
	http.HandleFunc("/publish", func(w http.ResponseWriter, r *http.Request) {
		serve(w, r, func(_ *websocket.Conn, _ int, data []byte) { h.publish(data) })
	})
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		h.add(c)
		defer h.remove(c)
		readAll(c, func(*websocket.Conn, int, []byte) {})
	})
	port := "0"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf(`{"event":"ready","url":"http://%s","pid":%d,"version":"gorilla/websocket 1.5.3, %s"}`+"\n",
		listener.Addr(), os.Getpid(), runtime.Version())
	log.Fatal(http.Serve(listener, nil))
}
