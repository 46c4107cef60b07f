#include "tests/support/told_sink.h"

#include <netdb.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>

/* Names that only this test knows; libcurl asks here instead of the system. */
static atomic_int rebound;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    static const char v4[] = "127.0.0.1";
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } * made;
    bool is_ours = !strcmp(name, "mirror.test") || !strcmp(name, "files.test") ||
                   !strcmp(name, "rebind.test") || !strcmp(name, "localhost") ||
                   !strncmp(name, "127.", 4);

    (void)hints;
    if (!is_ours || !(made = calloc(1, sizeof *made)))
        return EAI_NONAME;
    made->address.sin_family = AF_INET;
    made->address.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
    inet_pton(AF_INET, v4, &made->address.sin_addr);
    if (!strcmp(name, "rebind.test"))
        atomic_fetch_add(&rebound, 1);
    made->info = (struct addrinfo){.ai_family = AF_INET,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_protocol = IPPROTO_TCP,
                                   .ai_addrlen = sizeof made->address,
                                   .ai_addr = (struct sockaddr *)&made->address};
    *out = &made->info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info); /* it stands first in what was made */
}

/* The mapped, short, numeric and zero forms of this machine, and what they may not be followed by.
 */
static void private_addresses_are_refused_in_every_form(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "localhost",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
    };
    struct fetcher_options options = usual;
    struct upstream_server server;

    (void)state;
    options.allow_addresses = "10.0.0.0/8";
    upstream_start(&server, says_hello, NULL);
    for (size_t row = 0; row < sizeof hosts / sizeof *hosts; row++) {
        struct told told;
        char url[128];
        enum status rc;

        snprintf(url, sizeof url, "http://%s:%d/", hosts[row], server.port);
        rc = run(&options, &(struct transfer_request){.method = "GET", .url = url}, &told);
        if (rc != STATUS_BAD_UPSTREAM || !strstr(told.error.message, "private address"))
            fail_msg("row %zu %s: %s: %s", row, hosts[row], status_word(rc), told.error.message);
        strbuf_free(&told.bytes);
    }
    upstream_stop(&server);
    assert_int_equal(server.connections, 0);
}

/* Redirects to where the query says. */
static bool redirects(struct exchange *exchange)
{
    const char *to = strchr(exchange->path, '?');
    char fields[600];

    if (!to)
        return says_hello(exchange);
    snprintf(fields, sizeof fields, "Location: %s\r\n", to + 1);
    return upstream_answer(exchange, 302, fields, "moved", 5);
}

/* Where redirects lead from http://mirror.test, which a person named and which is private. */
static const struct {
    const char *to; /* %d is the server's port, %o another server's */
    bool may_be_private, any_host, is_listed;
    const char *allowed, *sentence; /* NULL: it arrives */
} places[] = {
    {"/own",                          true,  false, false, "",            NULL                  },
    {"/own",                          false, false, false, "",            "private address"     },
    {"/own",                          false, false, false, "127.0.0.0/8", NULL                  },
    {"http://mirror.test:%d/own",     true,  false, false, "",            NULL                  },
    {"http://MIRROR.test:%d/own",     true,  false, false, "",            NULL                  },
    {"http://mirror.test:%o/own",     true,  false, false, "",            "private address"     },
    {"http://mirror.test:%o/own",     true,  false, false, "127.0.0.1",   NULL                  },
    {"http://files.test:%d/",         true,  false, false, "127.0.0.0/8", "not listed"          },
    {"http://files.test:%d/",         true,  false, true,  "",            "private address"     },
    {"http://files.test:%d/",         true,  false, true,  "127.0.0.0/8", NULL                  },
    {"http://files.test:%d/",         true,  true,  false, "127.0.0.0/8", "without https"       },
    {"https://files.test:%d/",        true,  true,  false, "",            "private address"     },
    {"http://127.0.0.1:%d/",          true,  false, false, "127.0.0.0/8", "not listed"          },
    {"http://mirror.test.evil:%d/",   true,  false, false, "127.0.0.0/8", "not listed"          },
    {"http://mirror.test%2eevil:%d/", true,  false, false, "127.0.0.0/8", "no http or https URL"},
};

static void place(char *out, size_t size, const char *pattern, int port, int other)
{
    const char *sign = strstr(pattern, ":%");

    if (!sign)
        snprintf(out, size, "%s", pattern);
    else
        snprintf(out, size, "%.*s:%d%s", (int)(sign - pattern), pattern,
                 sign[2] == 'o' ? other : port, sign + 3);
}

