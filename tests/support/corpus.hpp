// SPDX-License-Identifier: MIT
#pragma once

// The entries of tests/corpus/*-configurations/*.txt. tests/corpus/README.md has their form.

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir_test {

struct corpus_part {
    std::string header;  ///< "yaml escaped"
    std::vector<std::string> lines{};

    [[nodiscard]] bool is(std::string_view kind) const {
        return header == kind || header.starts_with(std::string{kind} + " ");
    }
    /// The lines as one text, each with its end.
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const std::string& line : lines)
            out += line + "\n";
        if (!header.ends_with(" escaped"))
            return out;
        out.pop_back();
        std::string bytes;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (out[i] == '\\' && i + 3 < out.size() && out[i + 1] == 'x') {
                bytes += static_cast<char>(std::stoi(out.substr(i + 2, 2), nullptr, 16));
                i += 3;
            } else {
                bytes += out[i];
            }
        }
        return bytes;
    }
};

struct corpus_entry {
    std::string name{};
    std::vector<corpus_part> parts{};

    [[nodiscard]] std::vector<const corpus_part*> all(std::string_view kind) const {
        std::vector<const corpus_part*> out;
        for (const corpus_part& part : parts)
            if (part.is(kind))
                out.push_back(&part);
        return out;
    }
    [[nodiscard]] std::vector<std::string> lines(std::string_view kind) const {
        const auto found = all(kind);
        return found.empty() ? std::vector<std::string>{} : found.front()->lines;
    }
    /// Sets what is expected; nothing expected is no part.
    void expect(std::string_view kind, std::vector<std::string> lines) {
        const auto found = std::ranges::find_if(parts, [&](const corpus_part& part) { return part.is(kind); });
        if (found != parts.end() && lines.empty())
            parts.erase(found);
        else if (found != parts.end())
            found->lines = std::move(lines);
        else if (!lines.empty())
            parts.push_back({std::string{kind}, std::move(lines)});
    }
};

struct corpus_file {
    std::filesystem::path path{};
    std::vector<std::string> head{};
    std::vector<corpus_entry> entries{};

    explicit corpus_file(std::filesystem::path from) : path(std::move(from)) {
        std::ifstream stream{path, std::ios::binary};
        for (std::string line; std::getline(stream, line);) {
            if (line.starts_with("=== "))
                entries.push_back({line.substr(4)});
            else if (entries.empty())
                head.push_back(line);
            else if (line.starts_with("--- ") && line.size() > 4)
                entries.back().parts.push_back({line.substr(4)});
            else if (!entries.back().parts.empty())
                entries.back().parts.back().lines.push_back(line);
            else
                throw std::runtime_error{path.string() + ": what is \"" + line + "\" below === " + entries.back().name};
        }
    }

    void write() const {
        std::ofstream out{path, std::ios::binary};
        for (const std::string& line : head)
            out << line << '\n';
        for (const corpus_entry& entry : entries) {
            out << "=== " << entry.name << '\n';
            for (const corpus_part& part : entry.parts) {
                out << "--- " << part.header << '\n';
                for (const std::string& line : part.lines)
                    out << line << '\n';
            }
        }
    }
};

/// The files of one folder of the corpus, in the order of their names.
[[nodiscard]] inline std::vector<corpus_file> read_corpus(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator{folder})
        if (entry.path().extension() == ".txt")
            paths.push_back(entry.path());
    std::ranges::sort(paths);
    std::vector<corpus_file> out;
    for (const auto& path : paths)
        out.emplace_back(path);
    return out;
}

}  // namespace weir_test
