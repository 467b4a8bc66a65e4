/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The dialogs without GIMP: pictures come from files, and what would change an image
 * is printed. dialogs.sh drives it by keyboard; by hand it is a way to look at them.
 *
 *     dialog_demo describe|find PICTURE
 *
 * With ESPY_TOKEN_MS the model takes its time: slow_model.c. DIALOG_THEME is what GIMP's
 * own windows look like: dark, gray, light, or as the desktop's. At the end it prints what
 * was seen meanwhile:
 *
 *     blocked: MS       how long the interface was blocked at most while the model was
 *                       at work: the longest time between two calls of a timer,
 *                       without the time in which other processes had the CPU
 *     stopped: MS       from the last stop that was asked for to the end of the answer
 *     grew: N           how often the text, or the list, grew while the model worked
 *     hidden: PX        how much of the text was below what is shown, when it ended
 */
#include <stdio.h>
#include <string.h>

#include <gtk/gtk.h>

#include "dialogs.h"
#include "engine.h"
#include "picture.h"
#include "results.h"

static const char *path;

/* --------------------------------------------------------------- the picture */

static const char *const sources[] = { "visible", "layer", "selection" };

int picture_source_find(const char *name) {
    for (int i = 0; i < 3; i++)
        if (g_str_equal(name, sources[i])) return i;
    return -1;
}

const char *picture_source_name(picture_source source) {
    return sources[source];
}

gboolean picture_take(picture *out, host_image image, host_layer layer, picture_source source,
                      GError **error) {
    (void)image, (void)layer;
    espy_error err;
    if (source == PICTURE_SELECTION) {
        g_set_error(error, HOST_ERROR, 0, "Nothing is selected.");
        return FALSE;
    }
    *out = (picture){ 0 };
    if (espy_image_load(&out->image, path, ESPY_ALPHA_WHITE, &err)) {
        g_set_error(error, HOST_ERROR, 0, "%s", err.message);
        return FALSE;
    }
    out->width = espy_image_width(out->image);
    out->height = espy_image_height(out->image);
    out->area = (host_rect){ 0, 0, out->width, out->height };
    return TRUE;
}

void picture_clear(picture *p) {
    espy_image_close(&p->image);
}

guint64 picture_stamp(host_image image, host_layer layer, picture_source source) {
    (void)image, (void)layer;
    return source + 1;
}

gboolean host_image_is_valid(host_image image) {
    return image > 0;
}

/* Of the file, until the image is cropped. */
static gboolean is_cropped;

void host_image_get_size(host_image image, int *width, int *height) {
    (void)image;
    *width = *height = is_cropped ? 100 : 200;
}

gboolean host_layer_is_valid(host_layer layer) {
    return layer > 0;
}

char *host_layer_name(host_layer layer) {
    return g_strdup_printf("Layer %d", layer);
}

void host_flush(void) {
}

char *host_theme(void) {
    return g_strdup(g_getenv("DIALOG_THEME"));
}

/* --------------------------------------------------------------- the results */

static gboolean text_result(const char *name, const char *text) {
    printf("%s: %s\n", name, text);
    fflush(stdout);
    return TRUE;
}

gboolean results_alt_text(host_image image, const char *text, GError **error) {
    (void)image, (void)error;
    return text_result("alt text", text);
}

gboolean results_comment(host_image image, const char *text, GError **error) {
    (void)image, (void)error;
    return text_result("comment", text);
}

gboolean results_layer_name(host_image image, host_layer layer, const char *text, GError **error) {
    (void)image, (void)layer, (void)error;
    return text_result("layer name", text);
}

gboolean results_text_layer(host_image image, const picture *p, const char *text, GError **error) {
    (void)image, (void)p, (void)error;
    return text_result("text layer", text);
}

static gboolean shapes_result(const char *name, const results_shapes *r) {
    for (int i = 0; i < r->n_shapes; i++) {
        const double *xy = r->shapes[i].xy;
        if (r->chosen && !r->chosen[i]) continue;
        printf("%s: %s %.0f %.0f %.0f %.0f\n", name, r->shapes[i].label, xy[0], xy[1], xy[2],
               xy[3]);
    }
    fflush(stdout);
    return TRUE;
}

gboolean results_selection(const results_shapes *r, host_channel_op op, GError **error) {
    static const char *const names[] = { "select", "add", "subtract", "intersect" };
    (void)error;
    return shapes_result(names[op], r);
}

gboolean results_paths(const results_shapes *r, GError **error) {
    (void)error;
    return shapes_result("path", r);
}

gboolean results_guides(const results_shapes *r, GError **error) {
    (void)error;
    return shapes_result("guide", r);
}

gboolean results_layers(const results_shapes *r, GError **error) {
    (void)error;
    return shapes_result("layer", r);
}

gboolean results_crop(const results_shapes *r, GError **error) {
    (void)error;
    is_cropped = TRUE;
    return shapes_result("crop", r);
}

gboolean results_text_layers(const results_shapes *r, GError **error) {
    (void)error;
    return shapes_result("text", r);
}

/* ------------------------------------------------------------------- blocking */

enum { TICK_MS = 5 };

typedef struct watch {
    gint64 last_us;
    double waited_ms, worst_ms;
    gboolean was_busy;
    double hidden_px;
    int n_grown, size; /* characters of the text, or rows of the list */
} watch;

