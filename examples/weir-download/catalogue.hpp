// SPDX-License-Identifier: MIT
#pragma once

#include "weir/http/url.hpp"

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// The API's addresses and answers as text: no request is sent here.
namespace download {

/// One document, as far as it is known.
struct document {
    std::string doi;
    std::string record_url;
    std::string landing_url;
    std::string pdf_url;  ///< as the API links it; empty = it does not
};

/// One page of the list of works.
struct page {
    std::vector<document> documents;
    std::size_t nameless = 0;   ///< works without a DOI, which cannot be asked for
    std::size_t total = 0;      ///< works that match, on all pages
    std::string next_cursor{};  ///< empty = there is no further page
};

struct query {
    std::string topic;
    std::optional<int> year_start;
    std::optional<int> year_end;
};

/// `text` as it may stand in a query, or, with `slashes`, in a path.
[[nodiscard]] std::string percent_encoded(std::string_view text, bool slashes = false);

[[nodiscard]] std::string page_url(const std::string& base, const query& asked, std::size_t rows,
                                   std::string_view cursor);

/// **Errors:** throws `std::runtime_error` when it is no page of works.
[[nodiscard]] page read_page(const std::string& base, std::string_view body);

/// Where a landing page says its PDF is (`citation_pdf_url`, as every scholarly site writes it), resolved against the
/// page's own URL; empty when it does not say.
[[nodiscard]] std::string find_pdf_link(std::string_view html, const std::string& page_url);

}  // namespace download
