/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runs.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "engine.h"
#include "i18n.h"
#include "picture.h"
#include "results.h"
#include "settings.h"
#include "ways.h"

static gboolean fail(GError **error, const char *sentence) {
    g_set_error_literal(error, HOST_ERROR, 0, sentence);
    return FALSE;
}

/* -------------------------------------------------------------- arguments */

typedef struct call {
    const procedure *p;
    const procedure_value *arguments;
    gboolean is_many; /* pictures, of which the caller tells how many are done */
} call;

static const procedure_value *argument(const call *c, const char *name) {
    static const procedure_value none = { 0 };
    for (int i = 0; i < c->p->n_arguments; i++)
        if (!strcmp(c->p->arguments[i].name, name)) return &c->arguments[i];
    return &none;
}

/* NULL if it is empty or the procedure does not have it. */
static const char *text_of(const call *c, const char *name) {
    const char *text = argument(c, name)->text;
    return text && text[0] ? text : NULL;
}

static gboolean source_of(const call *c, picture_source *source, GError **error) {
    const char *name = text_of(c, "source");
    int found = name ? picture_source_find(name) : PICTURE_VISIBLE;
    if (!strcmp(c->p->name, "plug-in-espy-describe-layer")) found = PICTURE_LAYER;
    *source = found;
    if (found >= 0) return TRUE;
    g_set_error(error, HOST_ERROR, 0,
                _("There is no source \"%s\"; please use visible, layer or selection."), name);
    return FALSE;
}

static const char *preset_of(const call *c, GError **error) {
    const char *name = text_of(c, "preset");
    const espy_task *task = espy_task_find(name ? name : "caption");
    if (!task || task->films_only || task->answer == ESPY_ANSWER_SHAPES) {
        g_set_error(error, HOST_ERROR, 0,
                    _("There is no preset \"%s\"; please use caption, alt, detailed, tags, text, "
                      "markdown, html, count or question."),
                    name);
        return NULL;
    }
    if (task->argument && !text_of(c, "question")) {
        g_set_error(error, HOST_ERROR, 0, _("The preset \"%s\" needs a question."), task->name);
        return NULL;
    }
    return task->name;
}

static const char *language_of(const call *c) {
    const char *language = text_of(c, "language");
    return language ? language : g_get_language_names()[0];
}

/* ----------------------------------------------------------------- asking */

/* The model of a call; engine_free. A script that asks again is meant to: a load that
 * went wrong before is no reason not to try. */
static engine *open_engine(const call *c) {
    settings *s = settings_load();
    const char *given = text_of(c, "model");
    int n_threads = argument(c, "threads")->number;
    engine *e = engine_new(&(engine_settings){
        .model = given ? given : s->model,
        .n_threads = n_threads > 0 ? n_threads : s->n_threads,
        .memory_limit_bytes = (gint64)s->memory_limit_mb << 20,
        .idle_s = -1,
    });
    settings_free(s);
    return e;
}

typedef struct wait {
    GMainLoop *loop;
    GError **error;
    gboolean ok;
    gboolean (*use)(void *user, const engine_answer *answer, GError **error);
    void *user;
} wait;

static void on_progress(void *user, const char *phase, double fraction) {
    (void)user;
    (void)phase;
    if (fraction >= 0) host_progress_set(fraction);
}

static void on_done(void *user, const engine_answer *answer) {
    wait *w = user;
    if (answer->status)
        fail(w->error, answer->message ? answer->message : _("The model did not answer."));
    else
        w->ok = w->use(w->user, answer, w->error);
    g_main_loop_quit(w->loop);
}

/* Takes over q->image. */
static gboolean ask(engine *e, const call *c, const engine_question *q,
                    gboolean (*use)(void *user, const engine_answer *answer, GError **error),
                    void *user, GError **error) {
    const engine_events events = { .on_progress = c->is_many ? NULL : on_progress,
                                   .on_done = on_done };
    wait w = { g_main_loop_new(NULL, FALSE), error, FALSE, use, user };
    if (!c->is_many) host_progress_begin(_("Looking at the picture…"));
    engine_ask(e, q, &events, &w);
    g_main_loop_run(w.loop);
    g_main_loop_unref(w.loop);
    if (!c->is_many) host_progress_end();
    return w.ok;
}

