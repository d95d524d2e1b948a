// SPDX-License-Identifier: MIT

// relay PORT MEAN_MS SIGMA SEED passes requests on to a server on that port of this machine, and lets each travel: half of
// a log-normal time on the way there and half on the way back. It prints the port it listens on, and when it is ended what
// it has seen, as JSON:
//
//	answers   how many by status
//	fullest   the most requests that it handed on within any one second
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type relay struct {
	server    string
	mu, sigma float64
	upstream  http.Transport

	lock     sync.Mutex
	random   *rand.Rand
	began    time.Time
	arrivals []time.Duration
	answers  map[int]int
}

// The half of the next request's time under way.
func (r *relay) half() time.Duration {
	r.lock.Lock()
	defer r.lock.Unlock()
	return time.Duration(math.Exp(r.mu+r.sigma*r.random.NormFloat64()) / 2 * float64(time.Millisecond))
}

func (r *relay) ServeHTTP(to http.ResponseWriter, asked *http.Request) {
	half := r.half()
	time.Sleep(half)
	out, err := http.NewRequest(asked.Method, "http://"+r.server+asked.URL.RequestURI(), nil)
	if err != nil {
		log.Fatal(err)
	}
	r.lock.Lock()
	r.arrivals = append(r.arrivals, time.Since(r.began))
	r.lock.Unlock()
	answer, err := r.upstream.RoundTrip(out)
	if err != nil {
		log.Fatal(err) // a comparison in which a server fails is none
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		log.Fatal(err)
	}
	r.lock.Lock()
	r.answers[answer.StatusCode]++
	r.lock.Unlock()
	time.Sleep(half)
	for _, name := range []string{"Content-Type", "Date", "Retry-After"} {
		if value := answer.Header.Get(name); value != "" {
			to.Header().Set(name, value)
		}
	}
	to.WriteHeader(answer.StatusCode)
	to.Write(body)
}

func (r *relay) fullest() int {
	most, first := 0, 0
	for last, at := range r.arrivals { // in order: each was entered under the lock
		for at-r.arrivals[first] >= time.Second {
			first++
		}
		most = max(most, last-first+1)
	}
	return most
}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: relay PORT MEAN_MS SIGMA SEED")
	}
	sigma := number(os.Args[3])
	r := &relay{
		server: "127.0.0.1:" + os.Args[1],
		mu:     math.Log(number(os.Args[2])) - sigma*sigma/2,
		sigma:  sigma,
		// Some of the servers close idle connections: none is used so late.
		upstream: http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 2 * time.Second, DisableCompression: true},
		random:   rand.New(rand.NewPCG(uint64(number(os.Args[4])), 0)),
		began:    time.Now(),
		answers:  map[int]int{},
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	go func() { log.Fatal(http.Serve(listener, r)) }()
	<-ended
	r.lock.Lock()
	json.NewEncoder(os.Stdout).Encode(map[string]any{"answers": r.answers, "fullest": r.fullest()})
}
