// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/configuration.hpp"
#include "weir/core/result.hpp"
#include "weir/core/time.hpp"
#include "weir/storage/any_store.hpp"
#include "weir/storage/holder.hpp"
#include "weir/storage/stored_key.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::tools {

/// Where the windows of a key were found.
enum class window_source : std::uint8_t {
    store,          ///< the store keeps those of the last plan
    configuration,  ///< those that the given files say
    none,           ///< neither: it is only known how much was sent
};

/// Why a gate is closed, as far as the store knows it.
enum class gate_reason : std::uint8_t {
    none,     ///< it is open
    refusal,  ///< the server has refused requests of the key
    hold,     ///< a reported limit is used up, another role of the host was refused, or a program closed it
};

/// A key of a live store at one moment.
struct seen_key {
    stored_key key;
    key_snapshot state;
    window_source windows_from = window_source::none;
    duration gate_left{};  ///< until the gate opens; 0 = there is none
    gate_reason why_closed = gate_reason::none;
    std::int64_t refusals = 0;  ///< in a row
};

/// A process that uses the store.
struct seen_holder {
    holder_info process;
    duration age{};     ///< since its first sign of life
    duration silent{};  ///< since its last
};

/// A live store, for looking and for operators' verbs. It never makes a store, and never updates an older one.
///
/// **Errors.** The verbs throw `store_error`.
class live_store {
public:
    /// **Errors.** `errc::bad_configuration`: the store is unknown, or cannot be looked at.
    [[nodiscard]] static result<live_store> open(const backend_options& wanted);

    /// Keys of `host` and `role`, of all hosts or roles where one is empty; by host, then role.
    [[nodiscard]] std::vector<stored_key> keys(std::string_view host, std::string_view role);
    /// The present state. With `limits` the windows are those that it says for the key; otherwise the store's.
    [[nodiscard]] seen_key look(const stored_key& key, const configuration* limits);
    void reset(const stored_key& key);
    void open_gate(const stored_key& key);
    /// The other processes that use the store, the oldest first.
    [[nodiscard]] std::vector<seen_holder> holders();

    [[nodiscard]] const std::string& kind() const noexcept { return kind_; }

private:
    live_store(std::string kind, any_store store) : kind_(std::move(kind)), store_(std::move(store)) {}

    std::string kind_;
    any_store store_;
};

}  // namespace weir::tools