static void a_redirect_leads_only_where_it_may(void **state)
{
    static const char *const hosts[] = {"files.test", NULL};
    struct upstream_server server, other;

    (void)state;
    upstream_start(&server, redirects, NULL);
    upstream_start(&other, says_hello, NULL);
    for (size_t row = 0; row < sizeof places / sizeof *places; row++) {
        struct fetcher_options options = usual;
        struct told told;
        char to[128], url[256];
        bool has_arrived;

        options.allow_addresses = places[row].allowed;
        place(to, sizeof to, places[row].to, server.port, other.port);
        snprintf(url, sizeof url, "http://mirror.test:%d/?%s", server.port, to);
        has_arrived =
            !run(&options,
                 &(struct transfer_request){.method = "GET",
                                            .url = url,
                                            .any_host = places[row].any_host,
                                            .may_be_private = places[row].may_be_private,
                                            .hosts = places[row].is_listed ? hosts : NULL},
                 &told);
        if (has_arrived != !places[row].sentence ||
            (!has_arrived && !strstr(told.error.message, places[row].sentence)))
            fail_msg("row %zu: %s: %s", row, to, told.error.message);
        if (has_arrived)
            assert_string_equal(told.bytes.data, "hello");
        strbuf_free(&told.bytes);
    }
    upstream_stop(&other);
    upstream_stop(&server);
}

/* A connection that was opened for an upstream that may be private serves no other transfer. */
static void a_private_connection_is_not_lent(void **state)
{
    struct fetcher_options options = usual;
    struct transfer_request request = {.method = "GET", .may_be_private = true};
    struct upstream_server server;
    struct fetcher *fetcher;
    struct error err = {0};
    struct strbuf out;
    char url[128];
    int code;

    (void)state;
    options.allow_addresses = "";
    upstream_start(&server, says_hello, NULL);
    snprintf(url, sizeof url, "http://rebind.test:%d/", server.port);
    request.url = url;
    strbuf_init(&out, NULL, 100);
    assert_int_equal(fetcher_start(&options, &fetcher, NULL), STATUS_OK);
    assert_int_equal(fetcher_get(fetcher, &request, &out, &code, &err), STATUS_OK);
    request.may_be_private = false;
    assert_int_equal(fetcher_get(fetcher, &request, &out, &code, &err), STATUS_BAD_UPSTREAM);
    assert_non_null(strstr(err.message, "private address"));
    fetcher_stop(fetcher);
    upstream_stop(&server);
    assert_int_equal(atomic_load(&server.requests), 1);
    assert_true(atomic_load(&rebound) > 0); /* or this test would know nothing of names */
    strbuf_free(&out);
}

static void credentials_go_to_their_own_origin_only(void **state)
{
    static const char *const hosts[] = {"files.test", NULL};
    struct upstream_server server, other;
    struct told told;
    char url[256];

    (void)state;
    upstream_start(&server, redirects, NULL);
    upstream_start(&other, says_hello, NULL);
    for (int row = 0; row < 3; row++) {
        const char *host = row == 1 ? "files.test" : "mirror.test";
        int port = row == 2 ? server.port : other.port;

        snprintf(url, sizeof url, "http://mirror.test:%d/?http://%s:%d/own", server.port, host,
                 port);
        if (run(&usual,
                &(struct transfer_request){
                    .method = "GET", .url = url, .authorization = "Bearer hush", .hosts = hosts},
                &told))
            fail_msg("%s", told.error.message);
        assert_true(upstream_saw(&server, "Bearer hush"));
        assert_false(upstream_saw(&other, "hush"));
        strbuf_free(&told.bytes);
    }
    assert_int_equal(atomic_load(&other.requests), 2);
    assert_int_equal(atomic_load(&server.requests), 4);
    upstream_stop(&other);
    upstream_stop(&server);
}

static void what_cannot_be_asked_says_why(void **state)
{
    static const struct {
        const char *url, *header;
        enum status expected;
        const char *sentence;
    } rows[] = {
        {"file:///etc/passwd",    "A: b",         STATUS_INVALID,      "no http or https" },
        {"ftp://127.0.0.1/",      "A: b",         STATUS_INVALID,      "no http or https" },
        {"",                      "A: b",         STATUS_INVALID,      "no http or https" },
        {"http://u:p@127.0.0.1/", "A: b",         STATUS_INVALID,      "no http or https" },
        {"http://127.0.0.1/",     "A: b\r\nC: d", STATUS_INVALID,      "header"           },
        {"http://nowhere.test/",  "A: b",         STATUS_BAD_UPSTREAM,
         "could not resolve the upstream's host"                                          },
        {"http://127.0.0.1:1/",   "A: b",         STATUS_BAD_UPSTREAM, "could not connect"},
    };
    struct fetcher_options options = usual;

    (void)state;
    options.retries = 1;
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        const char *headers[] = {rows[row].header, NULL};
        struct told told;
        enum status rc = run(
            &options,
            &(struct transfer_request){.method = "GET", .url = rows[row].url, .headers = headers},
            &told);

        if (rc != rows[row].expected || !strstr(told.error.message, rows[row].sentence))
            fail_msg("row %zu: %s: %s", row, status_word(rc), told.error.message);
        assert_int_equal(told.heads, 0);
        strbuf_free(&told.bytes);
    }
    options.allow_addresses = "10.0.0.0/8,nonsense";
    assert_int_equal(fetcher_start(&options, &(struct fetcher *){NULL}, NULL), STATUS_INVALID);
}

