// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/redis/detail/connection.hpp"
#include "weir/ext/redis/detail/key_address.hpp"
#include "weir/ext/redis/detail/script.hpp"
#include "weir/ext/redis/detail/wire.hpp"

#include "weir/core/time.hpp"
#include "weir/storage/remote/holder_book.hpp"
#include "weir/storage/remote/own_presence.hpp"

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::redis::detail {

/// The bytes of a holder's record, as `presence.lua` gets them: number, time to live, time to keep, machine,
/// process, its start, the machine's name.
[[nodiscard]] inline std::string presence_argument(const remote::own_presence& of) {
    std::string out;
    const auto put = [&out](std::uint64_t value) {
        const auto bytes = bytes_of(value);
        out.append(bytes.data(), bytes.size());
    };
    put(of.id);
    put(std::bit_cast<std::uint64_t>(microseconds_up(of.ttl)));
    put(std::bit_cast<std::uint64_t>(microseconds_up(of.keep)));
    put(of.identity.machine);
    put(static_cast<std::uint64_t>(of.identity.pid));
    put(static_cast<std::uint64_t>(of.identity.start));
    return out.append(of.identity.host);
}

/// What `presence.lua` returns.
struct presence_reply {
    std::int64_t now = 0;    ///< by the server's clock, in microseconds
    std::int64_t alive = 0;  ///< holders that live, with the caller
    std::vector<remote::holder_record> holders;
};
/// Nothing if the bytes are not what the script returns.
[[nodiscard]] inline std::optional<presence_reply> presence_reply_of(std::string_view bytes) {
    constexpr std::size_t fixed = 2 + 8 * 8;
    const auto number = [](std::string_view from, std::size_t index) {
        return std::bit_cast<std::uint64_t>(double_at(from, index));
    };
    const auto time = [](std::string_view from, std::size_t index) {
        const double value = double_at(from, index);
        return value > -9e15 && value < 9e15 ? static_cast<std::int64_t>(value) : 0;
    };
    if (bytes.size() < 16)
        return std::nullopt;
    presence_reply out{time(bytes, 0), time(bytes, 1), {}};
    bytes.remove_prefix(16);
    while (bytes.size() >= fixed) {
        const auto size = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) |
                          static_cast<std::size_t>(static_cast<unsigned char>(bytes[1])) << 8;
        if (size < fixed || size > bytes.size())
            return std::nullopt;
        const std::string_view r = bytes.substr(2, size - 2);
        out.holders.push_back({number(r, 0), number(r, 5), static_cast<std::int64_t>(number(r, 6)),
                               static_cast<std::int64_t>(number(r, 7)), time(r, 2), time(r, 1), time(r, 3),
                               std::string{r.substr(64)}});
        bytes.remove_prefix(size);
    }
    return bytes.empty() ? std::optional{std::move(out)} : std::nullopt;
}

/// The signs of life of one store object, as calls of the script.
///
/// **Thread safety.** All members may be called from any thread.
class presence : public remote::own_presence {
public:
    /// `prefix` is that of the keys.
    presence(std::string_view prefix, std::uint64_t holder, duration holder_ttl, duration entry_ttl,
             std::string_view host, bool off)
        : own_presence(holder, holder_ttl, entry_ttl, host, off), argument_(presence_argument(*this)) {
        std::string key{prefix};
        address_.parts = "$1\r\n1\r\n";
        append_part(address_.parts, key.append(":holders"));
    }

    /// The script's key and its argument.
    [[nodiscard]] const key_address& address() const noexcept { return address_; }
    [[nodiscard]] const std::string& argument() const noexcept { return argument_; }
    /// Reads the reply of a renewal.
    void hear(std::string_view reply, instant now) noexcept {
        if (reply.size() != 16)
            return book.failed(now);
        book.succeeded(static_cast<std::int64_t>(double_at(reply, 1)));
    }

    /// Gives a sign of life in a round trip of its own.
    template <class Session>
    void renew(Session& by, instant now) {
        bool sent = false;
        hear(text_of(*by.call(script::presence, address_, {}, argument_, "renew the presence", sent)), now);
    }
    /// All holders; nothing if the reply is not the script's.
    template <class Session>
    [[nodiscard]] std::optional<presence_reply> list(Session& by) const {
        bool sent = false;
        return presence_reply_of(text_of(*by.call(script::presence, address_, {}, {}, "list the holders", sent)));
    }

private:
    std::string argument_;
    key_address address_;
};

}  // namespace weir::redis::detail
