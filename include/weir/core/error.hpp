// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace weir {

/// The kind of a failure. A denial is not an error: it is a `decision`.
enum class errc : std::uint8_t {
    bad_rate = 1,       ///< a rate's text or value admits nothing or cannot be read
    bad_host,           ///< a host name that cannot be made canonical
    bad_policy,         ///< a policy that contradicts itself or has no limit without saying `unlimited`
    unknown_role,       ///< a role that no configuration declares
    bad_request,        ///< a request that the limiter cannot decide, such as one of cost 0
    bad_configuration,  ///< a configuration with faults
    bad_url,            ///< a URL that cannot be split into scheme, host and path
    bad_field,          ///< a header field that breaks its grammar, or a value that no field can contain
    refused,            ///< a request was denied and the caller asked for an exception
    cancelled,          ///< the caller's stop token ended a wait
    store_failed,       ///< a shared store could not be reached, or did not carry out a verb
};

namespace detail {
class category_type final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "weir"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
        case errc::bad_rate:
            return "not a rate";
        case errc::bad_host:
            return "not a host name";
        case errc::bad_policy:
            return "not a policy";
        case errc::unknown_role:
            return "unknown role";
        case errc::bad_request:
            return "not a request the limiter can decide";
        case errc::bad_configuration:
            return "configuration with faults";
        case errc::bad_url:
            return "not a URL";
        case errc::bad_field:
            return "not a field value";
        case errc::refused:
            return "refused by the rate limit";
        case errc::cancelled:
            return "cancelled";
        case errc::store_failed:
            return "the store failed";
        }
        return "unknown error";
    }
};
}  // namespace detail

/// The category of every `errc`.
[[nodiscard]] inline const std::error_category& category() noexcept {
    static const detail::category_type instance;
    return instance;
}

[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), category()};
}

/// A failure as a value: its kind, and a sentence that says what was attempted, on what, and what to do instead.
struct error {
    errc code{};
    std::string message;

    friend bool operator==(const error&, const error&) = default;
};

/// The exception of the throwing forms. `what()` is the error's sentence.
class exception : public std::runtime_error {
public:
    explicit exception(const error& e) : std::runtime_error(e.message), code_(e.code) {}
    [[nodiscard]] std::error_code code() const noexcept { return make_error_code(code_); }

private:
    errc code_;
};

}  // namespace weir

template <>
struct std::is_error_code_enum<weir::errc> : std::true_type {};
