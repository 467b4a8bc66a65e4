/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "preview.h"

#include "i18n.h"

enum { LEAST_PX = 240, LINE_PX = 2, POINT_PX = 5, LABEL_PAD_PX = 3 };

struct _Preview {
    GtkWidget parent;
    GdkTexture *texture; /* NULL: there is no picture */
    shape_list *shapes;
    GArray *chosen; /* of gboolean */
};

G_DEFINE_TYPE(Preview, preview, GTK_TYPE_WIDGET)

GdkRGBA preview_color(int i) {
    /* Told apart by most eyes, on light and on dark pictures (Okabe and Ito, 2008). */
    static const char *const colors[] = { "#e69f00", "#56b4e9", "#009e73",
                                          "#f0e442", "#d55e00", "#cc79a7" };
    GdkRGBA color;
    gdk_rgba_parse(&color, colors[i % (int)G_N_ELEMENTS(colors)]);
    return color;
}

/* Where the picture stands in the widget. */
static graphene_rect_t placed(Preview *p, double *scale) {
    GtkWidget *w = GTK_WIDGET(p);
    double width = gtk_widget_get_width(w), height = gtk_widget_get_height(w);
    double picture_width = gdk_texture_get_width(p->texture);
    double picture_height = gdk_texture_get_height(p->texture);
    *scale = MIN(width / picture_width, height / picture_height);
    double w_px = picture_width * *scale, h_px = picture_height * *scale;
    return GRAPHENE_RECT_INIT((float)((width - w_px) / 2), (float)((height - h_px) / 2),
                              (float)w_px, (float)h_px);
}

static void draw_label(Preview *p, cairo_t *cr, const char *label, double x, double y,
                       const graphene_rect_t *within, const GdkRGBA *color) {
    int width, height;
    PangoLayout *layout = gtk_widget_create_pango_layout(GTK_WIDGET(p), label);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_width(layout, (int)within->size.width * PANGO_SCALE / 2);
    pango_layout_get_pixel_size(layout, &width, &height);
    double right = within->origin.x + within->size.width;
    x = MAX(within->origin.x, MIN(x, right - width - 2 * LABEL_PAD_PX));
    y = MAX(within->origin.y, y - height);
    gdk_cairo_set_source_rgba(cr, color);
    cairo_rectangle(cr, x, y, width + 2 * LABEL_PAD_PX, height);
    cairo_fill(cr);
    cairo_set_source_rgb(cr, 0, 0, 0);
    cairo_move_to(cr, x + LABEL_PAD_PX, y);
    pango_cairo_show_layout(cr, layout);
    g_object_unref(layout);
}

static void draw_shape(Preview *p, cairo_t *cr, int i, const graphene_rect_t *at, double scale) {
    const espy_shape *shape = shape_list_at(p->shapes, i);
    GdkRGBA color = preview_color(i);
    double xy[8];
    int n = shape_outline(shape, xy);
    gboolean chosen = g_array_index(p->chosen, gboolean, i);
    if (n == 0) return;
    color.alpha = chosen ? 1 : 0.4F;
    cairo_new_path(cr); /* a label before leaves its end as a point */
    for (int k = 0; k < n; k++) {
        double x = at->origin.x + xy[2 * k] * scale, y = at->origin.y + xy[2 * k + 1] * scale;
        if (n == 1)
            cairo_arc(cr, x, y, POINT_PX, 0, 2 * G_PI);
        else
            cairo_line_to(cr, x, y);
    }
    cairo_close_path(cr);
    /* A dark edge, so that the line is seen on its own colour too. */
    cairo_set_source_rgba(cr, 0, 0, 0, 0.6 * color.alpha);
    cairo_set_line_width(cr, 2 * LINE_PX);
    cairo_stroke_preserve(cr);
    gdk_cairo_set_source_rgba(cr, &color);
    cairo_set_line_width(cr, LINE_PX);
    cairo_stroke(cr);
    if (chosen && shape->label[0])
        draw_label(p, cr, shape->label, at->origin.x + xy[0] * scale, at->origin.y + xy[1] * scale,
                   at, &color);
}

static void preview_snapshot(GtkWidget *widget, GtkSnapshot *snapshot) {
    Preview *p = ESPY_PREVIEW(widget);
    double scale;
    if (!p->texture) return;
    graphene_rect_t at = placed(p, &scale);
    gtk_snapshot_append_texture(snapshot, p->texture, &at);
    if (p->shapes->len == 0) return;
    cairo_t *cr = gtk_snapshot_append_cairo(snapshot, &at);
    for (int i = 0; i < (int)p->shapes->len; i++) draw_shape(p, cr, i, &at, scale);
    cairo_destroy(cr);
}

static void preview_measure(GtkWidget *widget, GtkOrientation orientation, int for_size,
                            int *minimum, int *natural, int *minimum_baseline,
                            int *natural_baseline) {
    (void)widget, (void)orientation, (void)for_size;
    *minimum = LEAST_PX;
    *natural = 2 * LEAST_PX;
    *minimum_baseline = *natural_baseline = -1;
}

static void preview_finalize(GObject *object) {
    Preview *p = ESPY_PREVIEW(object);
    g_clear_object(&p->texture);
    shape_list_free(p->shapes);
    g_array_free(p->chosen, TRUE);
    G_OBJECT_CLASS(preview_parent_class)->finalize(object);
}

static void preview_class_init(PreviewClass *class) {
    GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);
    G_OBJECT_CLASS(class)->finalize = preview_finalize;
    widget->snapshot = preview_snapshot;
    widget->measure = preview_measure;
    gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_IMG);
}

static void preview_init(Preview *p) {
    p->shapes = shape_list_new();
    p->chosen = g_array_new(FALSE, TRUE, sizeof(gboolean));
    gtk_widget_set_overflow(GTK_WIDGET(p), GTK_OVERFLOW_HIDDEN);
    gtk_accessible_update_property(GTK_ACCESSIBLE(p), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                   _("The picture that is looked at"), -1);
}

Preview *preview_new(void) {
    return g_object_new(preview_get_type(), NULL);
}

void preview_set_picture(Preview *p, const espy_image *image) {
    preview_clear_shapes(p);
    g_clear_object(&p->texture);
    if (image) {
        int width = espy_image_width(image), height = espy_image_height(image);
        gsize stride = (gsize)width * 3;
        GBytes *bytes = g_bytes_new(espy_image_pixels(image), stride * (gsize)height);
        p->texture = gdk_memory_texture_new(width, height, GDK_MEMORY_R8G8B8, bytes, stride);
        g_bytes_unref(bytes);
    }
    gtk_widget_queue_draw(GTK_WIDGET(p));
}

void preview_clear_shapes(Preview *p) {
    shape_list_clear(p->shapes);
    g_array_set_size(p->chosen, 0);
    gtk_widget_queue_draw(GTK_WIDGET(p));
}

void preview_add_shape(Preview *p, const espy_shape *shape) {
    gboolean chosen = TRUE;
    shape_list_add(p->shapes, shape);
    g_array_append_val(p->chosen, chosen);
    gtk_widget_queue_draw(GTK_WIDGET(p));
}

void preview_choose(Preview *p, int i, gboolean chosen) {
    if (i < 0 || i >= (int)p->chosen->len) return;
    g_array_index(p->chosen, gboolean, i) = chosen;
    gtk_widget_queue_draw(GTK_WIDGET(p));
}
