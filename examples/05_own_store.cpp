// SPDX-License-Identifier: MIT
//
// A store of one's own: a folder with a file for each key, that the processes of a machine share. It runs the
// conformance kit on itself. docs/stores/writing-a-store.md goes through it part by part.

#include "weir/registry/open_store.hpp"
#include "weir/registry/registry.hpp"
#include "weir/storage/store_error.hpp"
#include "weir/testing/conformance.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// [state]
/// What the file of a key holds.
struct key_file {
    struct held {
        std::uint64_t id;
        std::int64_t cost;
        bool open;              // no answer yet: it counts in every window
        weir::instant stamp;    // of its answer, or of its admission where it counts from there
        weir::instant expires;  // when its holder is taken for dead
    };

    std::string name;  // of the key: two names may have one hash
    std::vector<held> entries{};
    weir::tuner_state tuned{};
    weir::instant newest = weir::long_ago;

    // What weir::assess looks at: the names are its own.
    struct units {
        std::vector<weir::instant> at{};           // the stamp of every unit, oldest first
        weir::instant forgotten = weir::long_ago;  // the newest of those that are too old to keep
        [[nodiscard]] weir::instant nth_newest(std::int64_t k, weir::instant) const {
            const auto size = static_cast<std::int64_t>(at.size());
            return k < size ? at[static_cast<std::size_t>(size - 1 - k)] : forgotten;
        }
    } log{};
    std::int64_t open = 0;
    std::int64_t in_flight = 0;
    weir::instant gate = weir::long_ago;

    /// The time of a step: never before the newest stamp. An entry whose holder died becomes a stamp at its expiry.
    weir::instant begin(weir::instant now) {
        const weir::instant t = std::max(now, newest);
        std::ranges::sort(entries, {}, [](const held& e) { return std::pair{e.expires, e.id}; });
        while (!entries.empty() && entries.front().expires <= t) {
            if (entries.front().open)
                stamp(entries.front().expires, entries.front().cost);
            entries.erase(entries.begin());
        }
        recount();
        return t;
    }
    void recount() {
        open = 0;
        for (const held& e : entries)
            open += e.open ? e.cost : 0;
        in_flight = static_cast<std::int64_t>(entries.size());
    }
    void stamp(weir::instant at, std::int64_t cost) {
        newest = std::max(newest, at);
        log.at.insert(log.at.end(), static_cast<std::size_t>(cost), newest);
    }
    void take_back(const held& e, std::int64_t count) {
        for (; !e.open && count > 0; --count)
            if (const auto unit = std::ranges::find(log.at, e.stamp); unit != log.at.end())
                log.at.erase(unit);
    }
    /// Forgets what no window of the plan looks at, but not that it was there: a reload may bring a longer window.
    void prune(const weir::window_plan& plan, weir::instant t) {
        const auto kept = std::ranges::find_if(log.at, [&](auto s) { return s > t - plan.kept.longest; });
        if (kept != log.at.begin())
            log.forgotten = std::max(log.forgotten, *(kept - 1));
        log.at.erase(log.at.begin(), kept);
    }
};
// [state]

// [file]
std::int64_t number(weir::instant at) { return at.time_since_epoch().count(); }

std::ostream& operator<<(std::ostream& to, const key_file& k) {
    to << k.name.size() << ' ' << k.name << ' ' << number(k.newest) << ' ' << number(k.gate) << ' '
       << number(k.log.forgotten) << ' ' << k.entries.size() << ' ' << k.log.at.size();
    const weir::tuner_state& t = k.tuned;
    for (const std::int64_t n : {t.factor.millionths(), number(t.window), number(t.bound), number(t.cut),
                                 number(t.recovered), t.answers, t.refusals, t.excess, t.border, t.waits, t.failures})
        to << ' ' << n;
    for (const auto& e : k.entries)
        to << ' ' << e.id << ' ' << e.cost << ' ' << e.open << ' ' << number(e.stamp) << ' ' << number(e.expires);
    for (const weir::instant at : k.log.at)
        to << ' ' << number(at);
    return to << " end";
}
std::istream& operator>>(std::istream& from, key_file& k) {
    const auto whole = [&] {
        std::int64_t n = 0;
        return from >> n, n;
    };
    const auto time = [&] { return weir::instant{weir::duration{whole()}}; };
    k.name.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(whole(), 0, 1 << 16)));
    from.ignore().read(k.name.data(), static_cast<std::streamsize>(k.name.size()));
    k.newest = time(), k.gate = time();
    k.log.forgotten = time();
    const std::int64_t entries = whole(), units = whole();
    weir::tuner_state& t = k.tuned;
    t.factor = weir::multiplier::of_millionths(whole());
    t.window = time(), t.bound = time(), t.cut = time(), t.recovered = time();
    t.answers = whole(), t.refusals = whole(), t.excess = whole();
    t.border = whole();
    t.waits = whole(), t.failures = whole();
    for (std::int64_t i = 0; i < entries && from; ++i) {
        key_file::held e{};
        from >> e.id >> e.cost >> e.open;
        e.stamp = time(), e.expires = time();
        k.entries.push_back(e);
    }
    for (std::int64_t i = 0; i < units && from; ++i)
        k.log.at.push_back(time());
    std::string end;
    if (!(from >> end) || end != "end")
        from.setstate(std::ios::failbit);
    return from;
}
// [file]

