// SPDX-License-Identifier: MIT
#include "weir/limiter/waiter.hpp"

#include "support/catch.hpp"

#include <memory>
#include <vector>

namespace {
struct listed final : weir::waiter {
    explicit listed(std::vector<int>& t, int i) : told(t), id(i) {}
    void completed() noexcept override { told.push_back(id); }
    std::vector<int>& told;
    int id;
};
}  // namespace

TEST_CASE("waiter: the settled are told in order, once, and at the latest at the end") {
    std::vector<int> told;
    listed a{told, 1}, b{told, 2}, c{told, 3};
    CHECK(a.polled());
    {
        weir::completions list;
        list.tell();
        list.add(b);
        list.add(a);
        list.tell();
        CHECK(told == std::vector{2, 1});
        list.add(c);
    }
    CHECK(told == std::vector{2, 1, 3});
}
