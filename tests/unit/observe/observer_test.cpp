// SPDX-License-Identifier: MIT
#include "weir/observe/observer.hpp"

#include "support/catch.hpp"

#include <set>
#include <stdexcept>
#include <string_view>

namespace {
struct counting_observer {
    int seen = 0;
    void on_event(const weir::event&) { ++seen; }
};
struct throwing_observer {
    void on_event(const weir::event&) { throw std::runtime_error{"no"}; }
};
}  // namespace

TEST_CASE("observer: every type of event has a word of its own") {
    using weir::event_type;
    std::set<std::string_view> words;
    for (const auto t : {event_type::acquire, event_type::block, event_type::cancel, event_type::head_skip,
                         event_type::response, event_type::gate, event_type::shadow, event_type::reload})
        words.insert(to_string(t));
    CHECK(words.size() == 8);
}

TEST_CASE("observer: an exception of an observer is ignored") {
    throwing_observer o;
    weir::notify(o, [] { return weir::event{}; });
    counting_observer c;
    weir::notify(c, [] { return weir::event{}; });
    CHECK(c.seen == 1);
}

TEST_CASE("observer: the default one makes no event") {
    weir::no_observer nobody;
    bool made = false;
    weir::notify(nobody, [&] {
        made = true;
        return weir::event{};
    });
    CHECK_FALSE(made);
}
