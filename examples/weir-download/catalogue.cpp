// SPDX-License-Identifier: MIT
#include "catalogue.hpp"

#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <utility>

namespace download {

std::string percent_encoded(std::string_view text, bool slashes) {
    std::string out;
    for (const char c : text) {
        const bool plain =
            weir::detail::is_alpha(c) || weir::detail::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain || (slashes && c == '/'))
            out += c;
        else
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::string page_url(const std::string& base, const query& asked, std::size_t rows, std::string_view cursor) {
    std::string filter;
    if (asked.year_start)
        filter += fmt::format("from-pub-date:{}", *asked.year_start);
    if (asked.year_end)
        filter += fmt::format("{}until-pub-date:{}", filter.empty() ? "" : ",", *asked.year_end);
    return fmt::format("{}/works?query={}{}{}&rows={}&cursor={}", base, percent_encoded(asked.topic),
                       filter.empty() ? "" : "&filter=", filter, rows, percent_encoded(cursor));
}

namespace {

std::string text_of(const nlohmann::json& in, const char* name) {
    const auto found = in.find(name);
    return found != in.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::string pdf_of(const nlohmann::json& item) {
    const auto links = item.find("link");
    if (links == item.end() || !links->is_array())
        return {};
    for (const std::string_view type : {"application/pdf", "unspecified"})
        for (const auto& one : *links)
            if (one.is_object() && text_of(one, "content-type") == type && !text_of(one, "URL").empty())
                return text_of(one, "URL");
    return {};
}

}  // namespace

page read_page(const std::string& base, std::string_view body) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    if (!json.is_object() || !json.contains("message") || !json["message"].is_object() ||
        !json["message"].contains("items") || !json["message"]["items"].is_array())
        throw std::runtime_error{"the answer is no list of works; is --base-url an API like https://api.crossref.org?"};
    const auto& message = json["message"];
    page out;
    if (message.contains("total-results") && message["total-results"].is_number_unsigned())
        out.total = message["total-results"].get<std::size_t>();
    out.next_cursor = text_of(message, "next-cursor");
    for (const auto& item : message["items"]) {
        document d;
        if (item.is_object())
            d.doi = text_of(item, "DOI");
        if (d.doi.empty()) {
            ++out.nameless;
            continue;
        }
        d.record_url = fmt::format("{}/works/{}", base, percent_encoded(d.doi, true));
        d.landing_url = text_of(item, "URL");
        if (d.landing_url.empty())
            d.landing_url = "https://doi.org/" + percent_encoded(d.doi, true);
        d.pdf_url = pdf_of(item);
        out.documents.push_back(std::move(d));
    }
    return out;
}

namespace {

/// The value of an attribute within one tag; empty when it has none.
std::string attribute(std::string_view tag, std::string_view name) {
    const std::string lower = weir::detail::lower(tag);
    const auto is_gap = [&tag](std::size_t i) {
        return std::string_view{" \t\r\n"}.find(tag[i]) != std::string_view::npos;
    };
    for (auto at = lower.find(name); at != std::string::npos; at = lower.find(name, at + 1)) {
        std::size_t i = at + name.size();
        if (at == 0 || !is_gap(at - 1))
            continue;
        while (i < tag.size() && is_gap(i))
            ++i;
        if (i >= tag.size() || tag[i] != '=')
            continue;
        for (++i; i < tag.size() && is_gap(i);)
            ++i;
        if (i >= tag.size())
            return {};
        const char quote = tag[i];
        const bool quoted = quote == '"' || quote == '\'';
        if (quoted)
            ++i;
        const auto end = quoted ? tag.find(quote, i) : tag.find_first_of(" \t\r\n/", i);
        return std::string{tag.substr(i, end == std::string_view::npos ? end : end - i)};
    }
    return {};
}

std::string unescaped(std::string text) {
    static constexpr std::array<std::pair<std::string_view, char>, 6> entities{
        {{"&quot;", '"'}, {"&#39;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}, {"&#38;", '&'}, {"&amp;", '&'}}};
    for (const auto& [name, c] : entities)  // "&amp;" comes last: what it makes is not read again
        for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + 1))
            text.replace(at, name.size(), 1, c);
    return text;
}

}  // namespace

std::string find_pdf_link(std::string_view html, const std::string& page_url) {
    const std::string lower = weir::detail::lower(html);
    for (auto at = lower.find("<meta"); at != std::string::npos; at = lower.find("<meta", at + 5)) {
        const auto end = lower.find('>', at);
        if (end == std::string::npos)
            break;
        const std::string_view tag = html.substr(at + 5, end - at - 5);
        if (!weir::detail::same_ignoring_case(attribute(tag, "name"), "citation_pdf_url"))
            continue;
        const auto base = weir::http::parse_url(page_url);
        if (!base)
            return {};
        const auto link = weir::http::resolve(*base, unescaped(attribute(tag, "content")));
        return link ? link->str() : std::string{};
    }
    return {};
}

}  // namespace download
