/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model that takes its time: waits $ESPY_TOKEN_MS after each token, on the thread that
 * generates. The built-in model answers in some ten milliseconds, which nobody can
 * see, or stop; with this its words come at the speed of a large one.
 *
 * Linked into a test with -Wl,--wrap=espy_generate; or, built with -DPRELOADED, a
 * library for LD_PRELOAD in front of libespy.
 */
#ifdef PRELOADED
#include <dlfcn.h>
#endif
#include <stdlib.h>
#include <time.h>

#include <espy.h>

typedef espy_status generate_fn(espy_context *context, const espy_request *request,
                                espy_result *out, espy_error *err);

#ifdef PRELOADED
#define SLOW_GENERATE espy_generate
static generate_fn *real_generate(void) {
    generate_fn *f;
    *(void **)&f = dlsym(RTLD_NEXT, "espy_generate");
    return f;
}
#else
#define SLOW_GENERATE __wrap_espy_generate
generate_fn __real_espy_generate;
generate_fn __wrap_espy_generate;
static generate_fn *real_generate(void) {
    return __real_espy_generate;
}
#endif

typedef struct slowed {
    const espy_request *request;
    long token_ms;
} slowed;

static int on_text(void *user, const char *piece, size_t n_bytes) {
    const slowed *s = user;
    struct timespec wait = { s->token_ms / 1000, s->token_ms % 1000 * 1000000 };
    nanosleep(&wait, NULL);
    return s->request->on_text ? s->request->on_text(s->request->user, piece, n_bytes) : 0;
}

static int on_progress(void *user, const char *phase, int64_t done, int64_t total) {
    const slowed *s = user;
    return s->request->on_progress(s->request->user, phase, done, total);
}

espy_status SLOW_GENERATE(espy_context *context, const espy_request *request, espy_result *out,
                          espy_error *err) {
    const char *ms = getenv("ESPY_TOKEN_MS");
    slowed s = { request, ms ? atol(ms) : 0 };
    espy_request slow = *request;
    if (s.token_ms <= 0) return real_generate()(context, request, out, err);
    slow.on_text = on_text;
    slow.on_progress = request->on_progress ? on_progress : NULL;
    slow.user = &s;
    return real_generate()(context, &slow, out, err);
}
