/* What is asked of an upstream once, and kept. */
#include "config/log.h"
#include "storage/catalog/upstream_answer.h"
#include "storage/memory/arena.h"
#include "storage/memory/strbuf.h"
#include "storage/mirror/state.h"

static bool find_kept(struct mirror *mirror, const struct upstream *upstream, const char *kept_as,
                      struct strbuf *out)
{
    struct arena *arena = arena_new();
    struct upstream_answer answer;
    bool is_kept = !catalog_find_upstream_answer(mirror->options.catalog, upstream, kept_as, arena, &answer, NULL);

    if (is_kept)
        strbuf_bytes(out, answer.body, answer.length);
    arena_free(arena);
    return is_kept;
}

/* Whoever asked gets his answer also where it could not be kept. */
static enum status keep(struct mirror *mirror, const struct upstream *upstream,
                        const struct mirror_lasting *lasting, const struct strbuf *body, struct error *err)
{
    uint8_t digest[SHA256_SIZE];
    const struct kept_answer answer = {.name_fold = lasting->name_fold, .path = lasting->kept_as,
                                       .body = body->data, .length = body->length, .said_sha256 = digest};
    struct error why;
    enum status rc;

    digest_sha256(body->data, body->length, digest);
    rc = catalog_keep_upstream_answer(mirror->options.catalog, upstream, &answer, &why);
    if (rc)
        log_event(LOG_WARN, "upstream.not-kept", "upstream=%s what=%s status=%s reason=\"%s\"", upstream->name,
                  lasting->kept_as, status_word(rc), why.message);
    if (rc == STATUS_CONFLICT)
        *err = why;
    return rc == STATUS_CONFLICT ? rc : STATUS_OK;
}

enum status mirror_ask_once(struct mirror *mirror, const struct upstream *upstream,
                            const struct mirror_question *question, const struct mirror_lasting *lasting,
                            struct strbuf *out, int *code, struct error *err)
{
    enum status rc;

    if (find_kept(mirror, upstream, lasting->kept_as, out)) {
        *code = 200;
        mirror_count_hit(mirror, upstream, false, (int64_t)out->length);
        return STATUS_OK;
    }
    if ((rc = mirror_ask(mirror, upstream, question, out, code, err)))
        return rc;
    if (*code != 200 || out->length > UPSTREAM_ANSWER_MAX || !lasting->is_good(out))
        return STATUS_OK;
    return keep(mirror, upstream, lasting, out, err);
}
