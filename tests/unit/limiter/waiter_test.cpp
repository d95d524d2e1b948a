// SPDX-License-Identifier: MIT
#include "weir/limiter/waiter.hpp"

#include "support/catch.hpp"

#include <memory>
#include <vector>

namespace {
struct listed final : weir::waiter_owner {
    explicit listed(std::vector<int>& t, int i) : called(t), id(i) {}
    void completed() noexcept override { called.push_back(id); }
    std::vector<int>& called;
    int id;
    weir::waiter wait{*this};
};
}  // namespace

TEST_CASE("waiter: those with an answer are called in order, once") {
    std::vector<int> called;
    listed a{called, 1}, b{called, 2}, c{called, 3};
    CHECK(a.wait.is_polled());
    {
        weir::completions list;
        list.call();
        list.add(b.wait);
        list.add(a.wait);
        list.call();
        CHECK(called == std::vector{2, 1});
        list.add(c.wait);
        list.call();
        CHECK(list.empty());
    }
    CHECK(called == std::vector{2, 1, 3});
}