static void a_proxy_is_asked_for_what_is_elsewhere(void **state)
{
    static const struct {
        const char *url, *sentence;
    } rows[] = {
        {"http://far.test:81/x?y", NULL             },
        {"http://10.1.2.3/",       "private address"},
        {"http://[::ffff:a00:1]/", "private address"},
        {"http://0xa9fea9fe/",     "private address"},
    };
    struct fetcher_options options = usual;
    struct upstream_server server;

    (void)state;
    options.allow_addresses = "";
    upstream_start(&server, says_hello, NULL);
    setenv("http_proxy", server.url, 1);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct told told;
        enum status rc =
            run(&options,
                &(struct transfer_request){
                    .method = "GET", .url = rows[row].url, .authorization = "Bearer t"},
                &told);

        if (!rc != !rows[row].sentence || (rc && !strstr(told.error.message, rows[row].sentence)))
            fail_msg("row %zu: %s", row, told.error.message);
        strbuf_free(&told.bytes);
    }
    unsetenv("http_proxy");
    assert_true(upstream_saw(&server, "GET http://far.test:81/x?y HTTP/1.1\r\n"));
    assert_int_equal(atomic_load(&server.requests), 1);
    upstream_stop(&server);
}

/* A certificate of its own for mirror.test: into the file, and with its key into the context. */
static void make_certificate(const char *certificate, SSL_CTX *tls)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    X509_NAME *name = X509_get_subject_name(x509);
    X509V3_CTX context;
    X509_EXTENSION *extension;
    FILE *out = fopen(certificate, "w");

    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mirror.test", -1,
                               -1, 0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, key);
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:mirror.test");
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(out, x509), 1);
    fclose(out);
    assert_int_equal(SSL_CTX_use_certificate(tls, x509), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, key), 1);
    X509_free(x509);
    EVP_PKEY_free(key);
}

struct tls_server {
    SSL_CTX *context;
    int listener;
};

static void serve_tls_once(SSL *tls)
{
    char request[2048] = "";
    int length = 0, got;

    while (!strstr(request, "\r\n\r\n") &&
           (got = SSL_read(tls, request + length, (int)sizeof request - 1 - length)) > 0) {
        length += got;
        request[length] = '\0';
    }
    if (length)
        SSL_write(tls, HELLO, sizeof HELLO - 1);
    SSL_shutdown(tls);
}

static void *serve_tls(void *context)
{
    struct tls_server *server = context;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        SSL *tls = SSL_new(server->context);

        SSL_set_fd(tls, fd);
        if (SSL_accept(tls) == 1)
            serve_tls_once(tls);
        SSL_free(tls);
        close(fd);
    }
    return NULL;
}

static void a_certificate_must_be_trusted(void **state)
{
    static const struct {
        const char *host, *ca_file, *sentence; /* ca_file "": the system's; NULL: the right one */
    } rows[] = {
        {"mirror.test", "",             "certificate is not trusted"},
        {"files.test",  NULL,           "certificate is not trusted"},
        {"mirror.test", "/nonexistent", "could not be made"         },
        {"mirror.test", NULL,           NULL                        },
    };
    char file[] = "/tmp/fetcher_test_XXXXXX";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct tls_server server = {SSL_CTX_new(TLS_server_method()), socket(AF_INET, SOCK_STREAM, 0)};
    pthread_t thread;

    (void)state;
    signal(SIGPIPE, SIG_IGN); /* a client that distrusts hangs up while it is told */
    close(mkstemp(file));
    make_certificate(file, server.context);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    assert_int_equal(getsockname(server.listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve_tls, &server), 0);
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        struct fetcher_options options = usual;
        struct told told;
        char url[128];
        enum status rc;

        options.ca_file = rows[row].ca_file ? rows[row].ca_file : file;
        snprintf(url, sizeof url, "https://%s:%d/", rows[row].host, ntohs(address.sin_port));
        rc = run(&options, &(struct transfer_request){.method = "GET", .url = url}, &told);
        if (!rc != !rows[row].sentence || (rc && !strstr(told.error.message, rows[row].sentence)))
            fail_msg("row %zu: %s: %s", row, status_word(rc), told.error.message);
        strbuf_free(&told.bytes);
    }
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(server.listener);
    SSL_CTX_free(server.context);
    unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_addresses_are_refused_in_every_form),
        cmocka_unit_test(a_redirect_leads_only_where_it_may),
        cmocka_unit_test(a_private_connection_is_not_lent),
        cmocka_unit_test(credentials_go_to_their_own_origin_only),
        cmocka_unit_test(what_cannot_be_asked_says_why),
        cmocka_unit_test(a_proxy_is_asked_for_what_is_elsewhere),
        cmocka_unit_test(a_certificate_must_be_trusted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
