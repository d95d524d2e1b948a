// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/cache/cache_options.hpp"
#include "weir/http/cache/cache_storage.hpp"
#include "weir/http/cache/detail/cache_engine.hpp"
#include "weir/http/cache/memory_storage.hpp"
#include "weir/http/message.hpp"
#include "weir/http/receiver.hpp"
#include "weir/http/transport.hpp"
#include "weir/http/url.hpp"

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weir::http {

/// A transport with a private cache (RFC 9111) above another one. Put it above `limited`, so that a hit takes no
/// permit, and below `redirecting`, so that each hop is cached for itself.
///
/// ```
/// auto http = weir::http::redirecting(weir::http::cached(weir::http::limited(weir::curl::transport{}, limits)));
/// ```
///
/// **Effects.** GET and HEAD are answered from the storage as far as the RFC allows. Everything else is passed on; a
/// successful unsafe request drops what is stored of its URL. Equal requests at one time are sent once: the others wait
/// for the response, and if the first of them fails, the next one is sent. A response from the storage has `Age` and
/// `Cache-Status`. A validation (304) is a request like any other, so it takes a permit.
/// **Errors.** What the transport throws. A fault of the storage is counted (`counts`) and fails no request.
/// **Thread safety.** The transport's and the storage's. **Lifetime.** A transport given as an lvalue, and everything
/// that `background` runs, must not outlive it.
template <class Transport, class Storage = memory_storage>
    requires transport<std::remove_reference_t<Transport>> && cache_storage<std::remove_reference_t<Storage>>
class cached : public collecting<cached<Transport, Storage>> {
public:
    explicit cached(Transport&& inner, cache_options options = {})
        requires std::default_initializable<Storage>
        : engine_(std::make_unique<engine>(std::forward<Transport>(inner), std::move(options))) {}
    cached(Transport&& inner, Storage&& storage, cache_options options = {})
        : engine_(std::make_unique<engine>(std::forward<Transport>(inner), std::move(options),
                                           std::forward<Storage>(storage))) {}

    using collecting<cached>::send;
    void send(const request& what, receiver& to) { engine_->send(what, to); }

    /// Drops what is stored of a URL. **Errors.** What the storage throws; `errc::bad_url`.
    void erase(std::string_view url) { storage().erase(parse_url(url).value().str()); }
    /// Drops every URL for which the function is true, and returns their number.
    std::size_t erase_if(const std::function<bool(std::string_view url)>& which) { return storage().erase_if(which); }

    [[nodiscard]] cache_counts counts() const noexcept { return engine_->counts(); }
    [[nodiscard]] std::remove_reference_t<Transport>& inner() noexcept { return engine_->inner(); }
    [[nodiscard]] std::remove_reference_t<Storage>& storage() noexcept { return engine_->storage(); }

private:
    using engine = detail::cache_engine<Transport, Storage>;
    std::unique_ptr<engine> engine_;
};

template <class Transport>
cached(Transport&&) -> cached<Transport, memory_storage>;
template <class Transport>
cached(Transport&&, cache_options) -> cached<Transport, memory_storage>;
template <class Transport, class Storage>
cached(Transport&&, Storage&&) -> cached<Transport, Storage>;
template <class Transport, class Storage>
cached(Transport&&, Storage&&, cache_options) -> cached<Transport, Storage>;

}  // namespace weir::http
