// SPDX-License-Identifier: MIT

// peer xtime|uber: golang.org/x/time/rate or go.uber.org/ratelimit, by the contract of weir_peer.cpp. Neither has keys: they are in
// a map behind a lock, as their users write it. The second can only wait, so it denies nothing.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/ratelimit"
	"golang.org/x/time/rate"
)

const keys = 10_000

// runs gives what one takes in each run of 1000.
func runs(one func()) []float64 {
	all := make([]float64, 0, 10_000)
	began := time.Now()
	for last := began; last.Sub(began) < 20*time.Millisecond; {
		for range 1000 {
			one()
		}
		now := time.Now()
		all = append(all, float64(now.Sub(last).Nanoseconds())/1000)
		last = now
	}
	return all
}

func measure(one func()) float64 {
	all := runs(one)
	slices.Sort(all)
	return all[len(all)/2]
}

func measureTwo(one func()) float64 {
	var start, end sync.WaitGroup
	start.Add(2)
	var rates [2]float64
	for i := range rates {
		end.Go(func() {
			start.Done()
			start.Wait()
			all, sum := runs(one), 0.0
			for _, ns := range all {
				sum += ns
			}
			rates[i] = float64(len(all)) / sum
		})
	}
	end.Wait()
	return 1 / (rates[0] + rates[1])
}

func check(right bool) {
	if !right {
		log.Fatal("a decision was not the expected one")
	}
}

type keyed[L any] struct {
	lock sync.Mutex
	all  map[string]L
	make func() L
}

func (k *keyed[L]) at(name string) L {
	k.lock.Lock()
	defer k.lock.Unlock()
	limiter, known := k.all[name]
	if !known {
		limiter = k.make()
		k.all[name] = limiter
	}
	return limiter
}

func cases[L any](names []string, create func() L, admit func(L)) map[string]func() float64 {
	direct := create()
	limiters := keyed[L]{all: map[string]L{}, make: create}
	next := 0
	return map[string]func() float64{
		"admit": func() float64 { return measure(func() { admit(direct) }) },
		"keyed": func() float64 { return measure(func() { admit(limiters.at(names[0])) }) },
		"keyed10k": func() float64 {
			return measure(func() {
				admit(limiters.at(names[next]))
				next = (next + 7919) % keys
			})
		},
		"two": func() float64 { return measureTwo(func() { admit(direct) }) },
	}
}

func main() {
	names := make([]string, keys)
	for i := range names {
		names[i] = fmt.Sprintf("host-%d.example.org", i)
	}
	var all map[string]func() float64
	if os.Args[1] == "xtime" {
		all = cases(names, func() *rate.Limiter { return rate.NewLimiter(1e9, 1e9) }, func(l *rate.Limiter) { check(l.Allow()) })
		full := rate.NewLimiter(rate.Every(time.Hour), 1)
		check(full.Allow())
		all["deny"] = func() float64 { return measure(func() { check(!full.Allow()) }) }
	} else {
		all = cases(names, func() ratelimit.Limiter { return ratelimit.New(1e9) }, func(l ratelimit.Limiter) { l.Take() })
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if one, known := all[lines.Text()]; known {
			fmt.Printf("%.2f\n", one())
		} else {
			fmt.Println("-")
		}
	}
}
