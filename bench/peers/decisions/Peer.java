// SPDX-License-Identifier: MIT

import io.github.bucket4j.Bucket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;

/** Bucket4j, by the contract of weir_peer.cpp. Its keys are buckets in a ConcurrentHashMap, as its documentation has them. */
public class Peer {
    static final int KEYS = 10_000;

    interface One {
        boolean decide();
    }

    /** What one takes in each run of 1000. */
    static double[] runs(One one, boolean expected) {
        double[] all = new double[100_000];
        int size = 0;
        long began = System.nanoTime();
        for (long last = began; last - began < 20_000_000 && size < all.length;) {
            for (int i = 0; i < 1000; i++)
                if (one.decide() != expected)
                    throw new IllegalStateException("a decision was not the expected one");
            long now = System.nanoTime();
            all[size++] = (now - last) / 1000.0;
            last = now;
        }
        return Arrays.copyOf(all, size);
    }

    static double measure(One one, boolean expected) {
        double[] all = runs(one, expected);
        Arrays.sort(all);
        return all[all.length / 2];
    }

    static double measureTwo(One one) throws Exception {
        CyclicBarrier start = new CyclicBarrier(2);
        double[] mean = new double[2];
        Thread[] threads = new Thread[2];
        for (int i = 0; i < 2; i++) {
            int mine = i;
            threads[i] = new Thread(() -> {
                try {
                    start.await();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
                mean[mine] = Arrays.stream(runs(one, true)).average().orElseThrow();
            });
            threads[i].start();
        }
        for (Thread thread : threads)
            thread.join();
        return 1 / (1 / mean[0] + 1 / mean[1]);
    }

    static Bucket bucket(long limit, Duration period) {
        return Bucket.builder().addLimit(b -> b.capacity(limit).refillGreedy(limit, period)).build();
    }

    static int next = 0;

    public static void main(String[] words) throws Exception {
        Bucket direct = bucket(1_000_000_000, Duration.ofSeconds(1));
        Bucket full = bucket(1, Duration.ofHours(1));
        full.tryConsume(1);
        ConcurrentHashMap<String, Bucket> buckets = new ConcurrentHashMap<>();
        String[] names = new String[KEYS];
        for (int i = 0; i < KEYS; i++)
            names[i] = "host-" + i + ".example.org";
        One admit = () -> direct.tryConsume(1);
        One deny = () -> full.tryConsume(1);
        One keyed = () -> at(buckets, names[0]).tryConsume(1);
        One keyed10k = () -> {
            String name = names[next];
            next = (next + 7919) % KEYS;
            return at(buckets, name).tryConsume(1);
        };
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null;) {
            double ns = switch (line) {
                case "admit" -> measure(admit, true);
                case "deny" -> measure(deny, false);
                case "keyed" -> measure(keyed, true);
                case "keyed10k" -> measure(keyed10k, true);
                case "two" -> measureTwo(admit);
                default -> 0;
            };
            System.out.println(ns == 0 ? "-" : String.format(Locale.ROOT, "%.2f", ns));
        }
    }

    static Bucket at(ConcurrentHashMap<String, Bucket> buckets, String name) {
        Bucket found = buckets.get(name);
        return found != null ? found : buckets.computeIfAbsent(name, k -> bucket(1_000_000_000, Duration.ofSeconds(1)));
    }
}
