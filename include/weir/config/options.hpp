// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace weir {

/// Where the logs live. Both stay text until the store that owns them reads them.
struct backend_options {
    /// `memory`, `sqlite`, `redis` or `postgres`.
    std::string kind = "memory";
    /// The store's own connection text; empty = none. It may hold a password: it never appears in a message.
    std::string dsn{};

    friend bool operator==(const backend_options&, const backend_options&) = default;
};

}  // namespace weir
