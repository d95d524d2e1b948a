// SPDX-License-Identifier: MIT
#include "weir/ext/sqlite/sqlite_store.hpp"
#include "weir/weir.hpp"

#include "../_filter.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using weir::sqlite::durability;

/// The machine's clocks with a time that runs 2^16 times too fast, so that 10/SECOND and 5000/HOUR are never full and
/// every decision is a grant on a log of realistic length.
struct hasty_clock : weir::sqlite::machine_clock {
    [[nodiscard]] weir::instant since_boot() const noexcept {
        return began + weir::duration{(machine_clock::since_boot() - began).count() << 16};
    }
    weir::instant began = machine_clock::since_boot();
};
using store = weir::sqlite::basic_sqlite_store<hasty_clock>;

/// A folder of its own, on the disk the program is started from.
struct folder {
    folder() {
        std::string name = (std::filesystem::current_path() / "weir-bench-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"cannot make a folder here"};
        path = name;
    }
    folder(const folder&) = delete;
    folder& operator=(const folder&) = delete;
    ~folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path;
};

/// What any program pays that changes one row at a time.
class bare {
public:
    bare(const std::string& path, durability d) {
        check(sqlite3_open(path.c_str(), &db_));
        run("PRAGMA journal_mode = WAL");
        run(d == durability::full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
        run("CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER NOT NULL)");
        run("INSERT INTO t VALUES (1, 0)");
        static constexpr std::array texts{"BEGIN IMMEDIATE", "UPDATE t SET v = v + 1 WHERE id = 1", "COMMIT"};
        for (std::size_t i = 0; i < texts.size(); ++i)
            check(sqlite3_prepare_v3(db_, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &steps_[i], nullptr));
    }
    bare(const bare&) = delete;
    bare& operator=(const bare&) = delete;
    ~bare() {
        for (sqlite3_stmt* s : steps_)
            sqlite3_finalize(s);
        sqlite3_close(db_);
    }
    void operator()() {
        for (sqlite3_stmt* s : steps_) {
            if (sqlite3_step(s) != SQLITE_DONE)
                throw std::runtime_error{sqlite3_errmsg(db_)};
            sqlite3_reset(s);
        }
    }

private:
    void run(const char* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
    void check(int code) {
        if (code != SQLITE_OK)
            throw std::runtime_error{sqlite3_errmsg(db_)};
    }
    sqlite3* db_ = nullptr;
    std::array<sqlite3_stmt*, 3> steps_{};
};

weir::configuration limits_of(weir::counting from, weir::rate second) {
    weir::policy p;
    p.rates = {{10, 1s}, second};
    p.count_from = from;
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

struct contender {
    std::string name;
    std::function<void()> once;
    std::function<void()> untimed = [] {};
    std::vector<double> ns{};
    std::vector<double> each{};
};

double median(std::vector<double> of) {
    std::ranges::sort(of);
    return of[of.size() / 2];
}

void compare(durability d, int rounds, int batch) {
    const folder here;
    const auto options = [&](const char* name) {
        weir::sqlite::sqlite_options o;
        o.path = here.path / name;
        o.synchronous = d;
        return o;
    };
    bare one_row{here.path / "bare", d};
    weir::registry by_admission{store{options("admission")}, limits_of(weir::counting::admission, {5000, 1h})};
    weir::registry by_response{store{options("response")}, limits_of(weir::counting::response, {5000, 1h})};
    weir::registry denied{store{options("denied")}, limits_of(weir::counting::admission, {1, 24h * 365})};
    auto admitting = by_admission.at("api.crossref.org", "metadata");
    auto answering = by_response.at("api.crossref.org", "metadata");
    denied.acquire("api.crossref.org", "metadata").arrived();
    // The limiter would know the denial by itself: the store is asked.
    auto slot = denied.store().make_slot("api.crossref.org", "metadata");
    weir::policy p;
    p.rates = {{10, 1s}, {1, 24h * 365}};
    const auto plan = weir::plan_windows(p);

    weir::registry<store>::permit permit;
    const auto settle = [&] {
        permit.arrived();
        permit.release();
    };
    std::array contenders{
        contender{"bare", [&] { one_row(); }},
        contender{"acquire, from admission", [&] { permit = admitting.acquire(); }, settle},
        contender{"acquire, from response", [&] { permit = answering.acquire(); }, settle},
        contender{"acquire and settle, from admission", [&] { admitting.acquire().arrived(); }},
        contender{"acquire and settle, from response", [&] { answering.acquire().arrived(); }},
        contender{"denial of the store",
                  [&] {
                      if (denied.store().count(slot, plan, 1, denied.store().now()).admits())
                          throw std::runtime_error{"a denial was a grant"};
                  }},
    };
    for (int round = -1; round < rounds; ++round)
        for (contender& c : contenders) {
            std::chrono::duration<double, std::nano> took{};
            for (int i = 0; i < batch; ++i) {
                const auto begin = std::chrono::steady_clock::now();
                c.once();
                const std::chrono::duration<double, std::nano> one = std::chrono::steady_clock::now() - begin;
                took += one;
                if (round >= 0)
                    c.each.push_back(one.count());
                c.untimed();
            }
            if (round >= 0)
                c.ns.push_back(took.count() / batch);
        }
    fmt::print("{:<38} {:>8} {:>8} {:>8} {:>8} {:>10}\n",
               d == durability::full ? "synchronous = FULL" : "synchronous = NORMAL", "us", "least", "most", "p99.9",
               "to bare");
    for (contender& c : contenders) {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < c.ns.size(); ++i)
            ratios.push_back(c.ns[i] / contenders[0].ns[i]);
        std::ranges::sort(c.each);
        fmt::print("{:<38} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.0f} {:>9.2f}x\n", c.name, median(c.ns) / 1e3,
                   *std::ranges::min_element(c.ns) / 1e3, *std::ranges::max_element(c.ns) / 1e3,
                   c.each[c.each.size() * 999 / 1000] / 1e3, median(ratios));
    }
}

}  // namespace

int main(int count, char** words) {
    const auto [runs, argc, argv] = weir_bench::choose("sqlite", count, words);
    if (!runs)
        return 0;
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 21;
    const int batch = argc > 2 ? std::max(1, std::atoi(argv[2])) : 2'000;
    compare(durability::normal, rounds, batch);
    compare(durability::full, rounds, std::max(1, batch / 20));
}
