// SPDX-License-Identifier: MIT

//! `peer URL DOCUMENTS WORKERS SECONDS`: governor, by the contract of peer.go.

use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::{Duration, Instant};

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let [_, url, documents, workers, seconds] = words.as_slice() else {
        panic!("usage: peer URL DOCUMENTS WORKERS SECONDS");
    };
    let limiter = RateLimiter::direct(Quota::per_second(NonZeroU32::new(10).unwrap()));
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_idle_connections_per_host(64).build(),
    );

    let left = AtomicI64::new(documents.parse().unwrap());
    let (requests, refused) = (AtomicI64::new(0), AtomicI64::new(0));
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds.parse().unwrap());
    std::thread::scope(|threads| {
        for _ in 0..workers.parse().unwrap() {
            threads.spawn(|| {
                while left.fetch_sub(1, SeqCst) > 0 {
                    loop {
                        futures_executor::block_on(limiter.until_ready());
                        if Instant::now() > until {
                            return;
                        }
                        let mut answer = agent.get(url).call().unwrap();
                        answer.body_mut().read_to_vec().unwrap();
                        requests.fetch_add(1, SeqCst);
                        match answer.status().as_u16() {
                            200 => break,
                            429 => refused.fetch_add(1, SeqCst),
                            other => panic!("the server answered {other}"),
                        };
                    }
                }
            });
        }
    });
    println!("{} {} {}", requests.load(SeqCst), refused.load(SeqCst), began.elapsed().as_secs_f64());
}
