// SPDX-License-Identifier: MIT
#include "weir/storage/store_error.hpp"

#include "support/catch.hpp"

#include <string>

TEST_CASE("store_error: it is an exception of weir's with its own code and the sentence it was given") {
    try {
        throw weir::store_error{"admit on /tmp/x.db: the disk is full; free some space"};
    } catch (const weir::exception& e) {
        CHECK(e.code() == weir::errc::store_failed);
        CHECK(std::string{e.what()} == "admit on /tmp/x.db: the disk is full; free some space");
    }
}
