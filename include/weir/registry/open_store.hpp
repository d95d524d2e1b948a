// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/config/resolution.hpp"
#include "weir/config/resolve.hpp"
#include "weir/core/backend_options.hpp"
#include "weir/core/closest_match.hpp"
#include "weir/core/error.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/backend.hpp"
#include "weir/storage/shared_memory_store.hpp"
#include "weir/storage/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weir {

namespace detail {

struct backend_fault {
    std::string_view leaf;  ///< `backend.kind` or `backend.dsn`
    std::string message;
};

/// The store that the options name, or which of the two options is wrong and how.
[[nodiscard]] inline std::variant<any_store, backend_fault>
find_store(const backend_options& wanted, std::span<const backend> built_in, store_time time) {
    constexpr std::string_view kind = "backend.kind", dsn = "backend.dsn";
    const auto known = std::ranges::find(known_backends, wanted.kind, &known_backend::kind);
    const auto found = std::ranges::find(built_in, wanted.kind, &backend::kind);
    const bool is_known = known != known_backends.end();
    const bool is_memory = wanted.kind == "memory";
    if (found == built_in.end() && !is_known) {
        std::vector<std::string_view> names;
        for (const known_backend& k : known_backends)
            names.push_back(k.kind);
        for (const backend& b : built_in)
            if (std::ranges::find(names, b.kind) == names.end())
                names.push_back(b.kind);
        const std::string guess = closest_match(wanted.kind, names);
        return backend_fault{kind,
                             fmt::format("{} is none of {}{}", in_quotes(wanted.kind), fmt::join(names, ", "),
                                         guess.empty() ? "" : fmt::format("; did you mean {}?", in_quotes(guess)))};
    }
    if (found == built_in.end() && !is_memory)
        return backend_fault{kind, fmt::format("this program was built without the {} store; add {} (Debian: {}) and "
                                               "build again",
                                               known->kind, known->component, known->package)};
    if (const known_backend* other = kind_of_dsn(wanted.dsn);
        other != nullptr && is_known && other->kind != wanted.kind)
        return backend_fault{dsn, fmt::format("it is a connection text of the {} store, and backend.kind is {}; set "
                                              "backend.kind to {}, or write a text of the {} store{}",
                                              other->kind, wanted.kind, other->kind, wanted.kind,
                                              is_memory ? ": none" : fmt::format(": {}", known->example))};
    if (is_memory && found == built_in.end()) {
        if (!wanted.dsn.empty())
            return backend_fault{dsn, "the memory store has no connection text; leave it out, or set backend.kind to "
                                      "the store it is for"};
        return any_store{shared_memory_store{steady_clock{}, time}};
    }
    if (wanted.dsn.empty())
        return backend_fault{dsn, fmt::format("the {} store needs a connection text{}", wanted.kind,
                                              is_known ? fmt::format("; write {}", known->example) : "")};
    auto opened = found->open(wanted.dsn, time);
    if (opened)
        return std::move(*opened);
    std::string message = opened.error().message;
    for (const std::string& prefix : {fmt::format("{}: ", dsn), fmt::format("{}: ", wanted.kind)})
        if (message.starts_with(prefix))
            message.erase(0, prefix.size());
    return backend_fault{dsn, std::move(message)};
}

}  // namespace detail

/// The store that a configuration names, if the program was built with it; `memory` is always built in. It does not
/// connect yet.
///
///     auto store = weir::open_store(config.backend(), {weir::sqlite::backend, weir::redis::backend}).value();
///     weir::registry limits{store, config};
///
/// **Errors.** `errc::bad_configuration` for a kind that is unknown or not built in, with what to add, and for a
/// connection text that is missing, cannot be read or belongs to another store. The message begins with the leaf:
/// `backend.kind: ...`.
[[nodiscard]] inline result<any_store> open_store(const backend_options& wanted, std::span<const backend> built_in,
                                                  store_time time = store_time::own) {
    auto found = detail::find_store(wanted, built_in, time);
    if (const auto* fault = std::get_if<detail::backend_fault>(&found))
        return error{errc::bad_configuration, fmt::format("{}: {}", fault->leaf, fault->message)};
    return std::get<any_store>(std::move(found));
}
[[nodiscard]] inline result<any_store>
open_store(const backend_options& wanted, std::initializer_list<backend> built_in, store_time time = store_time::own) {
    return open_store(wanted, std::span{built_in.begin(), built_in.size()}, time);
}

/// Returns `made` as it is if its store can be opened. Otherwise it has the fault of `open_store`, at the source
/// location of the leaf, so that it is reported like every other fault of a configuration.
[[nodiscard]] inline resolution with_store(resolution made, std::span<const backend> built_in) {
    if (!made)
        return made;
    const auto found = detail::find_store(made->backend(), built_in, store_time::own);
    const auto* wrong = std::get_if<detail::backend_fault>(&found);
    if (wrong == nullptr)
        return made;
    // If the text is missing, the fault belongs to the kind that needs it.
    source_location at = made.place_of(wrong->leaf, made.place_of("backend.kind"));
    return {std::nullopt, {fault{std::move(at), std::string{wrong->leaf}, wrong->message}}};
}

}  // namespace weir
