// SPDX-License-Identifier: MIT
//
// The contract of every peer here: it reads the name of a case from a line of its input, measures it for 20 ms, and
// answers with the ns that one decision took, or with "-" if it has no such case. It is that of the median of all runs
// of 1000, so that a descheduled one does not count. `two` is the time that one decision takes in both threads
// together, over all 20 ms.
#include "weir/weir.hpp"

#include <algorithm>
#include <array>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t keys = 10'000;

/// The memory store's own clock, 2^`Shift` times too fast, so that 10/SECOND and 5000/HOUR are never full and each
/// decision is a grant on a log of realistic length.
template <int Shift>
struct hasty_clock {
    [[nodiscard, gnu::always_inline]] weir::instant now() const noexcept { return hasten(weir::fast_clock{}.now()); }
    [[nodiscard, gnu::always_inline]] weir::instant now_unfenced() const noexcept {
        return hasten(weir::fast_clock{}.now_unfenced());
    }
    [[nodiscard, gnu::always_inline]] weir::instant hasten(weir::instant now) const noexcept {
        return weir::instant{weir::duration{(now - began).count() << Shift}};
    }
    weir::instant began = weir::fast_clock{}.now();
};
using hot_clock = hasty_clock<26>;   // a decision is a second or more; it lasts for 137 s
using cool_clock = hasty_clock<17>;  // a round of all keys is a minute or more, but too short for a key to be forgotten

weir::configuration limits_of(std::chrono::nanoseconds short_period, std::chrono::nanoseconds long_period) {
    weir::policy p;
    p.rates = {{10, short_period}, {5000, long_period}};
    p.count_from = weir::counting::admission;
    return weir::configuration::builder{}.defaults("metadata", p).build().value();
}

void check(bool right) {
    if (!right) {
        std::fputs("weir_peer: a decision was not the expected one\n", stderr);
        std::_Exit(1);
    }
}

enum class taken : std::uint8_t { median, mean };

template <class F>
double measure(F&& one, taken how = taken::median) {
    constexpr int run = 1000;
    std::vector<double> all;
    all.reserve(10'000);
    const auto began = steady_clock::now();
    for (auto last = began; last - began < 20ms;) {
        for (int i = 0; i < run; ++i)
            one();
        const auto now = steady_clock::now();
        all.push_back(std::chrono::duration<double, std::nano>(now - std::exchange(last, now)).count() / run);
    }
    if (how == taken::mean)
        return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

template <class Registry>
bool admit_by_text(Registry& limits, std::string_view host) {
    if constexpr (requires { limits.admit(host, "metadata"); })
        return limits.admit(host, "metadata").granted();
    else
        return limits.at(host, "metadata").admit().granted();
}

template <class F>
double measure_two(F&& one) {
    std::array<double, 2> ns{};
    std::barrier start{2};
    {
        std::array<std::jthread, 2> threads;
        for (std::size_t i = 0; i < 2; ++i)
            threads[i] = std::jthread{[&, i] {
                start.arrive_and_wait();
                ns[i] = measure(one, taken::mean);
            }};
    }
    return 1 / (1 / ns[0] + 1 / ns[1]);
}

}  // namespace

int main() {
    std::thread{[] {}}.join();  // a process that never had a second thread needs no locked instructions
    weir::registry limits{weir::memory_store{hot_clock{}}, limits_of(1s, 1h)};
    weir::registry cool{weir::memory_store{cool_clock{}}, limits_of(1s, 1h)};
    weir::registry full{weir::memory_store{}, limits_of(240h, 480h)};
    std::vector<std::string> names;
    for (std::size_t i = 0; i < keys; ++i)
        names.push_back("host-" + std::to_string(i) + ".example.org");
    for (const std::string& name : names)
        check(admit_by_text(cool, name));
    auto handle = limits.at("api.example.org", "metadata");
    auto denied = full.at("api.example.org", "metadata");
    while (denied.admit().granted()) {
    }
    std::size_t next = 0;
    for (std::string word; std::getline(std::cin, word);) {
        double ns = 0;
        if (word == "clock")
            ns = measure([] {
                auto now = steady_clock::now();
                asm volatile("" : : "r,m"(now) : "memory");
            });
        else if (word == "admit")
            ns = measure([&] { check(handle.admit().granted()); });
        else if (word == "deny")
            ns = measure([&] { check(!denied.admit().granted()); });
        else if (word == "keyed")
            ns = measure([&] { check(admit_by_text(limits, names[0])); });
        else if (word == "keyed10k")
            ns = measure([&] {
                check(admit_by_text(cool, names[next]));
                next = (next + 7919) % keys;
            });
        else if (word == "two")
            ns = measure_two([&] { check(handle.admit().granted()); });
        else
            std::puts("-");
        if (ns > 0)
            std::printf("%.2f\n", ns);
        std::fflush(stdout);
    }
}
