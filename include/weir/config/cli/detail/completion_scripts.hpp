// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/version.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A flag for a shell's completion.
struct completed_flag {
    std::string name{};      ///< with its dashes
    std::string argument{};  ///< name of its value, such as FILE; empty = it has none
    std::string meaning{};
    bool optional = false;             ///< whether the value may be missing; if present it is after "="
    bool file = false;                 ///< whether the value is a file
    std::vector<std::string> words{};  ///< the possible values; empty = any
};

/// The possible arguments after a program's name, or after one of its commands.
struct completed_command {
    std::string name{};  ///< empty = the program has no commands
    std::string meaning{};
    std::vector<completed_flag> flags{};
    bool files = false;                ///< whether its other arguments are files
    std::vector<std::string> words{};  ///< or the words to choose from
};

struct completed_program {
    std::string name{};
    std::vector<completed_command> commands{};  ///< one without a name, or several with names
};

namespace detail {

/// `text` with a backslash before each character of `special`.
[[nodiscard]] inline std::string escaped(std::string_view text, std::string_view special) {
    std::string out;
    for (const char c : text) {
        if (special.find(c) != std::string_view::npos)
            out += '\\';
        out += c;
    }
    return out;
}

/// `text` as one word between single quotes, as bash and zsh read it.
[[nodiscard]] inline std::string shell_quoted(std::string_view text) {
    std::string out = "'";
    for (const char c : text)
        out += c == '\'' ? "'\\''" : std::string{c};
    return out + "'";
}

/// A shell function's name, made from a program's name.
[[nodiscard]] inline std::string function_name(std::string_view program) {
    std::string out = "_";
    for (const char c : program)
        out += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
    return out + "_complete";
}

[[nodiscard]] inline std::string bash_completion(const completed_program& p) {
    const std::string name = function_name(p.name);
    std::string out = fmt::format(R"(# bash completion of {0}: source it, or save it as
# ~/.local/share/bash-completion/completions/{0}
{1}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} flag= joined=
    ((COMP_CWORD > 0)) && flag=${{COMP_WORDS[COMP_CWORD - 1]}}
    # bash makes "=" a word of its own
    if [[ $cur == = ]]; then
        joined=yes cur=
    elif [[ $flag == = ]]; then
        joined=yes flag=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    COMPREPLY=()
)",
                                  p.name, name);
    const bool commands = p.commands.size() != 1 || !p.commands.front().name.empty();
    if (commands) {
        std::string names;
        for (const completed_command& c : p.commands)
            names.append(names.empty() ? "" : " ").append(c.name);
        out += fmt::format(R"(    if ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W '{}' -- "$cur")
        return
    fi
    case ${{COMP_WORDS[1]}} in
)",
                           names);
    } else {
        out += "    case '' in\n";
    }
    for (const completed_command& c : p.commands) {
        out += fmt::format("    {})\n        case $flag in\n", shell_quoted(c.name));
        std::string all;
        for (const completed_flag& f : c.flags) {
            all.append(all.empty() ? "" : " ").append(f.name);
            if (f.argument.empty())
                continue;
            std::string then = "return";
            if (f.file)
                then = "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return";
            else if (!f.words.empty())
                then = fmt::format("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\"); return",
                                   fmt::join(f.words, " "));
            out += fmt::format("        {}) {}{} ;;\n", f.name, f.optional ? "[[ $joined ]] && { " : "",
                               f.optional ? then + "; }" : then);
        }
        out += fmt::format(R"(        esac
        if [[ $cur == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W '{}' -- "$cur")
)",
                           all);
        if (!c.words.empty())
            out += fmt::format("        else\n            mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$cur\")\n",
                               fmt::join(c.words, " "));
        else if (c.files)
            out += "        else\n            compopt -o filenames 2>/dev/null\n"
                   "            mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n";
        out += "        fi\n        ;;\n";
    }
    return out + fmt::format("    esac\n}}\ncomplete -F {} {}\n", name, p.name);
}

[[nodiscard]] inline std::string zsh_completion(const completed_program& p) {
    const std::string name = function_name(p.name);
    const bool commands = p.commands.size() != 1 || !p.commands.front().name.empty();
    std::string out =
        fmt::format("#compdef {0}\n# zsh completion of {0}: source it after compinit, or save it as {1} in a "
                    "folder of $fpath\n{1}() {{\n",
                    p.name, name);
    if (commands) {
        out += "    local state line\n    local -a commands=(\n";
        for (const completed_command& c : p.commands)
            out += fmt::format("        {}\n", shell_quoted(escaped(c.name, ":") + ":" + c.meaning));
        out += "    )\n    _arguments -C '1: :->command' '*:: :->rest'\n"
               "    [[ $state == command ]] && { _describe command commands; return; }\n    case $words[1] in\n";
    } else {
        out += "    case '' in\n";
    }
    for (const completed_command& c : p.commands) {
        out += fmt::format("    {})\n        _arguments", shell_quoted(c.name));
        for (const completed_flag& f : c.flags) {
            std::string spec = "*" + f.name;
            if (!f.argument.empty())
                spec += f.optional ? "=-" : "=";
            spec += fmt::format("[{}]", escaped(f.meaning, "[]\\"));
            if (!f.argument.empty()) {
                spec += (f.optional ? "::" : ":") + escaped(f.argument, ":\\") + ":";
                if (f.file)
                    spec += "_files";
                else if (!f.words.empty())
                    spec += fmt::format("({})", fmt::join(f.words, " "));
            }
            out += " \\\n            " + shell_quoted(spec);
        }
        if (!c.words.empty())
            out += " \\\n            " + shell_quoted(fmt::format("*: :({})", fmt::join(c.words, " ")));
        else if (c.files)
            out += " \\\n            '*:file:_files'";
        out += "\n        ;;\n";
    }
    return out + fmt::format("    esac\n}}\nif [[ $funcstack[1] == {0} ]]; then\n    {0} \"$@\"\nelse\n    compdef {0} "
                             "{1}\nfi\n",
                             name, p.name);
}

[[nodiscard]] inline std::string fish_completion(const completed_program& p) {
    const auto quoted = [](std::string_view text) { return "'" + escaped(text, "'\\") + "'"; };
    std::string out =
        fmt::format("# fish completion of {0}: source it, or save it as ~/.config/fish/completions/{0}.fish\n"
                    "complete -c {0} -f\n",
                    p.name);
    for (const completed_command& c : p.commands) {
        std::string stem = "complete -c " + p.name;
        if (!c.name.empty()) {
            out += fmt::format("{} -n __fish_use_subcommand -a {} -d {}\n", stem, c.name, quoted(c.meaning));
            stem += fmt::format(" -n '__fish_seen_subcommand_from {}'", c.name);
        }
        for (const completed_flag& f : c.flags) {
            out += fmt::format("{} -l {}", stem, f.name.substr(f.name.find_first_not_of('-')));
            if (f.file)
                out += " -r -F";
            else if (!f.argument.empty() && !f.optional)
                out += " -x";
            if (!f.words.empty())
                out += fmt::format(" -a {}", quoted(fmt::format("{}", fmt::join(f.words, " "))));
            out += fmt::format(" -d {}\n", quoted(f.meaning));
        }
        if (!c.words.empty())
            out += fmt::format("{} -a {}\n", stem, quoted(fmt::format("{}", fmt::join(c.words, " "))));
        else if (c.files)
            out += stem + " -F\n";
    }
    return out;
}

}  // namespace detail
}  // namespace weir