/* --------------------------------------------------------------- describe */

static gboolean take_text(void *user, const engine_answer *answer, GError **error) {
    char **text = user;
    *text = g_strdup(answer->text);
    return (*text && (*text)[0]) || fail(error, _("The model gave no answer."));
}

/* Looks at one image; *text is the caller's. *p is left to the caller, too. */
static gboolean describe(engine *e, const call *c, host_image image, host_layer layer, picture *p,
                         char **text, GError **error) {
    picture_source source;
    const char *preset = preset_of(c, error);
    if (!preset || !source_of(c, &source, error)) return FALSE;
    if (!picture_take(p, image, layer, source, error)) return FALSE;
    engine_question q = { .image = p->image,
                          .task = preset,
                          .argument = text_of(c, "question"),
                          .language = language_of(c) };
    p->image = NULL;
    return ask(e, c, &q, take_text, text, error);
}

static gboolean keep_text(const char *keep, host_image image, host_layer layer, const picture *p,
                          const char *text, GError **error) {
    if (!keep || !strcmp(keep, "none")) return TRUE;
    if (!strcmp(keep, "alt-text")) return results_alt_text(image, text, error);
    if (!strcmp(keep, "comment")) return results_comment(image, text, error);
    if (!strcmp(keep, "layer-name")) return results_layer_name(image, layer, text, error);
    return results_text_layer(image, p, text, error);
}

static gboolean check_name(const char *name, const char *const *names, const char *sentence,
                           GError **error) {
    if (!name || g_strv_contains(names, name)) return TRUE;
    g_set_error(error, HOST_ERROR, 0, sentence, name);
    return FALSE;
}

gboolean run_describe(const procedure *p, host_image image, host_layer layer,
                      const procedure_value *arguments, procedure_value *returns, GError **error) {
    const call c = { p, arguments, FALSE };
    const char *kept = text_of(&c, "keep");
    if (!check_name(kept, ways_of_text,
                    _("There is no way to keep a text that is called \"%s\"; please use none, "
                      "alt-text, comment, layer-name or text-layer."),
                    error))
        return FALSE;
    engine *e = open_engine(&c);
    picture looked_at = { 0 };
    char *text = NULL;
    gboolean ok = describe(e, &c, image, layer, &looked_at, &text, error) &&
                  keep_text(kept, image, layer, &looked_at, text, error);
    picture_clear(&looked_at);
    engine_free(e);
    if (ok)
        returns[0].text = text;
    else
        g_free(text);
    return ok;
}

/* All are tried, whatever becomes of the others. */
gboolean run_describe_all(const procedure *p, host_image image, host_layer layer,
                          const procedure_value *arguments, procedure_value *returns,
                          GError **error) {
    (void)image;
    (void)layer;
    const call c = { p, arguments, TRUE };
    int n;
    host_image *images = host_images(&n);
    engine *e = open_engine(&c);
    int n_done = 0;
    GError *first = NULL;
    char *failed = NULL;
    host_progress_begin(_("Describing all open images"));
    for (int i = 0; i < n; i++) {
        picture looked_at = { 0 };
        char *text = NULL;
        GError *reason = NULL;
        if (describe(e, &c, images[i], 0, &looked_at, &text, &reason) &&
            results_alt_text(images[i], text, &reason))
            n_done++;
        if (reason && !first) {
            first = reason;
            failed = host_image_name(images[i]);
        } else {
            g_clear_error(&reason);
        }
        g_free(text);
        picture_clear(&looked_at);
        host_progress_set((i + 1.0) / n);
    }
    host_progress_end();
    if (first)
        g_set_error(error, HOST_ERROR, 0, _("%d of %d images got no alt text. \"%s\": %s"),
                    n - n_done, n, failed, first->message);
    gboolean ok = n > 0 && !first;
    if (!n) fail(error, _("There is no image; please open one first."));
    g_clear_error(&first);
    g_free(failed);
    engine_free(e);
    g_free(images);
    returns[0].number = ok ? n_done : 0;
    return ok;
}

