// SPDX-License-Identifier: MIT
#include "weir/http/headers.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using weir::http::headers;

TEST_CASE("a field is found whatever the case of its name") {
    const headers h{{"Content-Type", "text/html"}};
    CHECK(h.first("content-type") == "text/html");
    CHECK(h.first("CONTENT-TYPE") == "text/html");
    CHECK(h.contains("Content-type"));
    CHECK_FALSE(h.first("Content-Typ"));
    CHECK_FALSE(h.first("Content-Type2"));
}

TEST_CASE("fields keep their order and their repetitions") {
    headers h;
    h.add("Link", "a");
    h.add("Age", "0");
    h.add("link", "b");
    CHECK(h.count("LINK") == 2);
    CHECK(h.first("link") == "a");
    std::vector<std::string> names;
    for (const auto& field : h)
        names.push_back(field.name);
    CHECK(names == std::vector<std::string>{"Link", "Age", "link"});
}

TEST_CASE("the values of one name are joined by a comma") {
    const headers h{{"Vary", "Accept"}, {"Age", "1"}, {"vary", "Origin"}, {"Empty", ""}};
    CHECK(h.joined("Vary") == "Accept, Origin");
    CHECK(h.joined("Empty") == "");
    CHECK_FALSE(h.joined("Date"));
}

TEST_CASE("setting a field leaves one of its name, erasing returns how many there were") {
    headers h{{"A", "1"}, {"a", "2"}, {"B", "3"}};
    h.set("A", "4");
    CHECK(h == headers{{"B", "3"}, {"A", "4"}});
    CHECK(h.erase("a") == 1);
    CHECK(h.erase("a") == 0);
    CHECK(h.size() == 1);
    h.clear();
    CHECK(h.empty());
}

TEST_CASE("a folded value grows by a space and its next line") {
    headers h{{"A", "one"}};
    h.extend_last("two");
    CHECK(h.first("A") == "one two");
}
