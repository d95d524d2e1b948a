// SPDX-License-Identifier: MIT

//! governor, by the contract of weir_peer.cpp.

use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::io::BufRead;
use std::num::NonZeroU32;
use std::sync::Barrier;
use std::time::{Duration, Instant};

const KEYS: usize = 10_000;

/// What one takes in each run of 1000.
fn runs(mut one: impl FnMut()) -> Vec<f64> {
    let began = Instant::now();
    let mut last = began;
    let mut all = Vec::with_capacity(10_000);
    while last - began < Duration::from_millis(20) {
        for _ in 0..1000 {
            one();
        }
        let now = Instant::now();
        all.push((now - last).as_nanos() as f64 / 1000.0);
        last = now;
    }
    all
}

fn measure(one: impl FnMut()) -> f64 {
    let mut all = runs(one);
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn main() {
    let never_full = Quota::per_second(NonZeroU32::new(1_000_000_000).unwrap());
    let direct: DefaultDirectRateLimiter = RateLimiter::direct(never_full);
    let full: DefaultDirectRateLimiter = RateLimiter::direct(Quota::per_hour(NonZeroU32::new(1).unwrap()));
    while full.check().is_ok() {}
    let keyed: DefaultKeyedRateLimiter<String> = RateLimiter::keyed(never_full);
    let names: Vec<String> = (0..KEYS).map(|i| format!("host-{i}.example.org")).collect();
    for name in &names {
        keyed.check_key(name).unwrap();
    }
    let mut next = 0;
    for line in std::io::stdin().lock().lines() {
        let ns = match line.unwrap().as_str() {
            "admit" => measure(|| assert!(direct.check().is_ok())),
            "deny" => measure(|| assert!(full.check().is_err())),
            "keyed" => measure(|| assert!(keyed.check_key(&names[0]).is_ok())),
            "keyed10k" => measure(|| {
                assert!(keyed.check_key(&names[next]).is_ok());
                next = (next + 7919) % KEYS;
            }),
            "two" => {
                let start = Barrier::new(2);
                let one = || {
                    start.wait();
                    let all = runs(|| assert!(direct.check().is_ok()));
                    all.len() as f64 / all.iter().sum::<f64>()
                };
                std::thread::scope(|threads| {
                    let other = threads.spawn(one);
                    1.0 / (one() + other.join().unwrap())
                })
            }
            _ => {
                println!("-");
                continue;
            }
        };
        println!("{ns:.2}");
    }
}
