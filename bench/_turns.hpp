// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <vector>

namespace weir_bench {

inline double median(std::vector<double>& all) {
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
}

/// What a decision on a server takes against `floor`, the least it could be: one run, the contenders taking turns of
/// `batch` calls, so that whatever disturbs the machine disturbs all. `counted` counts from the admission, `answered`
/// until the response; `after()` ends each round, unmeasured. A turn's figure is its mean, so that rare slow calls
/// count; of the turns it is the median.
template <class Floor, class Handle, class After>
void ratios_to(Floor&& floor, const char* floor_name, Handle& counted, Handle& answered, After&& after, int batch,
               benchmark::State& state) {
    std::array<std::vector<double>, 3> times;
    const auto turn = [batch](std::vector<double>& out, auto&& one) {
        const auto began = std::chrono::steady_clock::now();
        for (int i = 0; i < batch; ++i)
            one();
        out.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count() /
                      batch);
    };
    for (auto _ : state) {
        turn(times[0], floor);
        turn(times[1], [&] { counted.acquire().release(); });
        turn(times[2], [&] {
            auto permit = answered.acquire();
            permit.arrived();
        });
        after();
    }
    const double min = median(times[0]);
    state.counters[floor_name] = min;
    state.counters["admission_us"] = median(times[1]);
    state.counters["response_us"] = median(times[2]);
    state.counters["admission_ratio"] = median(times[1]) / min;
    state.counters["response_ratio"] = median(times[2]) / min;
}

}  // namespace weir_bench
