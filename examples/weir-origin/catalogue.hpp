// SPDX-License-Identifier: MIT
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

/// The documents this server pretends to hold. Everything follows from the seed: the same options give the same bytes.
namespace origin {

/// SplitMix64: tiny, seedable, and the same on every platform, which the standard distributions are not.
class generator {
public:
    explicit generator(std::uint64_t seed) : state_{seed} {}

    std::uint64_t next() {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30u)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27u)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31u);
    }

    /// Uniform in [0, n). Preconditions: n > 0.
    std::uint64_t below(std::uint64_t n) { return next() % n; }

    /// Uniform in (0, 1].
    double unit() { return (static_cast<double>(next() >> 11u) + 1.0) * 0x1p-53; }

    double normal() { return std::sqrt(-2.0 * std::log(unit())) * std::cos(2.0 * std::numbers::pi * unit()); }

    /// Log-normal with the given mean of the distribution (not of its logarithm).
    double log_normal(double mean, double sigma) {
        return std::exp(std::log(mean) - sigma * sigma / 2.0 + sigma * normal());
    }

private:
    std::uint64_t state_;
};

struct catalogue_options {
    std::int64_t documents = 60;
    std::uint64_t seed = 1;
    double pdf_size = 65536;  // mean, bytes
    double pdf_sigma = 0.5;   // of the logarithm; 0 makes all sizes equal
    int first_year = 2024;
    int last_year = 2024;
};

struct document {
    std::string id;
    std::string doi;
    std::string title;
    int year;
    int month;
    int day;
    std::uint64_t seed;
    std::size_t pdf_size;

    /// 20240131, to compare with a filter.
    [[nodiscard]] int date() const { return year * 10000 + month * 100 + day; }

    /// Strong: two PDFs with the same tag are the same bytes.
    [[nodiscard]] std::string etag() const { return fmt::format("\"{:016x}-{:x}\"", seed, pdf_size); }
};

/// Where links point: authorities (`host:port`) of the listeners that serve each kind of page.
struct places {
    std::string api;
    std::string landing;
    std::string pdf;
    bool redirect_landing = false;

    [[nodiscard]] std::string doi_url(const document& d) const { return fmt::format("http://{}/doi/{}", api, d.id); }
    [[nodiscard]] std::string landing_url(const document& d) const {
        return fmt::format("http://{}/landing/{}", landing, d.id);
    }
    [[nodiscard]] std::string pdf_url(const document& d) const {
        return fmt::format("http://{}/pdf/{}.pdf", pdf, d.id);
    }
    [[nodiscard]] std::string public_url(const document& d) const {
        return redirect_landing ? doi_url(d) : landing_url(d);
    }
};

[[nodiscard]] inline std::string landing_page(const document& d, const places& where) {
    return fmt::format("<!DOCTYPE html>\n"
                       "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
                       "<meta name=\"citation_title\" content=\"{0}\">\n"
                       "<meta name=\"citation_doi\" content=\"{1}\">\n"
                       "<meta name=\"citation_publication_date\" content=\"{2:04}/{3:02}/{4:02}\">\n"
                       "<meta name=\"citation_pdf_url\" content=\"{5}\">\n"
                       "</head>\n<body>\n<h1>{0}</h1>\n<p><a href=\"{5}\">PDF</a></p>\n</body>\n</html>\n",
                       d.title, d.doi, d.year, d.month, d.day, where.pdf_url(d));
}

namespace detail {

/// An empty but valid PDF around a stream of `filler` bytes. Numbers have a fixed width, so the frame does too.
[[nodiscard]] inline std::string pdf_frame(std::string_view filler) {
    std::array<std::size_t, 5> at{};
    std::string out = "%PDF-1.4\n%\xE2\xE3\xCF\xD3\n";
    out.reserve(out.size() + filler.size() + 700);
    at[1] = out.size();
    out += "1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n";
    at[2] = out.size();
    out += "2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n";
    at[3] = out.size();
    out += "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] >>\nendobj\n";
    at[4] = out.size();
    out += fmt::format("4 0 obj\n<< /Length {:010} >>\nstream\n", filler.size());
    out += filler;
    out += "\nendstream\nendobj\n";
    const std::size_t xref = out.size();
    out += "xref\n0 5\n0000000000 65535 f \n";
    for (std::size_t i = 1; i < at.size(); ++i) {
        out += fmt::format("{:010} 00000 n \n", at[i]);
    }
    out += fmt::format("trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n{:010}\n%%EOF\n", xref);
    return out;
}

}  // namespace detail

/// Smallest PDF the catalogue makes.
[[nodiscard]] inline std::size_t smallest_pdf() {
    static const std::size_t size = detail::pdf_frame({}).size() + 16;
    return size;
}

/// Exactly `d.pdf_size` bytes.
[[nodiscard]] inline std::string pdf_bytes(const document& d) {
    std::string filler(d.pdf_size - detail::pdf_frame({}).size(), '\0');
    generator random{d.seed};
    for (std::size_t i = 0; i < filler.size(); i += sizeof(std::uint64_t)) {
        const std::uint64_t word = random.next();
        std::memcpy(filler.data() + i, &word, std::min(sizeof word, filler.size() - i));
    }
    return detail::pdf_frame(filler);
}

/// Immutable after construction, hence free to share between threads.
class catalogue {
public:
    explicit catalogue(const catalogue_options& options) {
        static constexpr std::array<std::string_view, 8> subjects{
            "Sediment transport",   "Spillway design", "Flow over weirs",  "River restoration",
            "Groundwater recharge", "Flood routing",   "Turbulent mixing", "Reservoir operation"};
        static constexpr std::array<std::string_view, 6> settings{"in alpine catchments",     "under changing climate",
                                                                  "in braided rivers",        "at laboratory scale",
                                                                  "with sparse observations", "in urban basins"};
        generator random{options.seed};
        const auto years = static_cast<std::uint64_t>(options.last_year - options.first_year + 1);
        documents_.reserve(static_cast<std::size_t>(options.documents));
        for (std::int64_t i = 1; i <= options.documents; ++i) {
            document d;
            d.id = fmt::format("d{:06}", i);
            d.doi = fmt::format("10.5555/weir.{}", d.id);
            d.title = fmt::format("{} {}: part {}", subjects[random.below(subjects.size())],
                                  settings[random.below(settings.size())], i);
            d.year = options.first_year + static_cast<int>(random.below(years));
            d.month = 1 + static_cast<int>(random.below(12));
            d.day = 1 + static_cast<int>(random.below(28));
            d.seed = random.next();
            const double size = random.log_normal(std::max(options.pdf_size, 1.0), options.pdf_sigma);
            d.pdf_size = std::max(smallest_pdf(), static_cast<std::size_t>(std::min(size, 1e9)));
            documents_.push_back(std::move(d));
        }
    }

    [[nodiscard]] const std::vector<document>& documents() const { return documents_; }

    /// Null when there is none. Ids are zero-padded to equal width, hence sorted below a million documents.
    [[nodiscard]] const document* by_id(std::string_view id) const {
        const auto found = std::lower_bound(documents_.begin(), documents_.end(), id,
                                            [](const document& d, std::string_view key) { return d.id < key; });
        return found != documents_.end() && found->id == id ? &*found : nullptr;
    }

    [[nodiscard]] const document* by_doi(std::string_view doi) const {
        constexpr std::string_view prefix = "10.5555/weir.";
        return doi.starts_with(prefix) ? by_id(doi.substr(prefix.size())) : nullptr;
    }

private:
    std::vector<document> documents_;
};

}  // namespace origin
