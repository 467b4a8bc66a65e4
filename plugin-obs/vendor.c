/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* obs-websocket is spoken to through procedures by which it shows itself to other
 * modules; the filters, through theirs (see filter.c). */
#include "vendor.h"

#include <glib.h>
#include <obs-module.h>

#include "log.h"

/* As obs-websocket takes a request's function: copied in the call. */
typedef struct request_callback {
    void (*call)(obs_data_t *request, obs_data_t *response, void *user);
    void *user;
} request_callback;

static proc_handler_t *websocket;
static void *vendor; /* NULL: there is none; atomic */

static void *current_vendor(void) {
    return g_atomic_pointer_get(&vendor);
}

/* ------------------------------------------------------------------------ requests */

typedef struct request {
    const char *name;
    const char *procedure;
    gboolean pauses;
    const char *out, *key; /* the procedure's JSON, and where it is put in the answer */
} request;

static const request requests[] = {
    { "caption_now", "espy_caption_now", FALSE, NULL, NULL },
    { "pause", "espy_pause", TRUE, NULL, NULL },
    { "resume", "espy_pause", FALSE, NULL, NULL },
    { "clear", "espy_clear", FALSE, NULL, NULL },
    { "get_caption", "espy_get", FALSE, "caption_json", "caption" },
    { "get_state", "espy_get", FALSE, "state_json", "state" },
};

/* Filters that are meant; each has a reference, and so has the source beside it. */
typedef struct search {
    const char *filter, *source; /* names; "": any */
    GPtrArray *filters, *sources;
} search;

static void see_filter(obs_source_t *source, obs_source_t *filter, void *user) {
    search *s = user;
    if (g_strcmp0(obs_source_get_unversioned_id(filter), "espy_captions_filter")) return;
    if (*s->filter && g_strcmp0(obs_source_get_name(filter), s->filter)) return;
    obs_source_t *filter_ref = obs_source_get_ref(filter), *source_ref = obs_source_get_ref(source);
    if (filter_ref && source_ref) {
        g_ptr_array_add(s->filters, filter_ref);
        g_ptr_array_add(s->sources, source_ref);
    } else {
        obs_source_release(filter_ref);
        obs_source_release(source_ref);
    }
}

static bool see_source(void *user, obs_source_t *source) {
    search *s = user;
    if (*s->source && g_strcmp0(obs_source_get_name(source), s->source)) return true;
    obs_source_enum_filters(source, see_filter, s);
    return true;
}

static void put_json(obs_data_t *to, const char *key, const char *json) {
    obs_data_t *data = json ? obs_data_create_from_json(json) : NULL;
    if (data) obs_data_set_obj(to, key, data);
    obs_data_release(data);
}

static void carry_out(const request *r, obs_source_t *filter, obs_data_t *answer) {
    calldata_t call = { 0 };
    calldata_set_bool(&call, "paused", r->pauses);
    proc_handler_call(obs_source_get_proc_handler(filter), r->procedure, &call);
    if (r->out) put_json(answer, r->key, calldata_string(&call, r->out));
    calldata_free(&call);
}

static void answer_request(obs_data_t *data, obs_data_t *response, void *user) {
    if (!current_vendor()) return;
    search s = { obs_data_get_string(data, "filter"), obs_data_get_string(data, "source"),
                 g_ptr_array_new(), g_ptr_array_new() };
    obs_enum_all_sources(see_source, &s);
    obs_data_array_t *answers = obs_data_array_create();
    for (guint i = 0; i < s.filters->len; i++) {
        obs_source_t *filter = s.filters->pdata[i], *source = s.sources->pdata[i];
        obs_data_t *answer = obs_data_create();
        obs_data_set_string(answer, "filter", obs_source_get_name(filter));
        obs_data_set_string(answer, "source", obs_source_get_name(source));
        carry_out(user, filter, answer);
        obs_data_array_push_back(answers, answer);
        obs_data_release(answer);
        obs_source_release(filter);
        obs_source_release(source);
    }
    obs_data_set_array(response, "filters", answers);
    if (!s.filters->len)
        obs_data_set_string(response, "error",
                            "There is no caption filter of this name on a source of this name.");
    obs_data_array_release(answers);
    g_ptr_array_free(s.filters, TRUE);
    g_ptr_array_free(s.sources, TRUE);
}

/* ------------------------------------------------------------------- obs-websocket */

static proc_handler_t *find_websocket(void) {
    calldata_t call = { 0 };
    proc_handler_call(obs_get_proc_handler(), "obs_websocket_api_get_ph", &call);
    proc_handler_t *found = calldata_ptr(&call, "ph");
    calldata_free(&call);
    return found;
}

static void *become_vendor(void) {
    calldata_t call = { 0 };
    calldata_set_string(&call, "name", "espy");
    proc_handler_call(websocket, "vendor_register", &call);
    void *made = calldata_ptr(&call, "vendor");
    calldata_free(&call);
    return made;
}

static void offer_request(void *of, const request *r) {
    calldata_t call = { 0 };
    request_callback callback = { answer_request, (void *)r };
    calldata_set_ptr(&call, "vendor", of);
    calldata_set_string(&call, "type", r->name);
    calldata_set_ptr(&call, "callback", &callback);
    proc_handler_call(websocket, "vendor_request_register", &call);
    if (!calldata_bool(&call, "success"))
        say(LOG_WARNING, "obs-websocket does not take the request '%s'", r->name);
    calldata_free(&call);
}

void vendor_register(void) {
    websocket = find_websocket();
    void *made = websocket ? become_vendor() : NULL;
    if (!made) {
        say(LOG_INFO, "there is no obs-websocket to send captions by");
        return;
    }
    g_atomic_pointer_set(&vendor, made);
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++) offer_request(made, &requests[i]);
}

/* Nothing is said to obs-websocket, which may have been unloaded before. */
void vendor_forget(void) {
    g_atomic_pointer_set(&vendor, NULL);
}

void vendor_tell(const char *json, const char *filter, const char *source) {
    void *of = current_vendor();
    obs_data_t *data = of ? obs_data_create_from_json(json) : NULL;
    if (!data) return;
    calldata_t call = { 0 };
    obs_data_set_string(data, "filter", filter ? filter : "");
    obs_data_set_string(data, "source", source ? source : "");
    calldata_set_ptr(&call, "vendor", of);
    calldata_set_string(&call, "type", "caption");
    calldata_set_ptr(&call, "data", data);
    proc_handler_call(websocket, "vendor_event_emit", &call);
    calldata_free(&call);
    obs_data_release(data);
}
