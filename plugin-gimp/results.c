/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Each kind of result is a function that keeps one place in the image; the rest (what
 * was chosen, where it lies on the canvas, the undo group) is the same for all.
 */
#include "results.h"

#include <string.h>

#include "i18n.h"

/* A chosen shape, on the canvas. */
typedef struct place {
    const espy_shape *shape;
    host_rect box; /* not empty, within the image */
    double xy[8];  /* [n_points] corners          */
    int n_points;
} place;

static gboolean fail(GError **error, const char *sentence) {
    g_set_error_literal(error, HOST_ERROR, 0, sentence);
    return FALSE;
}

static gboolean is_open(host_image image, GError **error) {
    if (host_image_is_valid(image)) return TRUE;
    return fail(error, _("The image is not open any more."));
}

/* ------------------------------------------------------------------- places */

static gboolean has_place(const espy_shape *s) {
    return s->type == ESPY_SHAPE_BOX || s->type == ESPY_SHAPE_TEXT || s->type == ESPY_SHAPE_QUAD ||
           s->type == ESPY_SHAPE_POINT;
}

/* The bounds of all corners of a shape, x1 y1 x2 y2 in the picture. */
static void bounds_of(const espy_shape *s, double bounds[4]) {
    int n = s->type == ESPY_SHAPE_POINT ? 1 : s->type == ESPY_SHAPE_QUAD ? 4 : 2;
    memcpy(bounds, s->xy, 2 * sizeof *bounds);
    memcpy(bounds + 2, s->xy, 2 * sizeof *bounds);
    for (int i = 1; i < n; i++) {
        bounds[0] = MIN(bounds[0], s->xy[2 * i]);
        bounds[1] = MIN(bounds[1], s->xy[2 * i + 1]);
        bounds[2] = MAX(bounds[2], s->xy[2 * i]);
        bounds[3] = MAX(bounds[3], s->xy[2 * i + 1]);
    }
}

static gboolean crop_to(host_rect *box, int width, int height) {
    int x1 = MAX(box->x, 0), y1 = MAX(box->y, 0);
    int x2 = MIN(box->x + box->width, width), y2 = MIN(box->y + box->height, height);
    *box = (host_rect){ x1, y1, x2 - x1, y2 - y1 };
    return x2 > x1 && y2 > y1;
}

gboolean results_bounds(const picture *p, const espy_shape *shape, host_rect *bounds) {
    if (!has_place(shape)) return FALSE;
    double xy[4];
    bounds_of(shape, xy);
    *bounds = picture_box_to_image(p, xy);
    return TRUE;
}

/* The corners: of a quad its own, of all else those of the box on the canvas. */
static void set_corners(place *at, const picture *p) {
    const double *xy = at->shape->xy;
    const host_rect b = at->box;
    if (at->shape->type == ESPY_SHAPE_QUAD) {
        for (int i = 0; i < 8; i += 2)
            picture_to_image(p, xy[i], xy[i + 1], &at->xy[i], &at->xy[i + 1]);
        return;
    }
    const double corners[8] = { b.x, b.y,           b.x + b.width,
                                b.y, b.x + b.width, b.y + b.height,
                                b.x, b.y + b.height };
    memcpy(at->xy, corners, sizeof corners);
}

/* The chosen shapes that lie on the canvas; g_free. NULL if there are none. */
static place *places_of(const results_shapes *r, int *n, GError **error) {
    *n = 0;
    if (!is_open(r->image, error)) return NULL;
    int width, height, n_chosen = 0;
    host_image_get_size(r->image, &width, &height);
    place *places = g_new0(place, MAX(r->n_shapes, 1));
    for (int i = 0; i < r->n_shapes; i++) {
        place at = { .shape = &r->shapes[i], .n_points = 4 };
        if (r->chosen && !r->chosen[i]) continue;
        if (!results_bounds(r->picture, at.shape, &at.box)) continue;
        n_chosen++;
        if (!crop_to(&at.box, width, height)) continue;
        set_corners(&at, r->picture);
        places[(*n)++] = at;
    }
    if (*n) return places;
    g_free(places);
    fail(error, n_chosen ? _("What was found lies outside of the image.")
                         : _("Nothing was found, so there is nothing to put into the image."));
    return NULL;
}

