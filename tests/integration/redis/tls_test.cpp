// SPDX-License-Identifier: MIT
#include "weir/ext/redis/redis_store.hpp"

#include "integration/redis/support/server.hpp"
#include "support/catch.hpp"
#include "support/store_checks.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace {

using weir_test::trouble_of;

/// A certification authority of our own, in a temporary folder.
class own_authority {
public:
    own_authority() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-ca-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw std::runtime_error{"no temporary folder"};
        folder_ = name;
        run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt");
    }
    own_authority(const own_authority&) = delete;
    own_authority& operator=(const own_authority&) = delete;
    ~own_authority() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// Makes `name`.key and `name`.crt, which names these hosts.
    void sign(const std::string& name, const std::string& hosts, int days = 2) const {
        run("req -newkey rsa:2048 -nodes -subj /CN=" + name + " -addext subjectAltName=" + hosts + " -keyout " + name +
            ".key -out " + name + ".csr");
        run("x509 -req -in " + name + ".csr -CA ca.crt -CAkey ca.key -CAcreateserial -copy_extensions copy -days " +
            std::to_string(days) + " -out " + name + ".crt");
    }
    [[nodiscard]] std::string file(const std::string& name) const { return folder_ + "/" + name; }

private:
    void run(const std::string& arguments) const {
        if (std::system(("cd " + folder_ + " && openssl " + arguments + " >/dev/null 2>&1").c_str()) != 0)
            throw std::runtime_error{"openssl " + arguments};
    }

    std::string folder_;
};

}  // namespace

TEST_CASE("redis TLS: server and client show certificates of an authority of our own, and each fault is named") {
    WEIR_NEEDS_REDIS();
    if (!weir::redis::detail::has_tls)
        WEIR_SKIP("this program was built without OpenSSL");
    if (std::system("openssl version >/dev/null 2>&1") != 0)
        WEIR_SKIP("there is no openssl command");
    try {
        const weir_test::redis_server probe{{"--tls-port", "0"}};
    } catch (const std::runtime_error&) {
        WEIR_SKIP("this Redis server was built without TLS");
    }
    const own_authority ours, others;
    ours.sign("server", "IP:127.0.0.1,DNS:localhost");
    ours.sign("elsewhere", "DNS:elsewhere.example.org");
    ours.sign("client", "DNS:client");
    others.sign("client", "DNS:client");
    const auto ca = ours.file("ca.crt");
    for (const std::string name : {"server", "elsewhere"}) {
        const auto port = std::to_string(weir_test::redis_server::free_port());
        const std::string host = name == "server" ? "localhost" : "127.0.0.1";
        weir_test::redis_server server{{"--tls-port", port, "--tls-cert-file", ours.file(name + ".crt"),
                                        "--tls-key-file", ours.file(name + ".key"), "--tls-ca-cert-file", ca,
                                        "--tls-auth-clients", "yes"}};
        const auto said = [&](const std::string& more) {
            weir::redis::redis_store store{
                weir::redis::parse_redis_dsn("rediss://" + host + ":" + port + "?pool=1&" + more).value()};
            return trouble_of(store);
        };
        const std::string client = "&cert_file=" + ours.file("client.crt") + "&key_file=" + ours.file("client.key");
        const std::string right = said("ca_file=" + ca + client);
        INFO(name << ": " << right);
        if (name == "elsewhere") {
            CHECK(right.find("the server's certificate is refused") != std::string::npos);
            CHECK(right.find("mismatch") != std::string::npos);
            continue;
        }
        CHECK(right.empty());
        const std::string stranger = said("ca_file=" + others.file("ca.crt") + client);
        INFO(stranger);
        CHECK(stranger.find("the server's certificate is refused") != std::string::npos);
        // With TLS 1.3 the server refuses after the handshake.
        const std::string without = said("ca_file=" + ca);
        INFO(without);
        CHECK_FALSE(without.empty());
        CHECK_FALSE(
            said("ca_file=" + ca + "&cert_file=" + others.file("client.crt") + "&key_file=" + others.file("client.key"))
                .empty());
        const std::string mixed =
            said("ca_file=" + ca + "&cert_file=" + ours.file("client.crt") + "&key_file=" + others.file("client.key"));
        CHECK(mixed.find("key_file cannot be read, or does not belong to cert_file") != std::string::npos);
        CHECK(said("ca_file=" + ours.file("missing.crt")).find("ca_file cannot be read") != std::string::npos);
        weir::redis::redis_store plain{weir::redis::parse_redis_dsn("redis://127.0.0.1:" + port).value()};
        CHECK_FALSE(trouble_of(plain).empty());
        weir::redis::redis_store no_tls{
            weir::redis::parse_redis_dsn("rediss://127.0.0.1:" + std::to_string(server.port())).value()};
        CHECK(trouble_of(no_tls).find("is it a TLS port") != std::string::npos);
    }
}