// [store]
struct folder_options {
    std::string folder;
    weir::duration entry_ttl = std::chrono::minutes{10};
    weir::store_time time = weir::store_time::own;
};

class folder_store {
public:
    static constexpr bool is_local = false;

    struct slot {
        std::string name;
        std::string file;
        weir::multiplier factor{};  // as of the last verb; settle, which may run beside one, leaves it alone
        std::unique_ptr<std::atomic<int>> held = std::make_unique<std::atomic<int>>(0);  // permits of this process
    };

    explicit folder_store(folder_options o) : options_(std::move(o)) {}

    [[nodiscard]] weir::instant now() const noexcept { return weir::steady_clock{}.now(); }
    [[nodiscard]] weir::instant after(weir::instant now) const noexcept { return is_injected() ? now : this->now(); }
    [[nodiscard]] slot make_slot(std::string_view host, std::string_view role) const {
        const std::string name = fmt::format("{}:{}{}", host.size(), host, role);
        return {name, fmt::format("{}/{:016x}", options_.folder, std::hash<std::string>{}(name))};
    }

    // ---- verbs

    template <class Place>
    [[nodiscard]] weir::forecast admit(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now,
                                       Place&& place, weir::entry& out) {
        const bool holds_place = cost > 0 && place.take();
        const bool lacks_place = cost > 0 && !holds_place;
        if (lacks_place && plan.enforce)
            return {now, weir::cause::inflight, 0};
        try {
            weir::forecast f{};
            step(s, now, [&](key_file& k, weir::instant t) {
                f = weir::assess(k, plan, cost, t);
                if (f.admits() && lacks_place)
                    f.why = weir::cause::inflight;
                f.passed = !f.admits() && !plan.enforce;
                if (!f.admits())
                    return;
                out = {0, t, weir::entry_state::free};
                if (cost == 0)
                    return;
                k.entries.push_back({new_id(), cost, plan.from_response, t, weir::later(t, options_.entry_ttl)});
                if (!plan.from_response)
                    k.stamp(t, cost);
                k.prune(plan, t);
                const auto state = plan.from_response ? weir::entry_state::open : weir::entry_state::stamped;
                out = {.cost = cost, .stamp = t, .state = state, .in_flight = true, .id = k.entries.back().id};
            });
            if (holds_place && !f.admits())
                place.give_back();
            if (f.admits() && cost > 0)
                ++*s.held;
            return f;
        } catch (...) {
            if (holds_place)
                place.give_back();
            throw;
        }
    }
    [[nodiscard]] weir::forecast count(slot& s, const weir::window_plan& plan, std::int64_t cost, weir::instant now) {
        weir::forecast f{};
        step(s, now, [&](key_file& k, weir::instant t) {
            f = weir::assess(k, plan, cost, t);
            f.passed = !f.admits() && !plan.enforce;
            if (f.admits() && cost > 0) {
                k.stamp(t, cost);
                k.prune(plan, t);
            }
        });
        return f;
    }
    void settle(const slot& s, const weir::window_plan& plan, weir::entry& e, weir::settlement how, weir::instant now) {
        if (e.id != 0)
            change(s, now, [&](key_file& k, weir::instant t) {
                const auto mine = std::ranges::find(k.entries, e.id, &key_file::held::id);
                if (mine == k.entries.end())
                    return;  // it has expired
                if (how == weir::settlement::refunded) {
                    k.take_back(*mine, mine->cost);
                } else if (mine->open) {
                    k.stamp(t, mine->cost);
                    mine->open = false;
                    e.stamp = mine->stamp = k.newest;
                }
                if (how != weir::settlement::answered)
                    k.entries.erase(mine);
                k.prune(plan, t);
            });
        if (how != weir::settlement::answered) {
            if (std::exchange(e, {}).in_flight)
                --*s.held;
        } else if (e.state == weir::entry_state::open)
            e.state = weir::entry_state::stamped;
    }
    void reduce(const slot& s, const weir::window_plan&, weir::entry& e, std::int64_t cost, weir::instant now) {
        change(s, now, [&](key_file& k, weir::instant) {
            if (const auto mine = std::ranges::find(k.entries, e.id, &key_file::held::id); mine != k.entries.end()) {
                k.take_back(*mine, mine->cost - cost);
                mine->cost = cost;
            }
        });
        e.cost = cost;
    }
    [[nodiscard]] bool hold(slot& s, weir::instant until) {
        bool moved = false;
        step(s, weir::long_ago, [&](key_file& k, weir::instant) {
            moved = until > k.gate;
            k.gate = std::max(k.gate, until);
        });
        return moved;
    }
    void tune(slot& s, weir::multiplier m) {
        step(s, weir::long_ago, [&](key_file& k, weir::instant) { k.tuned.factor = m; });
    }
    weir::tuner_state learn(slot& s, weir::tuner_step how) {
        weir::tuner_state out;
        step(s, weir::long_ago, [&](key_file& k, weir::instant) { out = k.tuned = how(k.tuned); });
        return out;
    }
    [[nodiscard]] weir::multiplier factor(const slot& s) const { return s.factor; }
    [[nodiscard]] weir::reading read(slot& s, const weir::window_plan& plan, weir::instant now) {
        weir::reading out;
        step(s, now, [&](key_file& k, weir::instant t) {
            out = {{}, k.open, k.in_flight, k.gate, k.tuned.factor, k.newest, 0};
            for (std::size_t i = 0; i < plan.windows.size(); ++i) {
                const weir::window& w = plan.windows[i];
                std::int64_t used =
                    k.open + std::ranges::count_if(k.log.at, [&](auto at) { return at > t - w.period; });
                if (k.log.forgotten > t - w.period)  // that there was more is all that is known
                    used = std::max(used, w.limit);
                out.windows.push_back({plan.shown[i], w.limit, w.period, used});
            }
        });
        return out;
    }
    void erase(slot& s) {
        step(s, weir::long_ago, [&](key_file& k, weir::instant) {
            k = {k.name, std::move(k.entries)};  // open entries are real requests and stay
        });
    }
    [[nodiscard]] bool idle(const slot& s, const weir::window_plan&, weir::instant) const { return *s.held == 0; }
    // [store]

private:
    [[nodiscard]] bool is_injected() const noexcept { return options_.time == weir::store_time::injected; }
    [[nodiscard]] static std::uint64_t new_id() {
        static thread_local std::mt19937_64 random{std::random_device{}()};
        return random() | 1;
    }
    [[noreturn]] static void fail(std::string_view what, const std::string& file) {
        throw weir::store_error{fmt::format("folder: cannot {} {}: {}", what, file, std::strerror(errno))};
    }

