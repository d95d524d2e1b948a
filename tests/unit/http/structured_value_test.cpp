// SPDX-License-Identifier: MIT
#include "weir/http/structured_value.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

namespace sf = weir::http::sf;

TEST_CASE("equal text of another type is another value") {
    const sf::bare_item text = std::string{"a"};
    CHECK(text == sf::bare_item{"a"});
    CHECK(text != sf::bare_item{sf::token{"a"}});
    CHECK(text != sf::bare_item{sf::byte_sequence{"a"}});
    CHECK(text != sf::bare_item{sf::display_string{"a"}});
    CHECK(sf::bare_item{std::int64_t{1000}} != sf::bare_item{sf::decimal{1000}});
    CHECK(sf::bare_item{std::int64_t{1}} != sf::bare_item{true});
    CHECK(sf::bare_item{std::int64_t{1}} != sf::bare_item{sf::date{std::chrono::seconds{1}}});
}

TEST_CASE("a value is found by its key and its type") {
    const sf::parameters p{{{"q", std::int64_t{100}}, {"qu", "requests"}}};
    REQUIRE(std::get_if<std::int64_t>(p.find("q")) != nullptr);
    CHECK(*std::get_if<std::int64_t>(p.find("q")) == 100);
    CHECK(std::get_if<std::string>(p.find("q")) == nullptr);
    CHECK(std::get_if<std::int64_t>(p.find("w")) == nullptr);
    CHECK(p.find("Q") == nullptr);
    CHECK(p.size() == 2);
    CHECK_FALSE(p.empty());
    CHECK(p.begin()->first == "q");
}