static const char *label_of(const place *at) {
    return at->shape->label && at->shape->label[0] ? at->shape->label : _("found");
}

/* --------------------------------------------------------------------- text */

gboolean results_alt_text(host_image image, const char *text, GError **error) {
    if (!is_open(image, error)) return FALSE;
    host_undo_begin(image);
    gboolean ok = host_set_alt_text(image, text, error);
    host_undo_end(image);
    return ok;
}

gboolean results_comment(host_image image, const char *text, GError **error) {
    if (!is_open(image, error)) return FALSE;
    host_undo_begin(image);
    gboolean ok = host_set_comment(image, text);
    host_undo_end(image);
    return ok || fail(error, _("GIMP did not take the comment."));
}

/* One line, as lists of layers show it. */
gboolean results_layer_name(host_image image, host_layer layer, const char *text, GError **error) {
    if (!is_open(image, error)) return FALSE;
    if (!host_layer_is_valid(layer))
        return fail(error, _("There is no layer to name; please choose one."));
    char *line = g_strstrip(g_strdelimit(g_strdup(text), "\r\n\t", ' '));
    gboolean ok = FALSE;
    if (line[0]) {
        host_undo_begin(image);
        ok = host_set_layer_name(layer, line);
        host_undo_end(image);
    }
    g_free(line);
    host_flush();
    return ok || fail(error, _("GIMP did not take the name of the layer."));
}

static gboolean no_text(GError **error) {
    return fail(error, _("GIMP made no text layer; it may have no fonts."));
}

/* In lines of a 24th of the height, from the upper border of what was looked at on. */
gboolean results_text_layer(host_image image, const picture *p, const char *text, GError **error) {
    if (!is_open(image, error)) return FALSE;
    if (!text || !text[0]) return fail(error, _("There is no text."));
    int width, height;
    host_image_get_size(image, &width, &height);
    host_rect area = p ? p->area : (host_rect){ 0, 0, width, height };
    if (!crop_to(&area, width, height)) area = (host_rect){ 0, 0, width, height };
    double size = MAX(area.height / 24.0, 8);
    int margin = (int)(size / 2), box = MAX(area.width - 2 * margin, 1);
    host_undo_begin(image);
    host_layer made = host_add_text(image, 0, text, size, area.x + margin, area.y + margin, box);
    host_undo_end(image);
    host_flush();
    return made > 0 || no_text(error);
}

/* ------------------------------------------------------------------- shapes */

/* Does r for each place between the ends of one undo group. */
typedef gboolean (*keep_fn)(const results_shapes *r, const place *places, int n, void *user,
                            GError **error);

static gboolean keep(const results_shapes *r, keep_fn how, void *user, GError **error) {
    int n;
    place *places = places_of(r, &n, error);
    if (!places) return FALSE;
    host_undo_begin(r->image);
    gboolean ok = how(r, places, n, user, error);
    host_undo_end(r->image);
    g_free(places);
    host_flush();
    return ok;
}

static gboolean keep_selection(const results_shapes *r, const place *places, int n, void *user,
                               GError **error) {
    host_channel_op op = *(const host_channel_op *)user;
    /* All finds together meet what was selected, not one after the other. */
    gint32 kept = op == HOST_INTERSECT ? host_selection_keep(r->image) : 0;
    gboolean ok = op != HOST_INTERSECT || kept > 0;
    for (int i = 0; ok && i < n; i++) {
        host_channel_op each = op == HOST_SUBTRACT       ? HOST_SUBTRACT
                               : op == HOST_ADD || i > 0 ? HOST_ADD
                                                         : HOST_REPLACE;
        ok = host_select(r->image, each, places[i].xy, places[i].n_points);
    }
    if (kept > 0) ok = host_selection_meet(r->image, kept) && ok;
    return ok || fail(error, _("GIMP did not change the selection."));
}