    // [step]
    /// One atomic step on one key: a lock for all of the folder, and a rename that happens or does not.
    template <class F>
    void change(const slot& s, weir::instant now, F&& f) const {
        struct lock_file {
            explicit lock_file(const std::string& path) : fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
                if (fd < 0 || ::flock(fd, LOCK_EX) != 0)
                    fail("lock", path);
            }
            ~lock_file() { ::close(fd); }
            int fd;
        } lock{options_.folder + "/lock"};
        key_file k{.name = s.name};
        if (std::ifstream from{s.file}; from.is_open() && !(from >> k))
            throw weir::store_error{fmt::format("folder: cannot read {}: it is not a file of this store", s.file)};
        if (k.name != s.name)
            throw weir::store_error{fmt::format("folder: {} belongs to another key", s.file)};
        // The clock is read under the lock: waiting for it takes time, and a stamp must not be too old.
        f(k, k.begin(is_injected() ? now : this->now()));
        std::ofstream to{s.file + ".new", std::ios::trunc};
        if (!(to << k).flush() || std::rename((s.file + ".new").c_str(), s.file.c_str()) != 0)
            fail("write", s.file);
    }
    template <class F>
    void step(slot& s, weir::instant now, F&& f) const {
        change(s, now, [&](key_file& k, weir::instant t) {
            f(k, t);
            s.factor = k.tuned.factor;
        });
    }
    // [step]

    folder_options options_;
};
static_assert(weir::store<folder_store>);

// [backend]
/// `backend.kind: folder` for programs that list it.
constexpr weir::backend folder_backend{
    "folder", [](std::string_view dsn, weir::store_time time) -> weir::result<weir::any_store> {
        if (!dsn.starts_with("folder:/"))
            return weir::error{weir::errc::bad_configuration, "write folder:/run/app"};
        return weir::any_store{folder_store{{.folder = std::string{dsn.substr(7)}, .time = time}}};
    }};
// [backend]

int main() {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-folder-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
        return 1;
    int status = 0;

    // [conformance]
    weir::testing::conformance_options options;
    options.traces = 150;
    options.processes = 3;
    options.entry_ttl = std::chrono::milliseconds{40};
    const auto failures = weir::testing::conform(
        [&] { return folder_store{{folder, options.entry_ttl, weir::store_time::injected}}; }, options);
    for (const std::string& f : failures)
        fmt::print("{}\n", f);
    fmt::print("{} of {} random lives are wrong\n", failures.size(), options.traces);
    // [conformance]
    status = failures.empty() ? 0 : 1;

    // [use]
    weir::policy two;
    two.rates = {weir::parse_rate("2/MINUTE").value()};
    const auto config = weir::configuration::builder{}.host("api.example.org", "metadata", two).build().value();
    const auto store = weir::open_store({"folder", "folder:" + folder}, {folder_backend}).value();
    weir::registry one{store, config},
        other{weir::open_store({"folder", "folder:" + folder}, {folder_backend}).value(), config};
    for (auto* limits : {&one, &other, &one})
        fmt::print("{}\n", limits->try_acquire("api.example.org", "metadata") ? "granted" : "denied");
    // [use]
    std::filesystem::remove_all(folder);
    return status;
}