/* The linker leads the dialogs' calls here, to know which engine they have. */
static engine *asked;
void __real_engine_ask(engine *e, const engine_question *q, const engine_events *events,
                       void *user);
void __wrap_engine_ask(engine *e, const engine_question *q, const engine_events *events,
                       void *user);

void __wrap_engine_ask(engine *e, const engine_question *q, const engine_events *events,
                       void *user) {
    asked = e;
    __real_engine_ask(e, q, events, user);
}

static gint64 stop_us; /* when a stop was asked for; 0: it has ended */
static double stopped_ms = -1;
void __real_engine_stop(engine *e);
void __wrap_engine_stop(engine *e);

void __wrap_engine_stop(engine *e) {
    if (engine_is_busy(e)) stop_us = g_get_monotonic_time();
    __real_engine_stop(e);
}

/* How long this thread was ready to run and did not get the CPU, in ms. */
static double waited_ms(void) {
    unsigned long long ran = 0, waited = 0;
    FILE *f = fopen("/proc/thread-self/schedstat", "r");
    if (f) {
        if (fscanf(f, "%llu %llu", &ran, &waited) != 2) waited = 0;
        fclose(f);
    }
    return (double)waited / 1e6;
}

void __real_engine_free(engine *e);
void __wrap_engine_free(engine *e);

void __wrap_engine_free(engine *e) {
    asked = NULL;
    __real_engine_free(e);
}

/* The first widget of a type below another, NULL if there is none. */
static GtkWidget *find_widget(GtkWidget *below, GType type) {
    if (G_TYPE_CHECK_INSTANCE_TYPE(below, type)) return below;
    GtkWidget *child = gtk_widget_get_first_child(below), *found = NULL;
    for (; child && !found; child = gtk_widget_get_next_sibling(child))
        found = find_widget(child, type);
    return found;
}

static GtkWidget *find_in_windows(GType type) {
    GListModel *windows = gtk_window_get_toplevels();
    GtkWidget *found = NULL;
    for (guint i = 0; i < g_list_model_get_n_items(windows) && !found; i++) {
        GtkWidget *window = g_list_model_get_item(windows, i);
        found = find_widget(window, type);
        g_object_unref(window);
    }
    return found;
}

static int size_of_answer(void) {
    GtkWidget *text = find_in_windows(GTK_TYPE_TEXT_VIEW);
    GtkWidget *list = text ? NULL : find_in_windows(GTK_TYPE_LIST_BOX);
    int n = 0;
    if (text)
        n = gtk_text_buffer_get_char_count(gtk_text_view_get_buffer(GTK_TEXT_VIEW(text)));
    else if (list)
        while (gtk_list_box_get_row_at_index(GTK_LIST_BOX(list), n)) n++;
    return n;
}

static double hidden_px(double before) {
    GtkWidget *text = find_in_windows(GTK_TYPE_TEXT_VIEW);
    if (!text || !gtk_widget_get_mapped(text)) return before; /* closed */
    GtkTextView *view = GTK_TEXT_VIEW(text);
    GtkTextIter end;
    GdkRectangle shown, last;
    gtk_text_buffer_get_end_iter(gtk_text_view_get_buffer(view), &end);
    gtk_text_view_get_iter_location(view, &end, &last);
    gtk_text_view_get_visible_rect(view, &shown);
    return MAX(0, last.y + last.height - shown.y - shown.height);
}

static void watch_answer(watch *w, gboolean is_busy) {
    if (is_busy || w->was_busy) {
        int size = size_of_answer();
        w->n_grown += size > w->size;
        w->size = size;
    } else {
        w->hidden_px = hidden_px(w->hidden_px);
    }
    if (!is_busy && stop_us) {
        stopped_ms = (double)(g_get_monotonic_time() - stop_us) / 1e3;
        stop_us = 0;
    }
}

static gboolean tick(gpointer user) {
    watch *w = user;
    gint64 now = g_get_monotonic_time();
    double waited = waited_ms();
    double blocked = (double)(now - w->last_us) / 1e3 - TICK_MS - (waited - w->waited_ms);
    gboolean is_busy = asked && engine_is_busy(asked);
    if ((is_busy || w->was_busy) && blocked > w->worst_ms) w->worst_ms = blocked;
    watch_answer(w, is_busy);
    w->was_busy = is_busy;
    w->last_us = now;
    w->waited_ms = waited;
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
    GError *error = NULL;
    char *text = NULL;
    gboolean shown;
    watch w = { .last_us = g_get_monotonic_time(), .waited_ms = waited_ms() };
    if (argc != 3) {
        fprintf(stderr, "usage: dialog_demo describe|find PICTURE\n");
        return 2;
    }
    path = argv[2];
    g_timeout_add(TICK_MS, tick, &w);
    if (g_str_equal(argv[1], "find"))
        shown = find_dialog_run(1, 2, 0, &error);
    else
        shown = describe_dialog_run(1, 2, -1, 0, &text, &error);
    if (!shown) {
        fprintf(stderr, "dialog_demo: %s\n", error->message);
        g_error_free(error);
        return 1;
    }
    printf("answer: %s\nblocked: %.1f\nstopped: %.1f\ngrew: %d\nhidden: %.0f\n", text ? text : "",
           w.worst_ms, stopped_ms, w.n_grown, w.hidden_px);
    g_free(text);
    return 0;
}