gboolean results_selection(const results_shapes *r, host_channel_op op, GError **error) {
    return keep(r, keep_selection, &op, error);
}

static gboolean keep_paths(const results_shapes *r, const place *places, int n, void *user,
                           GError **error) {
    (void)user;
    for (int i = 0; i < n; i++)
        if (!host_add_path(r->image, label_of(&places[i]), places[i].xy, places[i].n_points))
            return fail(error, _("GIMP did not make the path."));
    return TRUE;
}

gboolean results_paths(const results_shapes *r, GError **error) {
    return keep(r, keep_paths, NULL, error);
}

static gboolean keep_guides(const results_shapes *r, const place *places, int n, void *user,
                            GError **error) {
    (void)user;
    gboolean ok = TRUE;
    for (int i = 0; ok && i < n; i++) {
        const host_rect *b = &places[i].box;
        ok = host_add_guide(r->image, TRUE, b->y) &&
             host_add_guide(r->image, TRUE, b->y + b->height) &&
             host_add_guide(r->image, FALSE, b->x) &&
             host_add_guide(r->image, FALSE, b->x + b->width);
    }
    return ok || fail(error, _("GIMP did not set the guides."));
}

gboolean results_guides(const results_shapes *r, GError **error) {
    return keep(r, keep_guides, NULL, error);
}

static gboolean keep_layers(const results_shapes *r, const place *places, int n, void *user,
                            GError **error) {
    (void)user;
    host_layer source = host_visible_new(r->image); /* before the group covers it */
    host_layer group = source > 0 ? host_add_group(r->image, _("Found")) : 0;
    gboolean ok = group > 0;
    for (int i = 0; ok && i < n; i++)
        ok = host_add_copy(r->image, group, source, places[i].box, label_of(&places[i])) > 0;
    if (source > 0) host_visible_delete(source);
    if (!ok && group > 0) host_layer_remove(r->image, group);
    return ok || fail(error, _("GIMP did not make the layers."));
}

gboolean results_layers(const results_shapes *r, GError **error) {
    return keep(r, keep_layers, NULL, error);
}

static gboolean keep_crop(const results_shapes *r, const place *places, int n, void *user,
                          GError **error) {
    (void)user;
    host_rect all = places[0].box;
    for (int i = 1; i < n; i++) {
        const host_rect b = places[i].box;
        int x2 = MAX(all.x + all.width, b.x + b.width);
        int y2 = MAX(all.y + all.height, b.y + b.height);
        all.x = MIN(all.x, b.x);
        all.y = MIN(all.y, b.y);
        all.width = x2 - all.x;
        all.height = y2 - all.y;
    }
    return host_crop(r->image, all) || fail(error, _("GIMP did not crop the image."));
}

gboolean results_crop(const results_shapes *r, GError **error) {
    return keep(r, keep_crop, NULL, error);
}

static gboolean keep_text_layers(const results_shapes *r, const place *places, int n, void *user,
                                 GError **error) {
    (void)user;
    host_layer group = host_add_group(r->image, _("Text"));
    gboolean ok = group > 0;
    for (int i = 0; ok && i < n; i++) {
        const host_rect *b = &places[i].box;
        /* The box is that of the line, so its height is the size. */
        double size = MAX(b->height, 4);
        ok = host_add_text(r->image, group, label_of(&places[i]), size, b->x, b->y, 0) > 0;
    }
    if (!ok && group > 0) host_layer_remove(r->image, group);
    return ok || no_text(error);
}

gboolean results_text_layers(const results_shapes *r, GError **error) {
    return keep(r, keep_text_layers, NULL, error);
}
