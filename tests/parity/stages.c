/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stages.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int say(const char *name, int bad, const char *detail) {
    printf("  %-18s %s%s%s\n", name, bad ? "FAILS" : "equal", *detail ? ": " : "", detail);
    return bad != 0;
}

int stage_text(const char *name, const cJSON *got, const cJSON *want) {
    if (!cJSON_IsString(got)) return say(name, 1, "missing");
    int bad = strcmp(got->valuestring, want->valuestring) != 0;
    if (bad) printf("got:\n%s\nwanted:\n%s\n", got->valuestring, want->valuestring);
    return say(name, bad, "");
}

/* The numbers of a nested array in order; how many there are. */
static int64_t flatten(const cJSON *json, double *out, int64_t room) {
    if (cJSON_IsNumber(json)) {
        if (room > 0) *out = json->valuedouble;
        return 1;
    }
    int64_t n = 0;
    for (const cJSON *c = json ? json->child : NULL; c; c = c->next)
        n += flatten(c, out + n, room - n);
    return n;
}

enum { MAX_NUMBERS = 8192 };

int stage_ints(const char *name, const int32_t *got, int64_t n, const cJSON *want) {
    static double numbers[MAX_NUMBERS];
    char detail[96] = "";
    int64_t n_want = flatten(want, numbers, MAX_NUMBERS);
    if (!got || n != n_want || n > MAX_NUMBERS) {
        snprintf(detail, sizeof detail, "%lld values, wanted %lld", (long long)(got ? n : 0),
                 (long long)n_want);
        return say(name, 1, detail);
    }
    for (int64_t i = 0; i < n; i++)
        if (got[i] != numbers[i]) {
            snprintf(detail, sizeof detail, "[%lld] is %d, wanted %.0f", (long long)i, got[i],
                     numbers[i]);
            return say(name, 1, detail);
        }
    return say(name, 0, "");
}

int stage_numbers(const char *name, const cJSON *got, const cJSON *want) {
    static double numbers[MAX_NUMBERS];
    static int32_t ints[MAX_NUMBERS];
    int64_t n = flatten(got, numbers, MAX_NUMBERS);
    if (!got || n > MAX_NUMBERS) return say(name, 1, "missing");
    for (int64_t i = 0; i < n; i++) ints[i] = (int32_t)numbers[i];
    return stage_ints(name, ints, n, want);
}

static uint64_t fnv1a(const unsigned char *bytes, int64_t n) {
    uint64_t h = 0xCBF29CE484222325u;
    for (int64_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 0x100000001B3u;
    return h;
}

int stage_pixels(const char *name, view got, const cJSON *want) {
    if (cJSON_IsNull(want)) return got.data ? say(name, 1, "not wanted") : 0;
    if (!got.data) return say(name, 1, "missing");
    const cJSON *shape = cJSON_GetObjectItem(want, "shape");
    const char *sum = cJSON_GetObjectItem(want, "fnv1a")->valuestring;
    char detail[96];
    snprintf(detail, sizeof detail, "%016llx", (unsigned long long)fnv1a(got.data, got.n * 4));
    int bad = got.n_dims != 2 || got.shape[0] != shape->child->valueint ||
              got.shape[1] != shape->child->next->valueint || strcmp(detail, sum) != 0;
    return say(name, bad, detail);
}

int stage_floats(const char *name, view got, view want, double rel_bound, double max_bound) {
    if (!want.data) return got.data ? say(name, 1, "not wanted") : 0;
    if (!got.data || got.n != want.n || got.shape[0] != want.shape[0])
        return say(name, 1, got.data ? "other shape" : "missing");
    const float *a = got.data, *b = want.data;
    double apart = 0, length = 0, largest = 0;
    for (int64_t i = 0; i < got.n; i++) {
        double d = (double)a[i] - b[i];
        apart += d * d;
        length += (double)b[i] * b[i];
        if (!(fabs(d) <= largest)) largest = fabs(d);
    }
    double rel = sqrt(apart / length);
    int bad = !isfinite(rel) || !isfinite(largest) || (rel_bound > 0 && rel > rel_bound) ||
              (max_bound > 0 && largest > max_bound);
    printf("  %-18s %s: rel L2 %.1e, max %.1e (allowed: %s %.0e)\n", name, bad ? "FAILS" : "close",
           rel, largest, rel_bound > 0 ? "rel" : "max", rel_bound > 0 ? rel_bound : max_bound);
    return bad;
}

int stage_tokens(const cJSON *got, const cJSON *want, const cJSON *margins, double margin) {
    char detail[96];
    int n = cJSON_GetArraySize(want), i = 0;
    const cJSON *g = got ? got->child : NULL, *w = want->child, *m = margins->child;
    for (; i < n && m->valuedouble >= margin; i++, w = w->next, m = m->next) {
        if (!g || g->valueint != w->valueint) {
            snprintf(detail, sizeof detail, "step %d is %d, wanted %d (margin %.4f)", i,
                     g ? g->valueint : -1, w->valueint, m->valuedouble);
            return say("tokens", 1, detail);
        }
        g = g->next;
    }
    snprintf(detail, sizeof detail, "%d of %d steps asked", i, n);
    if (i == n && g) return say("tokens", 1, "more than wanted");
    return say("tokens", 0, detail);
}

/* The largest difference between two lists of five [id, logprob], looked up by
 * id: near ties may stand in another order. One that fell out of the list
 * counts with its distance from the fifth. */
static double apart_of_five(const cJSON *got, const cJSON *want) {
    double largest = 0, fifth = cJSON_GetArrayItem(want, 4)->child->next->valuedouble;
    for (const cJSON *pair = want->child; pair; pair = pair->next) {
        double value = pair->child->next->valuedouble;
        const cJSON *p = got->child;
        while (p && p->child->valueint != pair->child->valueint) p = p->next;
        double d = fabs(value - (p ? p->child->next->valuedouble : fifth));
        if (!(d <= largest)) largest = d;
    }
    return largest;
}

int stage_logprobs(const cJSON *got, const cJSON *want, const cJSON *margins, const bounds *b) {
    char detail[96];
    double largest = 0;
    const cJSON *g = got ? got->child : NULL, *m = margins->child;
    for (const cJSON *w = want->child; w; w = w->next, g = g->next, m = m->next) {
        if (!g || cJSON_GetArraySize(g) != 5) return say("top_logprobs", 1, "not five");
        largest = fmax(largest, apart_of_five(g, w));
        if (m->valuedouble < b->margin) break; /* later steps see other ids */
    }
    snprintf(detail, sizeof detail, "max %.1e (allowed %.0e)", largest, b->logprob_max);
    return say("top_logprobs", !(largest <= b->logprob_max), detail);
}
