// SPDX-License-Identifier: MIT
//
// weir_peer STORE DSN COUNTED_FROM NAME N/MS...: one key with these windows, which NAME tells from others. Each line of
// the input is a command, answered by one line:
//
//   time N    acquires N times; the nanoseconds it took, settlements included
//   wait S    acquires for S seconds; when each acquire had returned, in nanoseconds of CLOCK_MONOTONIC
//   ask S     the same without waiting: a denied caller asks again at once
//   stamps    when the store counted them, in nanoseconds of its clock; nothing where they count from a response
#include "weir/weir.hpp"
#ifdef WITH_SQLITE
#include "weir/ext/sqlite/sqlite_store.hpp"
#endif
#ifdef WITH_REDIS
#include "weir/ext/redis/redis_store.hpp"
#endif
#ifdef WITH_POSTGRES
#include "weir/ext/postgres/postgres_store.hpp"
#endif

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
std::chrono::nanoseconds last_stamp{-1};  // of the last admission, by the store's clock; -1 = the store has none

#ifdef WITH_SQLITE
/// The store's clock, and what it last showed: in a process of one thread, the time of the store's last verb.
struct noting_clock : weir::sqlite::machine_clock {
    [[nodiscard]] weir::instant since_boot() const noexcept {
        const weir::instant now = machine_clock::since_boot();
        last_stamp = now.time_since_epoch();
        return now;
    }
};
#endif

/// A store on a server that notes when its admissions were counted there.
template <class Store>
struct noting : Store {
    using Store::Store;
    [[nodiscard]] weir::assessment admit(typename Store::slot& s, const weir::window_plan& plan, std::int64_t cost,
                                         weir::instant now, weir::entry& out) {
        const weir::assessment f = Store::admit(s, plan, cost, now, out);
        if (const auto at = Store::counted_at(out); f.admits() && at)
            last_stamp = *at;
        return f;
    }
};

template <class Store>
void serve(Store store, const std::string& name, const weir::policy& p) {
    weir::registry limits{std::move(store), weir::configuration::builder{}.defaults("metadata", p).build().value()};
    auto key = limits.at(name + ".example.org", "metadata");
    const bool is_answered = p.count_from == weir::counting::response;
    std::vector<std::int64_t> stamps;

    std::string command;
    for (std::int64_t n = 0; std::cin >> command;) {
        if (command == "time" && std::cin >> n) {
            const auto began = clock_type::now();
            for (std::int64_t i = 0; i < n; ++i) {
                auto permit = key.acquire();
                if (is_answered)
                    permit.arrived();
            }
            if constexpr (requires { limits.store().flush(); })
                limits.store().flush();
            fmt::print("{}\n", std::chrono::nanoseconds{clock_type::now() - began}.count());
        } else if ((command == "wait" || command == "ask") && std::cin >> n) {
            std::vector<std::int64_t> moments;
            for (const auto until = clock_type::now() + std::chrono::seconds{n}; clock_type::now() < until;) {
                auto got = command == "wait" ? key.wait_acquire() : key.try_acquire();
                if (!got)
                    continue;
                moments.push_back(std::chrono::nanoseconds{clock_type::now().time_since_epoch()}.count());
                if (is_answered)
                    got.permit().arrived();
                else if (last_stamp.count() >= 0)
                    stamps.push_back(last_stamp.count());
            }
            fmt::print("{}\n", fmt::join(moments, " "));
        } else if (command == "stamps") {
            fmt::print("{}\n", fmt::join(stamps, " "));
        } else {
            throw std::invalid_argument{"unknown command " + command};
        }
        std::fflush(stdout);
    }
}

weir::policy policy_of(std::string_view counted_from, const std::vector<std::string>& windows) {
    weir::policy p;
    p.rates.clear();
    for (const std::string& w : windows)
        p.rates.push_back({std::stoll(w), std::chrono::milliseconds{std::stoll(w.substr(w.find('/') + 1))}});
    p.count_from = counted_from == "response" ? weir::counting::response : weir::counting::admission;
    p.max_delay = std::chrono::hours{1};
    p.on_store_error = weir::store_failure::closed;
    return p;
}

void run(const std::string& store, const std::string& dsn, const std::string& name, const weir::policy& p) {
    if (store == "memory")
        return serve(weir::memory_store{}, name, p);
#ifdef WITH_SQLITE
    if (store == "sqlite")
        return serve(weir::sqlite::basic_sqlite_store<noting_clock>{{.path = dsn}}, name, p);
#endif
#ifdef WITH_REDIS
    if (store == "redis")
        return serve(noting<weir::redis::redis_store>{weir::redis::parse_redis_dsn(dsn).value()}, name, p);
#endif
#ifdef WITH_POSTGRES
    if (store == "postgres")
        return serve(noting<weir::postgres::postgres_store>{weir::postgres::parse_postgres_dsn(dsn).value()}, name, p);
#endif
    throw std::invalid_argument{"no store " + store};
}

}  // namespace

int main(int argc, char** argv) try {
    const std::vector<std::string> words(argv + 1, argv + argc);
    run(words.at(0), words.at(1), words.at(3), policy_of(words.at(2), {words.begin() + 4, words.end()}));
} catch (const std::exception& e) {
    std::cerr << "weir_peer: " << e.what() << '\n';
    return 1;
}
