// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/ext/yaml/detail/bounded_input.hpp"
#include "weir/ext/yaml/detail/leaf_handler.hpp"
#include "weir/ext/yaml/detail/syntax.hpp"
#include "weir/ext/yaml/detail/validate_text.hpp"
#include "weir/ext/yaml/parse_limits.hpp"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <istream>
#include <string>
#include <string_view>
#include <system_error>

namespace weir::yaml {

/// The leaves of one document, each with the line and column of its value.
///
/// `name` is the name of the text in messages. **Errors.** These are faults of the layer: bad YAML, bad UTF-8, NUL
/// bytes, a key twice in one mapping, anchors, aliases and tags, a second document, an empty text, and anything beyond
/// `bounds`. **Complexity.** Linear; no tree is built.
[[nodiscard]] inline layer load_text(std::string_view text, std::string_view name, const parse_limits& bounds = {}) {
    layer out;
    out.one_spelling = true;
    const source_location file{std::string{name}};
    if (text.size() > bounds.bytes) {
        out.add_fault(file, "", bounds.too_large());
        return out;
    }
    if (const auto odd = detail::validate_text(text); odd.message != nullptr) {
        out.add_fault(file.at(odd.line, odd.column), "", odd.message);
        return out;
    }
    out.set_source(file);
    out.expect(text.size());
    // The parser takes the end of a line as the end of an open quote. Everything inside such a quote, even whole hosts,
    // would be lost without a message. If the text ends before that, the parser reports the quote.
    detail::bounded_input input{text.substr(0, text.find_last_not_of(" \t\r\n") + 1)};  // npos + 1 is 0
    detail::leaf_handler handler{out, file, input, bounds};
    try {
        std::istream stream{&input};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(handler)) {
        }
        handler.finish();
    } catch (const detail::stop&) {
        // the handler has reported why
    } catch (const detail::starved&) {
        handler.starve();
    } catch (const YAML::Exception& e) {
        handler.cut();
        out.add_fault(e.mark.is_null() ? file
                                       : file.at(static_cast<std::uint32_t>(e.mark.line) + 1,
                                                 static_cast<std::uint32_t>(e.mark.column) + 1),
                      "", detail::syntax_fault(e, text));
    }
    return out;
}

/// The same for a file.
///
/// **Errors.** A file that is missing, cannot be read or is not a regular file is a fault, never an empty layer.
[[nodiscard]] inline layer load_file(const std::string& path, const parse_limits& bounds = {}) {
    layer out;
    const source_location file{path};
    const auto fail = [&](std::string_view why) {
        out.add_fault(file, "", fmt::format("cannot read the configuration file: {}", why));
        return out;
    };
    std::error_code failure;
    const auto status = std::filesystem::status(path, failure);
    if (!std::filesystem::exists(status))
        return fail(failure ? failure.message() : "there is no such file");
    if (std::filesystem::is_directory(status))
        return fail("it is a directory");
    if (const auto size = std::filesystem::file_size(path, failure); !failure && size > bounds.bytes) {
        out.add_fault(file, "", bounds.too_large());
        return out;
    }
    std::ifstream stream{path, std::ios::binary};
    if (!stream)
        return fail("permission denied or out of file handles");
    // Read piece by piece up to the bound, because a pipe has no size and a file may grow.
    std::string text;
    char piece[65536];
    while (text.size() <= bounds.bytes && stream.read(piece, sizeof piece).gcount() > 0)
        text.append(piece, static_cast<std::size_t>(stream.gcount()));
    if (stream.bad())
        return fail("reading failed");
    return load_text(text, path, bounds);
}

}  // namespace weir::yaml
