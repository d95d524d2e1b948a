// SPDX-License-Identifier: MIT
#include "fetch.hpp"

#include "partial_file.hpp"
#include "sha256.hpp"

#include "weir/core/text.hpp"
#include "weir/http/content_range.hpp"
#include "weir/http/headers.hpp"
#include "weir/http/retry_after.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace download {
namespace {

/// Writes a response into a partial file, if it is one that belongs there.
class file_receiver final : public weir::http::receiver {
public:
    file_receiver(partial_file& file, const std::string& url) : file_(file), url_(url), final_url_(url) {}

    void located(std::string_view at) override { final_url_ = at; }
    void head(int code, const weir::http::headers& fields) override {
        status = code;
        retry_after = weir::http::retry_after(fields, std::chrono::system_clock::now());
        part_notes notes{url_, final_url_, {}, {}, code};
        // A weak tag vouches for the meaning, not for the bytes: nothing can be joined by it.
        if (const auto tag = fields.first("ETag"); tag && tag->starts_with('"'))
            notes.etag = *tag;
        if (code == 206) {
            const auto range = weir::http::parse_content_range(fields.first("Content-Range").value_or(""));
            const bool fits = range && range->first == file_.bytes() && file_.bytes() > 0 &&
                              (notes.etag.empty() || notes.etag == file_.notes().etag);
            if (!fits)
                return;
            notes.etag = file_.notes().etag;
            notes.total = range->total ? range->total : file_.notes().total;
            file_.go_on(notes);
            takes_ = true;
        } else if (code == 200) {
            if (!fields.contains("Content-Encoding"))
                notes.total = weir::http::parse_length(fields.first("Content-Length").value_or(""));
            file_.start_over(notes);
            takes_ = true;
        }
    }
    [[nodiscard]] bool body(std::string_view bytes) override {
        if (takes_) {
            file_.write(bytes);
            return true;
        }
        // A short error page is read to its end, so that the connection can be used again.
        return (passed_ += bytes.size()) <= 65536;
    }

    [[nodiscard]] bool has_whole() const {
        return takes_ && (!file_.notes().total || *file_.notes().total == file_.bytes());
    }
    [[nodiscard]] const std::string& final_url() const noexcept { return final_url_; }

    int status = 0;
    std::optional<weir::duration> retry_after;

private:
    partial_file& file_;
    const std::string& url_;
    std::string final_url_;
    bool takes_ = false;
    std::size_t passed_ = 0;
};

reply attempt(const wish& w, partial_file& file, client& through, const std::stop_token& stop) {
    weir::http::request ask = through.ask(w.url, w.role, stop);
    if (const auto have = file.resume(w.url); have > 0) {
        if (have == file.notes().total)
            return {file.notes().status, {}, {}};  // all but its name was there
        ask.resume_from = have;
        ask.headers.set("If-Range", file.notes().etag);
    }
    file_receiver to{file, w.url};
    through.send(ask, to);
    reply out{to.status, to.retry_after, {}};
    if (to.status == 206 || to.status == 200) {
        if (to.has_whole())
            return out;
        // The connection said nothing was missing, or the range is not the one that was asked for.
        if (to.status == 206)
            file.drop();
        out.fault = to.status == 206
                        ? "the server sent another part than the one that was missing"
                        : fmt::format("the body ended after {} of {} bytes", file.bytes(), *file.notes().total);
    } else if (to.status == 416 && ask.resume_from) {
        file.drop();
        out.fault = "the server no longer has the part that is missing";
    }
    return out;
}

}  // namespace

std::string path_for(const std::string& url, const std::string& role, std::string_view hint,
                     std::string_view extension) {
    const auto safe = [](std::string_view text, std::size_t max) {
        std::string out;
        for (const char c : text.substr(0, max)) {
            const bool plain = weir::detail::is_alpha(c) || weir::detail::is_digit(c) || c == '-' || c == '_' ||
                               (c == '.' && !out.empty());
            out += plain ? c : '_';
        }
        return out;
    };
    const std::string dotted = extension.empty() ? "" : "." + safe(extension, 8);
    return fmt::format("{}/{}-{}{}", safe(role, 60), safe(hint, 120), sha256_hex(url).substr(0, 8), dotted);
}

bool is_complete(const wish& w, const std::filesystem::path& out, const manifest& known) {
    const auto entry = known.find(w.path);
    std::error_code none;
    if (!entry || entry->url != w.url || std::filesystem::file_size(out / w.path, none) != entry->bytes || none)
        return false;
    return partial_file{out / w.path}.measure().second == entry->sha256;
}

void remove_leftovers(const wish& w, const std::filesystem::path& out) { partial_file{out / w.path}.forget(); }

outcome fetch_file(const wish& w, const std::filesystem::path& out, client& through, manifest& known,
                   const std::stop_token& stop) {
    partial_file file{out / w.path};
    const auto enter = [&](std::uint64_t bytes, std::string hash) {
        known.add(
            {w.url, file.notes().final_url, w.role, w.path, bytes, std::move(hash), file.notes().status, utc_now()});
        file.forget();
    };
    try {
        if (file.completed_unrecorded(w.url)) {
            auto [bytes, hash] = file.measure();
            enter(bytes, std::move(hash));
            return {};
        }
        const outcome end = through.persist(w.url, stop, [&] { return attempt(w, file, through, stop); });
        if (end.state != outcome::kind::done)
            return end;
        if (end.status != 200 && end.status != 206)
            return {outcome::kind::failed, end.status, fmt::format("the server answered {}", end.status)};
        std::string hash = file.complete();
        enter(file.bytes(), std::move(hash));
        return end;
    } catch (const std::exception& e) {  // the disk: a worker must go on to the next
        return {outcome::kind::failed, 0, e.what()};
    }
}

}  // namespace download
