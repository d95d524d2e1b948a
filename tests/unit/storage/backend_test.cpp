// SPDX-License-Identifier: MIT
#include "weir/storage/backend.hpp"

#include "weir/storage/shared_memory_store.hpp"

#include "support/catch.hpp"

namespace {
struct options {
    bool injected_time = false;
    weir::duration entry_ttl{};
};
/// A store whose options ask for what its build does not have.
struct unbuilt : weir::shared_memory_store<> {
    explicit unbuilt(const options&) { throw weir::exception{weir::error{weir::errc::bad_configuration, "no TLS"}}; }
};
}  // namespace

TEST_CASE("backend: an exception of a store's constructor is the error of opening it") {
    const auto failed = weir::open_with<unbuilt>(weir::result<options>{options{}}, weir::store_time::own);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message == "no TLS");
}