/* ------------------------------------------------------------------- find */

typedef struct finding {
    host_image image;
    const picture *picture;
    const char *as;
    procedure_value *returns;
} finding;

static cJSON *shape_json(const picture *p, const espy_shape *s) {
    host_rect box;
    results_bounds(p, s, &box);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "type", espy_shape_type_name(s->type));
    cJSON_AddStringToObject(o, "label", s->label ? s->label : "");
    cJSON_AddNumberToObject(o, "x", box.x);
    cJSON_AddNumberToObject(o, "y", box.y);
    cJSON_AddNumberToObject(o, "width", box.width);
    cJSON_AddNumberToObject(o, "height", box.height);
    cJSON *points = s->type == ESPY_SHAPE_QUAD ? cJSON_AddArrayToObject(o, "points") : NULL;
    for (int i = 0; points && i < 8; i += 2) {
        double xy[2];
        picture_to_image(p, s->xy[i], s->xy[i + 1], &xy[0], &xy[1]);
        cJSON_AddItemToArray(points, cJSON_CreateDoubleArray(xy, 2));
    }
    return o;
}

static gboolean put_into_image(const results_shapes *r, const char *as, GError **error) {
    if (!strcmp(as, "none")) return TRUE;
    if (!strcmp(as, "paths")) return results_paths(r, error);
    if (!strcmp(as, "guides")) return results_guides(r, error);
    if (!strcmp(as, "layers")) return results_layers(r, error);
    if (!strcmp(as, "crop")) return results_crop(r, error);
    if (!strcmp(as, "text-layers")) return results_text_layers(r, error);
    host_channel_op op = !strcmp(as, "selection-add")         ? HOST_ADD
                         : !strcmp(as, "selection-subtract")  ? HOST_SUBTRACT
                         : !strcmp(as, "selection-intersect") ? HOST_INTERSECT
                                                              : HOST_REPLACE;
    return results_selection(r, op, error);
}

static gboolean take_shapes(void *user, const engine_answer *answer, GError **error) {
    finding *f = user;
    const results_shapes r = { f->image, f->picture, answer->shapes, answer->n_shapes, NULL };
    cJSON *list = cJSON_CreateArray();
    int n = 0;
    for (int i = 0; i < r.n_shapes; i++) {
        host_rect box;
        if (!results_bounds(f->picture, &r.shapes[i], &box)) continue;
        cJSON_AddItemToArray(list, shape_json(f->picture, &r.shapes[i]));
        n++;
    }
    gboolean ok = !n || put_into_image(&r, f->as, error);
    char *json = ok ? cJSON_PrintUnformatted(list) : NULL;
    if (ok) {
        f->returns[0].number = n;
        f->returns[1].text = g_strdup(json ? json : "[]");
    }
    cJSON_free(json);
    cJSON_Delete(list);
    return ok;
}

gboolean run_find(const procedure *p, host_image image, host_layer layer,
                  const procedure_value *arguments, procedure_value *returns, GError **error) {
    const call c = { p, arguments, FALSE };
    const char *as = text_of(&c, "as");
    picture_source source;
    if (!text_of(&c, "what")) return fail(error, _("Please say what to find."));
    if (!source_of(&c, &source, error) ||
        !check_name(as, ways_of_shapes,
                    _("There is no way to keep finds that is called \"%s\"; please use "
                      "selection-new, selection-add, selection-subtract, selection-intersect, "
                      "paths, guides, layers, crop, text-layers or none."),
                    error))
        return FALSE;
    picture looked_at = { 0 };
    if (!picture_take(&looked_at, image, layer, source, error)) return FALSE;
    engine *e = open_engine(&c);
    finding f = { image, &looked_at, as ? as : "selection-new", returns };
    engine_question q = { .image = looked_at.image,
                          .task = "find",
                          .argument = text_of(&c, "what"),
                          .language = language_of(&c) };
    looked_at.image = NULL; /* taken over */
    gboolean ok = ask(e, &c, &q, take_shapes, &f, error);
    engine_free(e);
    picture_clear(&looked_at);
    return ok;
}
