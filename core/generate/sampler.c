/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate/sampler.h"

#include <math.h>
#include <stdlib.h>

static espy_status check(const espy_sampling *p, espy_error *err) {
    const struct {
        const char *name;
        double value, min, max;
    } rules[] = {
        { "temperature", p->temperature, 0, 1e3 },
        { "top_k", p->top_k, 0, 1e9 },
        { "top_p", p->top_p, 0, 1 },
        { "min_p", p->min_p, 0, 1 },
        { "repetition_penalty", p->repetition_penalty, 0, 1e3 },
        { "presence_penalty", p->presence_penalty, -1e3, 1e3 },
        { "frequency_penalty", p->frequency_penalty, -1e3, 1e3 },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!(rules[i].value >= rules[i].min && rules[i].value <= rules[i].max))
            return espy_fail(err, ESPY_ERR_ARGUMENT, -1, "%s is %g; between %g and %g is possible",
                             rules[i].name, rules[i].value, rules[i].min, rules[i].max);
    return ESPY_OK;
}

espy_status espy_sampler_open(espy_sampler *s, const espy_sampling *params, int n_vocab,
                              const int32_t *prompt, int64_t n, espy_error *err) {
    *s = (espy_sampler){ .params = *params, .n_vocab = n_vocab, .state = params->seed };
    espy_status status = check(params, err);
    if (status) return status;
    s->generated = calloc((size_t)n_vocab, sizeof *s->generated);
    s->seen = calloc((size_t)n_vocab, sizeof *s->seen);
    s->pool = malloc((size_t)n_vocab * sizeof *s->pool);
    if (!s->generated || !s->seen || !s->pool) {
        espy_sampler_close(s);
        return espy_out_of_memory(err);
    }
    for (int64_t i = 0; i < n; i++) s->seen[prompt[i]] = 1;
    return ESPY_OK;
}

void espy_sampler_close(espy_sampler *s) {
    free(s->generated);
    free(s->seen);
    free(s->pool);
    *s = (espy_sampler){ 0 };
}

/* splitmix64, the top 53 bits as [0, 1) */
static double uniform(espy_sampler *s) {
    uint64_t z = s->state += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static void penalise(const espy_sampler *s, float *logits) {
    const espy_sampling *p = &s->params;
    double repetition = p->repetition_penalty == 0 ? 1 : p->repetition_penalty;
    if (repetition == 1 && p->presence_penalty == 0 && p->frequency_penalty == 0) return;
    for (int i = 0; i < s->n_vocab; i++) {
        if (!s->seen[i]) continue;
        double x = logits[i];
        x = x < 0 ? x * repetition : x / repetition;
        if (s->generated[i]) x -= p->presence_penalty + p->frequency_penalty * s->generated[i];
        logits[i] = (float)x;
    }
}

static int32_t argmax(const float *logits, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

/* Higher logit first; equal ones by id, so that the order is fixed. */
static int before(espy_candidate a, espy_candidate b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static int compare(const void *a, const void *b) {
    espy_candidate x = *(const espy_candidate *)a, y = *(const espy_candidate *)b;
    return before(x, y) ? -1 : before(y, x);
}

/* The worst candidate is on top of the heap. */
static void sift_down(espy_candidate *heap, int n, int i) {
    for (;;) {
        int worst = i, l = 2 * i + 1, r = l + 1;
        if (l < n && before(heap[worst], heap[l])) worst = l;
        if (r < n && before(heap[worst], heap[r])) worst = r;
        if (worst == i) return;
        espy_candidate t = heap[i];
        heap[i] = heap[worst];
        heap[worst] = t;
        i = worst;
    }
}

/* The k best of all logits, sorted, into pool; NaN never enters. */
static int select_best(espy_candidate *pool, const float *logits, int n, int k) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        espy_candidate c = { logits[i], i };
        if (isnan(c.logit)) continue;
        if (count < k) {
            pool[count++] = c;
            if (count == k)
                for (int j = k / 2 - 1; j >= 0; j--) sift_down(pool, k, j);
        } else if (before(c, pool[0])) {
            pool[0] = c;
            sift_down(pool, k, 0);
        }
    }
    qsort(pool, (size_t)count, sizeof *pool, compare);
    return count;
}

int32_t espy_sampler_next(espy_sampler *s, float *logits) {
    const espy_sampling *p = &s->params;
    penalise(s, logits);
    int32_t id = argmax(logits, s->n_vocab);
    if (p->temperature > 0) {
        int k = p->top_k > 0 && p->top_k < s->n_vocab ? p->top_k : s->n_vocab;
        int n = select_best(s->pool, logits, s->n_vocab, k);
        double top = n ? s->pool[0].logit : 0, sum = 0, kept = 0;
        for (int i = 0; i < n; i++) sum += exp((s->pool[i].logit - top) / p->temperature);
        /* top-p keeps the fewest that reach it; min-p is relative to the best */
        int n_kept = 0;
        for (; n_kept < n; n_kept++) {
            double w = exp((s->pool[n_kept].logit - top) / p->temperature);
            if (n_kept &&
                ((p->top_p > 0 && p->top_p < 1 && kept >= p->top_p * sum) || w < p->min_p))
                break;
            kept += w;
        }
        double pick = uniform(s) * kept;
        for (int i = 0; i < n_kept; i++) {
            id = s->pool[i].id;
            pick -= exp((s->pool[i].logit - top) / p->temperature);
            if (pick < 0) break;
        }
    }
    s->generated[id]++;
    s->seen[id] = 1;
    return id;
}

void espy_top_logprobs(const float *logits, int n_vocab, int n, espy_logprob *out) {
    double top = logits[argmax(logits, n_vocab)], sum = 0;
    for (int i = 0; i < n_vocab; i++) sum += exp(logits[i] - top);
    double log_sum = top + log(sum);
    for (int j = 0; j < n; j++) out[j] = (espy_logprob){ -1, -INFINITY };
    for (int i = 0; i < n_vocab; i++) {
        float lp = (float)(logits[i] - log_sum);
        int j = n;
        while (j > 0 && (out[j - 1].id < 0 || out[j - 1].logprob < lp)) {
            if (j < n) out[j] = out[j - 1];
            j--;
        }
        if (j < n) out[j] = (espy_logprob){ i, lp };
    }
}
