/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "color_scheme.h"

#include <gio/gio.h>

static const char service[] = "org.freedesktop.portal.Desktop";
static const char object[] = "/org/freedesktop/portal/desktop";
static const char interface[] = "org.freedesktop.portal.Settings";
static const char name_space[] = "org.freedesktop.appearance", key[] = "color-scheme";

struct color_scheme_watch {
    GCancellable *cancellable; /* what is cancelled comes back, too, but touches nothing */
    GDBusConnection *bus;      /* NULL: not there yet                                   */
    guint subscription;
    void (*on_scheme)(void *user, color_scheme scheme);
    void *user;
};

/* The value may lie in a variant in a variant. Takes value. */
static void tell(color_scheme_watch *w, GVariant *value) {
    while (g_variant_is_of_type(value, G_VARIANT_TYPE_VARIANT)) {
        GVariant *inner = g_variant_get_variant(value);
        g_variant_unref(value);
        value = inner;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32)) {
        guint32 scheme = g_variant_get_uint32(value);
        w->on_scheme(w->user,
                     scheme <= COLOR_SCHEME_LIGHT ? (color_scheme)scheme : COLOR_SCHEME_NONE);
    }
    g_variant_unref(value);
}

static void changed(GDBusConnection *bus, const char *sender, const char *path, const char *from,
                    const char *signal, GVariant *args, gpointer user) {
    (void)bus, (void)sender, (void)path, (void)from, (void)signal;
    const char *of, *name;
    GVariant *value;
    if (!g_variant_is_of_type(args, G_VARIANT_TYPE("(ssv)"))) return;
    g_variant_get(args, "(&s&sv)", &of, &name, &value);
    if (g_str_equal(of, name_space) && g_str_equal(name, key))
        tell(user, value);
    else
        g_variant_unref(value);
}

static void was_read(GObject *bus, GAsyncResult *result, gpointer user) {
    GVariant *args = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, NULL);
    if (!args) return; /* no portal, or no interest any more: user may be gone */
    tell(user, g_variant_get_child_value(args, 0));
    g_variant_unref(args);
}

static void connected(GObject *unused, GAsyncResult *result, gpointer user) {
    (void)unused;
    GDBusConnection *bus = g_bus_get_finish(result, NULL);
    color_scheme_watch *w = user;
    if (!bus) return; /* user may be gone */
    w->bus = bus;
    w->subscription =
        g_dbus_connection_signal_subscribe(bus, service, interface, "SettingChanged", object,
                                           name_space, G_DBUS_SIGNAL_FLAGS_NONE, changed, w, NULL);
    g_dbus_connection_call(bus, service, object, interface, "Read",
                           g_variant_new("(ss)", name_space, key), G_VARIANT_TYPE("(v)"),
                           G_DBUS_CALL_FLAGS_NONE, -1, w->cancellable, was_read, w);
}

/* Asking for a bus where there is none would start one. */
static gboolean has_bus(void) {
    g_autofree char *path = g_build_filename(g_get_user_runtime_dir(), "bus", NULL);
    return g_getenv("DBUS_SESSION_BUS_ADDRESS") || g_file_test(path, G_FILE_TEST_EXISTS);
}

color_scheme_watch *color_scheme_watch_new(void (*on_scheme)(void *user, color_scheme scheme),
                                           void *user) {
    color_scheme_watch *w = g_new0(color_scheme_watch, 1);
    w->cancellable = g_cancellable_new();
    w->on_scheme = on_scheme;
    w->user = user;
    if (has_bus()) g_bus_get(G_BUS_TYPE_SESSION, w->cancellable, connected, w);
    return w;
}

void color_scheme_watch_free(color_scheme_watch *w) {
    if (!w) return;
    g_cancellable_cancel(w->cancellable);
    if (w->bus) g_dbus_connection_signal_unsubscribe(w->bus, w->subscription);
    g_clear_object(&w->bus);
    g_object_unref(w->cancellable);
    g_free(w);
}
