// SPDX-License-Identifier: MIT

// peer BURST URL DOCUMENTS WORKERS SECONDS fetches the document so many times, or for so many seconds, and prints
// "REQUESTS REFUSED SECONDS". BURST is that of golang.org/x/time/rate, 0 is no limiter. What is refused is fetched
// again as soon as the limiter lets it.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: peer BURST URL DOCUMENTS WORKERS SECONDS")
	}
	burst, url, workers := number(os.Args[1]), os.Args[2], number(os.Args[4])
	limiter := rate.NewLimiter(10, burst)
	if burst == 0 {
		limiter = rate.NewLimiter(rate.Inf, 0)
	}
	client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}

	var left, requests, refused atomic.Int64
	left.Store(int64(number(os.Args[3])))
	began := time.Now()
	until := began.Add(time.Duration(number(os.Args[5])) * time.Second)
	fetch := func() int {
		answer, err := client.Get(url)
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		return answer.StatusCode
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				for status := 0; status != http.StatusOK; requests.Add(1) {
					if err := limiter.Wait(context.Background()); err != nil {
						log.Fatal(err)
					}
					if time.Now().After(until) {
						return
					}
					status = fetch()
					if status == http.StatusTooManyRequests {
						refused.Add(1)
					} else if status != http.StatusOK {
						log.Fatal("the server answered ", status)
					}
				}
			}
		})
	}
	group.Wait()
	fmt.Println(requests.Load(), refused.Load(), time.Since(began).Seconds())
}
